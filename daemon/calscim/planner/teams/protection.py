"""Which members of a team are never removed or demoted, and how members are named.

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

    def floor(
        self, team: TeamId, member: TeamMember, record: MembershipRecord | None
    ) -> str | None:
        """Return why this person is never removed or demoted, or None."""
        if member.user == self._observed.me:
            return "the API key belongs to this person"
        protected = self._policy.protected
        if protected and any(
            address_key(address) in protected for address in self._addresses(member.user, record)
        ):
            return "on the protected list"
        added = record is not None and record.origin == "added"
        made = added and record is not None and record.role is member.role
        if member.role is Role.OWNER and not made:
            return "an owner of the team whom calscim did not make one"
        seen = (
            None
            if self._deprovisioning.seen is None
            else self._deprovisioning.seen.get(member.user)
        )
        # Without the address in Cal.com, a protected person may go unnoticed.
        if seen is None and (protected or not added):
            return "not seen in the organization, so it is not known who this is"
        if not added and seen is not None and seen.role is Role.OWNER:
            return "an owner of the organization"
        if member.role is Role.ADMIN and not made and self._leads_alone(team):
            return "the last administrator of the team"
        return None

    def _leads_alone(self, team: TeamId) -> bool:
        if team not in self._administrators:
            members = self._observed.teams[team]
            assert not isinstance(members, Incomplete)
            self._administrators[team] = sum(
                one.role is not Role.MEMBER
                and one.accepted
                and not self._deprovisioning.leaves(one.user)
                for one in members.value.values()
            )
        return self._administrators[team] <= 1

    def reserve_removal(
        self, team: TeamId, member: TeamMember, role: Role | None, state: State
    ) -> None:
        """Count one administrator fewer, as if the planned action were done."""
        if member.role is Role.MEMBER or role in (Role.ADMIN, Role.OWNER) or state is not State.RUN:
            return
        self._leads_alone(team)
        self._administrators[team] -= member.accepted

    # ---------------------------------------------------------------- messages

    def name(self, team: TeamId) -> str:
        return self._observed.team_names.get(team) or f"team {team}"

    def email(self, account: CalUserId | None, record: MembershipRecord | None) -> str:
        if account is not None and self._deprovisioning.seen is not None:
            seen = self._deprovisioning.seen.get(account)
            if seen is not None:
                return seen.email
        known = [] if account is None else [one for one in self._addresses(account, record) if one]
        return known[0] if known else f"account {account}"

    def _addresses(self, account: CalUserId, record: MembershipRecord | None) -> list[str]:
        link = None if record is None else self._desired.links.get(record.user)
        return [*self._deprovisioning.addresses(account), *([] if link is None else [link.email])]
