"""Grant organization roles, and take back those that no mapped group grants any more."""

from collections.abc import Iterator
from dataclasses import replace

from calscim.planner.actions import ChangeOrgRole, State
from calscim.planner.context import PlanContext
from calscim.planner.grants import strongest
from calscim.planner.modes import Mode
from calscim.planner.plan import Additions, Plan
from calscim.planner.roles import Role


def grant_org_roles(plan: Plan, context: PlanContext) -> Plan:
    """Give members the organization roles that mapped groups grant."""
    deprovisioning, in_scope = context.deprovisioning, context.people_in_scope
    added = Additions()
    for account, grant in context.grants.roles.items():
        if isinstance(account, str) or (in_scope is not None and account not in in_scope):
            continue
        member = deprovisioning.member(account)
        if member is None or not member.has_joined or not deprovisioning.is_wanted(account):
            continue
        if grant.role is member.role or grant.mode is Mode.ADD_ONLY:
            continue
        user = context.people.primary_user[account]
        explanation = context.provenance.why_granted(account, grant, grant.role)
        reason = f"{explanation.gives} the role {grant.role.value} in the organization"
        protection = deprovisioning.find_protection(member)
        if grant.role.rank < member.role.rank and protection is not None:
            added.wait(user, f"{reason}, but calscim does not change this person: {protection}")
            continue
        is_observed = grant.mode is Mode.OBSERVE
        added.actions.append(
            ChangeOrgRole(
                user.email or member.email,
                reason,
                user=user.id,
                cal_user=account,
                membership=member.membership,
                role=grant.role,
                observed_role=member.role,
                mode=grant.mode,
                mappings=grant.ids,
                provenance=explanation.provenance,
                state=State.OBSERVED if is_observed else deprovisioning.state_of_wanted(account),
            )
        )
    return added.add_to(plan)


def revoke_org_roles(plan: Plan, context: PlanContext) -> Plan:
    """Demote to MEMBER everyone whose organization role calscim granted and no mapped group still grants."""
    return replace(plan, actions=(*plan.actions, *_revocations(context)))


def _revocations(context: PlanContext) -> Iterator[ChangeOrgRole]:
    deprovisioning, in_scope = context.deprovisioning, context.people_in_scope
    provenance, grants = context.provenance, context.grants
    for account, record in sorted(context.desired.org_role_grants.items()):
        member = deprovisioning.member(account)
        if account in grants.roles or (in_scope is not None and account not in in_scope):
            continue
        if member is None or member.role is not record.role or member.role is Role.MEMBER:
            continue  # or another role was set by hand since then
        if deprovisioning.is_leaving(account) or deprovisioning.find_protection(member) is not None:
            continue
        given = provenance.given(record)
        if not given:
            continue  # the directory was deleted: the role stays, as team memberships do
        mode = strongest(given)
        if mode not in (Mode.MANAGED, Mode.EXCLUSIVE):
            continue
        users = grants.people.users(account)
        explanation = provenance.why_role_ended(given, [*(user.id for user in users), record.user])
        yield ChangeOrgRole(
            member.email,
            "is no longer in a group that gives a role in the organization"
            if explanation is None
            else f"{explanation.reason}, which gave a role in the organization",
            user=users[0].id if users else record.user,
            cal_user=account,
            membership=member.membership,
            role=Role.MEMBER,
            observed_role=member.role,
            mode=mode,
            mappings=record.mappings,
            provenance=None if explanation is None else explanation.provenance,
            drift=explanation is None,
            state=deprovisioning.state_for(mapping.directory for mapping in given),
        )
