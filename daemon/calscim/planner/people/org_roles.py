"""Take back organization roles that calscim granted, and keep the last administrator."""

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as MappingOf
from dataclasses import replace

from calscim.planner.actions import Action, ChangeOrgRole, DeprovisionUser
from calscim.planner.context import PlanContext
from calscim.planner.grants import STRENGTH
from calscim.planner.ids import CalUserId
from calscim.planner.modes import Mode
from calscim.planner.observed_state import OrgMember
from calscim.planner.people.waiting import note_protected
from calscim.planner.plan import Plan, merge_waiting
from calscim.planner.roles import Role


def revoke_org_roles(plan: Plan, context: PlanContext) -> Plan:
    """Demote to MEMBER everyone whose organization role calscim granted and no mapped group still grants."""
    return replace(plan, actions=(*plan.actions, *_revocations(context)))


def keep_last_administrator(plan: Plan, context: PlanContext) -> Plan:
    """Drop one action from a plan that would leave the organization without an administrator."""
    seen = context.deprovisioning.seen
    last = None if seen is None else _last(plan.actions, seen)
    if last is None:
        return plan
    kept = note_protected(last, "the last administrator of the organization")
    return replace(
        plan,
        actions=tuple(action for action in plan.actions if action is not last),
        waiting=merge_waiting((*plan.waiting, *kept)),
    )


def _revocations(context: PlanContext) -> Iterator[ChangeOrgRole]:
    desired, chosen = context.desired, context.chosen
    deprovisioning, provenance, grants = context.deprovisioning, context.provenance, context.grants
    for account, grant in sorted(desired.org_role_grants.items()):
        seen = None if deprovisioning.seen is None else deprovisioning.seen.get(account)
        named = account in grants.roles or (chosen is not None and account not in chosen)
        if seen is None or named or seen.role is not grant.role or seen.role is Role.MEMBER:
            continue  # or another role was set by hand since then
        if deprovisioning.leaves(account) or deprovisioning.floor(seen) is not None:
            continue
        given = [
            provenance.mappings[number]
            for number in grant.mappings
            if number in provenance.mappings
        ]
        if not given:
            continue  # the directory was deleted: the role stays, as team memberships do
        strongest = max((mapping.mode for mapping in given), key=lambda mode: STRENGTH[mode])
        if strongest not in (Mode.MANAGED, Mode.EXCLUSIVE):
            continue
        users = grants.people.users(account)
        explanation = provenance.why_role_ended(given, [*(user.id for user in users), grant.user])
        yield ChangeOrgRole(
            seen.email,
            "is in no group any more that gives a role in the organization"
            if explanation is None
            else f"{explanation.reason}, which gave a role in the organization",
            user=users[0].id if users else grant.user,
            cal_user=account,
            membership=seen.membership,
            role=Role.MEMBER,
            observed_role=seen.role,
            mode=strongest,
            mappings=grant.mappings,
            provenance=None if explanation is None else explanation.provenance,
            drift=explanation is None,
            state=deprovisioning.state(mapping.directory for mapping in given),
        )


def _last(actions: Sequence[Action], seen: MappingOf[CalUserId, OrgMember]) -> Action | None:
    """Return the action to drop if all administrators would go at once: the lowest account id stays."""
    losing = [action for action in actions if _loses_org_role(action)]
    if not losing:
        return None
    administrators = {
        account for account, one in seen.items() if one.accepted and one.role is not Role.MEMBER
    }
    if administrators - {action.cal_user for action in losing}:
        return None
    return min(losing, key=lambda one: (one.cal_user not in administrators, one.cal_user or 0))


def _loses_org_role(action: Action) -> bool:
    if not isinstance(action, DeprovisionUser | ChangeOrgRole):
        return False
    if action.observed_role in (None, Role.MEMBER):
        return False
    return isinstance(action, DeprovisionUser) or action.role is Role.MEMBER
