"""Makes the plan of a pass, with the approvals of operators applied."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from calscim.planner.action_key import digest
from calscim.planner.actions import State
from calscim.planner.context import PlanInputs
from calscim.planner.observed_state import ObservedState
from calscim.planner.plan import Plan, Scope
from calscim.planner.planner import make_plan
from calscim.planner.policy import DriftGrace, Policy
from calscim.planner.safeguards.holds import HoldSet, held_sets
from calscim.planner.safeguards.limits import Guards
from calscim.planner.safeguards.windows import Window
from calscim.postgres.pool import Database
from calscim.reconciler.state import attempts, drift_observations, holds
from calscim.reconciler.state.desired_state import DesiredSnapshot
from calscim.reconciler.state.holds import Hold

LARGE = 2_000  # users; planning for more runs in a thread


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings of an organization that its passes use."""

    policy: Policy
    guards: Guards
    grace: DriftGrace
    windows: tuple[Window, ...]
    approvals: int = 1  # operators who have to approve a held set


async def decide(
    db: Database,
    snapshot: DesiredSnapshot,
    observed: ObservedState,
    rules: Rules,
    scope: Scope,
    *,
    everything: bool,
    is_preview: bool = False,
) -> Plan:
    """Return the plan. Actions that operators approved run, and so does the rest of an interrupted set.

    ``everything``: the pass covers the whole organization and counts for the drift grace. ``is_preview``: the plan only
    shows what the next such pass will do.
    """
    organization = rules.policy.name
    released = await holds.load_released(db, organization)
    inputs = PlanInputs(
        desired=snapshot.desired,
        observed=observed,
        policy=rules.policy,
        scope=scope,
        absences=snapshot.missed,
        grace=rules.grace,
        drift=await drift_observations.load(db, organization) if rules.grace.is_active else {},
        is_full=everything,
        is_preview=is_preview,
        guards=rules.guards,
        usage=await attempts.window_usage(db, organization, rules.guards.window),
        approved=await holds.list_approved(db, organization, rules.approvals),
        released=frozenset(chain.from_iterable(released.values())),
        held={} if scope.users is None else await _held(db, organization),
    )
    if len(snapshot.desired.users) < LARGE:
        return make_plan(inputs)
    return await asyncio.to_thread(
        make_plan, inputs
    )  # the event loop answers SCIM requests meanwhile


async def _held(db: Database, organization: str) -> dict[str, str]:
    """Return the limit that holds each action of the held sets that no operator approved, by the action's key."""
    return {
        key: hold.guard
        for hold in await holds.load_current(db, organization)
        if hold.approved_at is None
        for key in hold.keys
    }


async def remember(
    db: Database, organization: str, planned: Plan, *, everything: bool
) -> list[Hold]:
    """Store the held sets, so that operators can approve them; return those that the daemon has not announced.

    `calscim plan` and `calscim approve` store held sets too, but alert no operator. The daemon calls
    ``holds.mark_announced`` after its alert. A daemon that is killed before that call alerts once more.

    ``everything``: the plan covers the whole organization, so sets that it lacks are no longer held.
    """
    known = [] if everything else await holds.load_current(db, organization)
    found = set()
    for held in held_sets(planned):
        if (whole := _containing(known, held)) is not None:
            found.add(whole.hash)
            continue
        await holds.store(db, organization, held)
        found.add(held.hash)
    if everything:
        await holds.close_missing(db, organization, found)
    if not found:
        return []
    return [
        hold
        for hold in await holds.load_current(db, organization)
        if hold.hash in found and hold.announced_at is None
    ]


def _containing(known: Sequence[Hold], held: HoldSet) -> Hold | None:
    """Return the hold that contains ``held``, if there is one."""
    wanted = {digest([action]) for action in held.actions}
    for hold in known:
        if wanted <= hold.digests:
            return hold
    return None


async def carry_out_approved(
    db: Database, organization: str, planned: Plan, approvals: int
) -> None:
    """Release approved sets that the plan contains exactly, and close released sets that are done."""
    approved = await holds.list_approved(db, organization, approvals)
    running = {digest([action]) for action in planned.actions if action.state is State.RUN}
    current = {hold.hash: hold for hold in await holds.load_current(db, organization)}
    met = [hash_ for hash_ in approved if hash_ in current and current[hash_].digests <= running]
    if met:
        await holds.release(db, organization, met)
    if stale := sorted(approved - set(met)):
        await holds.close(
            db, organization, stale
        )  # Cal.com or the directory changed since, so the set needs a new approval
    released = await holds.load_released(db, organization)
    finished = [
        hash_ for hash_, digests in released.items() if hash_ not in met and not digests & running
    ]
    if finished:
        await holds.close(db, organization, finished)
