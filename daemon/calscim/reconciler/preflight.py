"""The last look at a person before anything is taken away from them; reads, and cannot write."""

from dataclasses import dataclass, replace

from calscim.calcom.reader import Reader
from calscim.planner.actions import (
    AcceptMember,
    Action,
    DeprovisionUser,
    ReinviteUser,
    Removal,
    RoleChange,
    demotes,
    is_of_bootstrap_owner,
    team_of,
)
from calscim.planner.ids import CalUserId, MembershipId
from calscim.planner.observed_state import Incomplete, OrgMember, TeamMember
from calscim.planner.policy import Policy, untouchable
from calscim.planner.safeguards.preflight import floors
from calscim.planner.teams.creator_owner import owns_beside
from calscim.reconciler.snapshot import UNKNOWN, ObservedCache

_ON_A_MEMBERSHIP = Removal | RoleChange | AcceptMember


@dataclass(frozen=True, slots=True)
class Preflight:
    reader: Reader
    view: ObservedCache
    policy: Policy

    async def take(self, action: Action) -> tuple[Action, str | Incomplete | None]:
        """The action with its membership; and why not, or what could not be read."""
        user = action.cal_user
        if isinstance(action, ReinviteUser):
            return action, await self._of_half_member(action.membership)
        if user is None or not isinstance(action, _ON_A_MEMBERSHIP):
            return action, None
        if action.membership in (None, UNKNOWN):
            known = await self._number(action, user)
            if isinstance(known, Incomplete):
                return action, known
            action = replace(action, membership=known)
        team = team_of(action)
        person = (self.view.people or {}).get(user)
        if isinstance(action, DeprovisionUser) or demotes(action):
            number = action.membership if team is None else _membership(person)
            if number is not None and number != UNKNOWN:
                fresh = await self.reader.person(number)
                if isinstance(fresh, Incomplete):
                    return action, fresh
                person = fresh or person
        member = None if team is None else self.view.teams.get(team, {}).get(user)
        assert self.view.me is not None
        if is_of_bootstrap_owner(action) and not self._still_owned(action):
            return action, "nobody else owns the team any more"
        return action, floors(action, person, member, self.view.me, self.policy)

    async def _of_half_member(self, membership: MembershipId) -> str | Incomplete | None:
        """Why a half-member does not become pending: meanwhile an owner, or protected."""
        fresh = await self.reader.person(membership)
        if fresh is None or isinstance(fresh, Incomplete):
            return fresh
        assert self.view.me is not None
        return untouchable(fresh, self.view.me, self.policy)

    async def _number(self, action: Action, user: CalUserId) -> MembershipId | Incomplete:
        """Of a membership that was made without telling its number."""
        found: OrgMember | TeamMember | None
        gap: str | None
        team = team_of(action)
        if team is None:
            await self.view.read_people(self.reader)
            people = self.view.people
            found = None if people is None else people.get(user)
            gap = self.view.people_gap if people is None else None
        else:
            await self.view.read_team(self.reader, team)
            found = self.view.teams.get(team, {}).get(user)
            gap = self.view.gaps.get(team)
        if found is not None:
            return found.membership
        return Incomplete(
            gap or "Cal.com's list does not show this membership yet: looked at again later"
        )

    def _still_owned(self, action: Action) -> bool:
        """Whether somebody else owns the team that the one who made it is to leave."""
        team = team_of(action)
        members = {} if team is None else self.view.teams.get(team, {})
        return any(
            action.cal_user is not None and owns_beside(action.cal_user, member)
            for member in members.values()
        )


def _membership(person: OrgMember | None) -> MembershipId | None:
    return None if person is None else person.membership
