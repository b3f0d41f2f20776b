"""Makes a team that a mapping waits for, once: looks for it before, and binds the mappings to it after.

An answer that was lost makes no second team: the name's slug is the same at the next try, and Cal.com takes
each only once.
"""

from dataclasses import dataclass, field

from calscim.calcom.reader import Reader
from calscim.core.model import Action, Incomplete, Role, Team, TeamId
from calscim.core.newteams import existing
from calscim.reconcile.record import Recorder
from calscim.reconcile.view import View


@dataclass(slots=True)
class NewTeams:
    """``made``: which team a number below zero has become in this pass."""

    reader: Reader
    view: View
    record: Recorder
    made: dict[TeamId, TeamId] = field(default_factory=dict)

    async def look(self, action: Action) -> Team | str | Incomplete | None:
        """The team where it is there already; or why it is not clear; None: it is to be made."""
        teams = await self.reader.teams(expected=self.view.names.keys())
        if isinstance(teams, Incomplete):
            return teams
        assert action.new_team is not None
        return existing(teams.value.values(), action.new_team)

    async def found(self, action: Action, team: Team, request_id: str) -> None:
        """It was there. Made by a call whose answer was lost, its owner is calscim's doing all the same."""
        assert action.team is not None
        ours = await self.record.may_be_made(action.team, team.id)
        await self._bind(action.team, team, request_id, ours=ours)

    async def created(self, action: Action, team: TeamId, request_id: str) -> None:
        assert action.team is not None and action.new_team is not None
        self.made[action.team] = team
        await self._bind(action.team, Team(team, action.new_team, None), request_id, ours=True)

    async def _bind(self, awaited: TeamId, team: Team, request_id: str, *, ours: bool) -> None:
        me = self.view.me
        await self.record.bind(awaited, team, request_id, me if ours else None)
        self.view.names[team.id] = team.name
        await self.view.read_team(self.reader, team.id)
        if team.id in self.view.gaps:  # a lagging replica does not have it yet
            self.view.stale.add(team.id)
        if not ours or me is None:
            return
        member = self.view.teams.get(team.id, {}).get(me)
        if member is not None and member.role is Role.OWNER:
            await self.record.saw_creator(team.id, member.membership)
