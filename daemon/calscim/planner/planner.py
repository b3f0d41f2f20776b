"""Compute a plan from the desired and the observed state, in stages.

Each stage takes a plan and returns one. A rule that forbids proposed actions goes into ``constraints``. The planner
does no I/O. The same inputs give the same plan, in whatever order they were read. After one of the plan's actions is
done, planning again gives exactly the rest.
"""

from collections.abc import Callable
from dataclasses import replace

from calscim.planner.attributes.diff import plan_attributes
from calscim.planner.canonical_order import sort_plan
from calscim.planner.constraints import CONSTRAINTS
from calscim.planner.context import PlanContext, PlanInputs, make_context
from calscim.planner.observed_state import Incomplete
from calscim.planner.people.membership import plan_people
from calscim.planner.people.org_roles import grant_org_roles, revoke_org_roles
from calscim.planner.plan import Plan
from calscim.planner.safeguards.drift_grace import defer_drift
from calscim.planner.safeguards.holds import keep_held, release_started
from calscim.planner.safeguards.limits_check import hold_over_limits
from calscim.planner.teams.bootstrap_owner import plan_bootstrap_owners
from calscim.planner.teams.creation import plan_new_teams
from calscim.planner.teams.membership import plan_members

Stage = Callable[[Plan, PlanContext], Plan]

PROPOSE: tuple[Stage, ...] = (
    plan_people,
    grant_org_roles,
    revoke_org_roles,
    plan_attributes,
    plan_members,
    plan_bootstrap_owners,
    plan_new_teams,
    *CONSTRAINTS,
    sort_plan,
)
"""From the desired and the observed state to actions that respect every protection, in canonical order."""

SAFEGUARD: tuple[Stage, ...] = (defer_drift, hold_over_limits, keep_held, release_started)
"""Drift grace, limits, and approvals: what runs now, and what has to wait."""


def make_plan(inputs: PlanInputs) -> Plan:
    """Return everything to do within the scope, in canonical order, each action in its final state."""
    return _run((*PROPOSE, *SAFEGUARD), inputs)


def propose(inputs: PlanInputs) -> Plan:
    """Return the plan before drift grace, limits, and approvals. It has no hash."""
    return _run(PROPOSE, inputs)


def _run(stages: tuple[Stage, ...], inputs: PlanInputs) -> Plan:
    context = make_context(inputs)
    plan = _empty_plan(context)
    for stage in stages:
        plan = stage(plan, context)
    return plan


def _empty_plan(context: PlanContext) -> Plan:
    people = context.observed.people
    links = tuple(sorted(context.people.new_links, key=lambda link: link.user))
    plan = Plan(context.policy.name, links=links)
    if isinstance(people, Incomplete):
        return replace(plan, incomplete=(f"the organization's members: {people.reason}",))
    return replace(plan, members=len(people.value))
