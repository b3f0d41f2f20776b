"""Makes a team that a mapping waits for, once: looks for it before, and binds the mappings to it after.

An answer that was lost makes no second team: the name's slug is the same at the next try, and Cal.com takes
each only once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from calscim.calcom.reader import Reader
from calscim.planner.actions import CreateTeam
from calscim.planner.desired_state import DesiredState
from calscim.planner.ids import TeamId
from calscim.planner.observed_state import Incomplete, Team
from calscim.planner.roles import Role
from calscim.planner.teams.creation import existing
from calscim.reconciler.recorder import Recorder
from calscim.reconciler.snapshot import UNKNOWN, ObservedCache


@dataclass(slots=True)
class TeamCreator:
    """``made``: which team a number below zero has become in this pass."""

    reader: Reader
    view: ObservedCache
    record: Recorder
    made: dict[TeamId, TeamId] = field(default_factory=dict)

    async def recognise(self, waiting: Mapping[TeamId, str], request_id: str) -> int:
        """Mappings that wait for a team which is listed by now get it before anything is planned for either."""
        bound = 0
        for awaited, name in waiting.items():
            if not isinstance(existing(self.view.listed(), name), Team):
                continue
            there = await self.look(name)  # what was listed may be gone by now
            if isinstance(there, Team):
                await self.found(awaited, there, request_id)
                bound += 1
        return bound

    async def look(self, name: str) -> Team | str | Incomplete | None:
        """The team where it is there already; or why it is not clear; None: it is to be made."""
        teams = await self.reader.teams(expected=self.view.names.keys())
        if isinstance(teams, Incomplete):
            return teams
        return existing(teams.value.values(), name)

    async def found(self, awaited: TeamId, team: Team, request_id: str) -> None:
        """It was there. Made by a call whose answer was lost, its owner is calscim's doing all the same."""
        ours = await self.record.may_be_made(awaited, team.id)
        await self._bind(awaited, team, request_id, ours=ours)

    async def created(self, action: CreateTeam, team: TeamId, request_id: str) -> None:
        assert action.new_team is not None
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

    async def see_creators(self, directory: DesiredState) -> None:
        """Where the key's own user was not visible yet when calscim made a team."""
        for team, creator in directory.bootstrap_owners.items():
            member = self.view.teams.get(team, {}).get(creator.cal_user)
            if creator.membership is None and member is not None and member.membership != UNKNOWN:
                await self.record.saw_creator(team, member.membership)
