"""Creates the teams that mappings wait for, and binds the mappings to them.

A lost response creates no second team: the next attempt sends the same slug, and Cal.com accepts each slug only
once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from calscim.calcom.reader import Reader
from calscim.planner.actions import CreateTeam
from calscim.planner.desired_state import DesiredState
from calscim.planner.ids import TeamId
from calscim.planner.observed_state import Incomplete, Team
from calscim.planner.roles import Role
from calscim.planner.teams.creation import match_existing_team
from calscim.reconciler.observed_cache import UNKNOWN, ObservedCache
from calscim.reconciler.recorder import Recorder


@dataclass(slots=True)
class TeamCreator:
    """Creates teams and binds mappings. ``made``: the team that replaced each id below zero."""

    reader: Reader
    view: ObservedCache
    record: Recorder
    made: dict[TeamId, TeamId] = field(default_factory=dict)

    async def bind_existing(self, waiting: Mapping[TeamId, str], request_id: str) -> int:
        """Bind mappings to teams that Cal.com lists; return the number of teams."""
        bound = 0
        for awaited, name in waiting.items():
            if not isinstance(match_existing_team(self.view.team_catalog.known(), name), Team):
                continue
            there = await self.find(name)  # the listed team may be deleted by now
            if isinstance(there, Team):
                await self.bind_found(awaited, there, request_id)
                bound += 1
        return bound

    async def find(self, name: str) -> Team | str | Incomplete | None:
        """Return the team, or the reason why the name is ambiguous, or None if the team does not exist."""
        teams = await self.reader.teams(expected=self.view.team_catalog.names.keys())
        if isinstance(teams, Incomplete):
            return teams
        return match_existing_team(teams.value.values(), name)

    async def bind_found(self, awaited: TeamId, team: Team, request_id: str) -> None:
        """Bind a team that exists. An attempt whose answer was lost may have created it."""
        ours = await self.record.has_attempt(awaited, team.id)
        await self._bind(awaited, team, request_id, ours=ours)

    async def bind_created(self, action: CreateTeam, team: TeamId, request_id: str) -> None:
        assert action.new_team is not None
        self.made[action.team] = team
        await self._bind(action.team, Team(team, action.new_team, None), request_id, ours=True)

    async def _bind(self, awaited: TeamId, team: Team, request_id: str, *, ours: bool) -> None:
        me = self.view.me
        await self.record.bind(awaited, team, request_id, me if ours else None)
        self.view.team_catalog.names[team.id] = team.name
        await self.view.read_team(self.reader, team.id)
        if team.id in self.view.gaps:  # a lagging replica does not show the team yet
            self.view.stale.add(team.id)
        if not ours or me is None:
            return
        member = self.view.teams.get(team.id, {}).get(me)
        if member is not None and member.role is Role.OWNER:
            await self.record.record_owner_membership(team.id, member.membership)

    async def observe_owners(self, directory: DesiredState) -> None:
        """Record memberships of bootstrap owners that were not visible when calscim created the team."""
        for team, creator in directory.bootstrap_owners.items():
            member = self.view.teams.get(team, {}).get(creator.cal_user)
            if creator.membership is None and member is not None and member.membership != UNKNOWN:
                await self.record.record_owner_membership(team, member.membership)
