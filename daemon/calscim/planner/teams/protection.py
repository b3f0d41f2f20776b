"""Which members of a team are never removed or demoted.

The API key's user, protected people, owners that calscim did not make, and the last administrator of a team keep
their membership and role.
"""

from calscim.names import address_key
from calscim.planner.actions import State
from calscim.planner.desired_state import DesiredState, MembershipRecord
from calscim.planner.ids import CalUserId, TeamId
from calscim.planner.observed_state import Incomplete, ObservedState, TeamMember
from calscim.planner.people.deprovisioning import Deprovisioning
from calscim.planner.policy import Policy
from calscim.planner.roles import Role


class TeamProtections:
    """Counts the administrators that planned actions leave on a team, so that at least one remains."""

    def __init__(
        self,
        desired: DesiredState,
        observed: ObservedState,
        policy: Policy,
        deprovisioning: Deprovisioning,
    ) -> None:
        self._desired = desired
        self._observed = observed
        self._policy = policy
        self._deprovisioning = deprovisioning
        self._administrators: dict[TeamId, int] = {}  # left after the planned actions

    def find(self, team: TeamId, member: TeamMember, record: MembershipRecord | None) -> str | None:
        """Return why this person is never removed or demoted, or None."""
        if member.user == self._observed.me:
            return "the API key belongs to this person"
        protected = self._policy.protected
        if protected and any(
            address_key(address) in protected for address in self._addresses(member.user, record)
        ):
            return "on the protected list"
        is_added = record is not None and record.origin == "added"
        has_role_from_calscim = is_added and record is not None and record.role is member.role
        if member.role is Role.OWNER and not has_role_from_calscim:
            return "an owner of the team whose role calscim did not grant"
        person = self._deprovisioning.member(member.user)
        # Without the address in Cal.com, a protected person may go unnoticed.
        if person is None and (protected or not is_added):
            return "calscim does not see this account in the organization, so it does not know the address"
        if not is_added and person is not None and person.role is Role.OWNER:
            return "an owner of the organization"
        if member.role is Role.ADMIN and not has_role_from_calscim and self._count(team) <= 1:
            return "the last administrator of the team"
        return None

    def reserve_removal(
        self, team: TeamId, member: TeamMember, role: Role | None, state: State
    ) -> None:
        """Count one administrator fewer, as if the planned action were done."""
        if state is State.RUN and member.role is not Role.MEMBER and role in (None, Role.MEMBER):
            self._administrators[team] = self._count(team) - member.accepted

    def _count(self, team: TeamId) -> int:
        """Return the number of administrators that the planned actions leave on the team."""
        if team not in self._administrators:
            members = self._observed.teams[team]
            assert not isinstance(members, Incomplete)
            self._administrators[team] = sum(
                one.role is not Role.MEMBER
                and one.accepted
                and not self._deprovisioning.is_leaving(one.user)
                for one in members.value.values()
            )
        return self._administrators[team]

    def email(self, account: CalUserId, record: MembershipRecord | None = None) -> str:
        """Return the address that names an account: the one in Cal.com, else one that the directory knows."""
        known = (address for address in self._addresses(account, record) if address)
        person = self._deprovisioning.member(account)
        return next(known, f"account {account}") if person is None else person.email

    def _addresses(self, account: CalUserId, record: MembershipRecord | None) -> list[str]:
        link = None if record is None else self._desired.links.get(record.user)
        return [*self._deprovisioning.addresses(account), *([] if link is None else [link.email])]
