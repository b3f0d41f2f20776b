"""Reads a person's organization membership right before a deprovision or a demotion. Cannot write.

A removal from a team is checked against the last read of the team.
"""

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
from calscim.planner.policy import Policy, find_org_protection
from calscim.planner.safeguards.preflight import find_protection
from calscim.planner.teams.bootstrap_owner import is_another_owner
from calscim.reconciler.observed_cache import UNKNOWN, ObservedCache

_ON_A_MEMBERSHIP = Removal | RoleChange | AcceptMember


@dataclass(frozen=True, slots=True)
class Preflight:
    reader: Reader
    view: ObservedCache
    policy: Policy

    async def check(self, action: Action) -> tuple[Action, str | Incomplete | None]:
        """Return the action with its membership id, and the reason to refuse it, or Incomplete if a read failed."""
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
            return action, "no other person owns the team any more"
        return action, find_protection(action, person, member, self.view.me, self.policy)

    async def _of_half_member(self, membership: MembershipId) -> str | Incomplete | None:
        """Return the reason why a half-member must not become pending, or None."""
        fresh = await self.reader.person(membership)
        if fresh is None or isinstance(fresh, Incomplete):
            return fresh
        assert self.view.me is not None
        return find_org_protection(fresh, self.view.me, self.policy)

    async def _number(self, action: Action, user: CalUserId) -> MembershipId | Incomplete:
        """Read the id of a membership that calscim created without getting its id."""
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
        """Return True if another member owns the team that the bootstrap owner leaves."""
        team = team_of(action)
        members = {} if team is None else self.view.teams.get(team, {})
        return any(
            action.cal_user is not None and is_another_owner(action.cal_user, member)
            for member in members.values()
        )


def _membership(person: OrgMember | None) -> MembershipId | None:
    return None if person is None else person.membership
