"""Removals and additions within the window count towards the limits of the next plan."""

from dataclasses import replace

from calscim.planner.action_key import digest, key_of
from calscim.planner.actions import Kind, State
from calscim.planner.ids import TeamId
from calscim.planner.plan import LimitUse
from calscim.planner.safeguards.holds import keep_held, release_started
from calscim.planner.safeguards.limits import Limit, WindowUsage
from calscim.planner.safeguards.limits_check import hold_over_limits, limits_in_use
from tests.planner.removals import states, team_of, wide
from tests.planner.world import world

SEVEN = TeamId(7)


def used(**approval: bool) -> WindowUsage:
    """Return the usage after each kind of removal and addition happened once."""
    usage = WindowUsage()
    approved = approval.get("approved", False)
    usage.count_removal(Kind.REMOVE, SEVEN, (), drift=True, approved=approved)
    usage.count_removal(Kind.DEPROVISION, None, [SEVEN], drift=False, approved=approved)
    usage.count_removal(Kind.ROLE, SEVEN, (), drift=False, approved=approved)
    usage.count_removal(Kind.ROLE, None, (), drift=False, approved=approved)
    usage.count_addition(SEVEN, 2, approved=approved)
    usage.count_addition(None, 3, approved=approved)
    return usage


def test_each_removal_counts_towards_its_limits():
    usage = used()

    assert (usage.removals[SEVEN], usage.drift_removals[SEVEN], usage.demotions[SEVEN]) == (2, 1, 1)
    assert (usage.deprovisions, usage.org_demotions, usage.new_people) == (1, 1, 3)


def test_what_an_operator_approved_counts_only_for_the_size():
    usage = used(approved=True)

    assert usage.removals.total() == usage.demotions.total() == usage.drift_removals.total() == 0
    assert (usage.deprovisions, usage.org_demotions, usage.new_people) == (0, 0, 0)
    assert (usage.all_removals[SEVEN], usage.all_additions[SEVEN]) == (2, 2)
    assert (usage.all_deprovisions, usage.all_new_people) == (1, 3)


def test_removals_within_the_window_and_planned_ones_are_held_together():
    w = team_of(10, 2)
    usage = WindowUsage()
    usage.count_removal(Kind.REMOVE, SEVEN, (), drift=False, approved=False)
    usage.count_removal(Kind.REMOVE, SEVEN, (), drift=False, approved=False)

    plan = hold_over_limits(w.plan(), w.context(guards=w.guards, usage=usage))

    assert states(plan) == ["held", "held"]
    assert plan.actions[0].guard == (
        "2 members of 12 would leave T7 (team 7) at once, after 2 within the window; "
        "max_removals_per_team (30%) allows 3"
    )


def test_the_used_limits_are_listed_with_their_sizes():
    w = team_of(10, 0)
    w.guards = replace(w.guards, max_new_people=Limit(count=5))

    found = limits_in_use(w.observed, w.guards, used())

    assert LimitUse("max_removals_per_team", SEVEN, 2, 3, 10, "30%") in found
    assert [(use.name, use.used) for use in found] == [
        ("max_deprovisions", 1),
        ("max_removals_per_organization", 2),
        ("max_new_people", 3),
        ("max_removals_per_team", 2),
        ("drift_removals", 1),
    ]


def test_new_people_over_their_limit_are_held_with_their_teams():
    w = world().group("S").map("S", 7)
    w.teams.setdefault(SEVEN, {})
    for name in ("ann", "bob"):
        w.user(name).absent(name).join("S", name)
    for name in ("ann", "bob"):
        del w.links[name]
    wide(w, max_new_people=Limit(count=1))

    plan = w.guarded()

    assert {action.kind for action in plan.actions} == {Kind.CREATE, Kind.ADD}
    assert {action.state for action in plan.actions} == {State.HELD}
    assert "people would join the organization" in str(plan.actions[0].guard)


def test_an_action_of_a_larger_hold_stays_held_in_a_partial_plan():
    w = team_of(10, 2)
    plan = w.plan()
    held = {str(key_of(plan.actions[0])): "a limit"}

    kept = keep_held(plan, w.context(held=held))

    assert states(kept) == ["held", "run"]
    assert keep_held(plan, w.context()) is plan


def test_the_rest_of_an_approved_set_is_released():
    w = team_of(4, 2)
    plan = w.guarded()
    assert states(plan) == ["held", "held"]

    rest = release_started(plan, w.context(released=frozenset({digest([plan.actions[1]])})))

    assert states(rest) == ["held", "run"]
    assert rest.actions[1].approved
    assert release_started(plan, w.context()) is plan
