"""The last check before a removal or a demotion, on the last values that were read."""

from calscim.names import address_key
from calscim.planner.actions import (
    Action,
    TeamAction,
    is_of_bootstrap_owner,
    observed_role_of,
    removes_access,
)
from calscim.planner.ids import CalUserId
from calscim.planner.observed_state import OrgMember, TeamMember
from calscim.planner.policy import Policy, find_org_protection
from calscim.planner.roles import Role


def find_protection(
    action: Action,
    person: OrgMember | None,
    member: TeamMember | None,
    me: CalUserId,
    policy: Policy,
) -> str | None:
    """Return why the removal is not allowed, or None if it is.

    ``person`` and ``member`` are the current values, None if absent. The plan already respects the same protections,
    but people can become owners and settings can change between the plan and the call.
    """
    if not removes_access(action):
        return None
    if action.cal_user == me and not is_of_bootstrap_owner(action):
        return "the API key belongs to this person"
    addresses = {address_key(action.email)}
    if person is not None:
        addresses.add(address_key(person.email))
    if not policy.protected.isdisjoint(addresses):
        return "on the protected list"
    if not isinstance(action, TeamAction):
        if person is None:
            return "calscim did not see the person in the organization right before the change"
        return find_org_protection(person, me, policy)
    if member is None:
        return "calscim did not see the person on the team right before the change"
    if member.role is Role.OWNER and observed_role_of(action) is not Role.OWNER:
        return "became an owner of the team in the meantime"
    return None
