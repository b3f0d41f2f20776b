"""Removals, demotions and additions over a limit are held."""

from dataclasses import replace

import pytest

from calscim.planner.actions import (
    Kind,
    State,
)
from calscim.planner.safeguards.limits import Limit
from calscim.planner.safeguards.limits_check import hold_over_limits
from tests.planner.removals import admins, states, team_of, two_teams, wide
from tests.planner.world import (
    ADMIN,
    MANAGED,
    MEMBER,
    world,
)

# -------------------------------------------------------------------- a team's removals


@pytest.mark.parametrize(
    ("size", "leavers", "held"),
    [
        (10, 3, False),
        (10, 4, True),
        (4, 1, False),
        (4, 2, True),
        (20, 4, False),
        (20, 7, True),
        (1, 1, False),
    ],
)
def test_a_teams_removals_are_held_as_a_whole_over_its_limit(size: int, leavers: int, held: bool):
    plan = team_of(size, leavers).guarded()

    assert states(plan) == ["held" if held else "run"] * leavers


def test_a_hold_names_the_team_the_numbers_and_the_limit():
    plan = team_of(10, 4).guarded()

    assert plan.actions[0].guard == (
        "4 members of 10 would leave T7 (team 7) at once; max_removals_per_team (30%) allows 3"
    )


def test_a_hold_of_one_team_does_not_stop_the_others():
    w = (
        team_of(20, 8)
        .group("B", "u19")
        .map("B", 8)
        .user("bob")
        .on(8, "bob", ledger="added", mappings=(2,))
        .on(8, "me")
    )
    wide(w, max_removals_per_team=Limit(percent=30))
    w.join("B", "bob").leave("B", "bob")

    plan = w.guarded()

    assert [action.state for action in plan.actions if getattr(action, "team", None) == 8] == [
        State.RUN,
        State.RUN,
    ]
    assert [action.state for action in plan.actions if getattr(action, "team", None) == 7] == [
        State.HELD
    ] * 8


def test_additions_are_never_held():
    w = team_of(10, 9)
    for number in range(50):
        w.user(f"n{number}").join("S", f"n{number}")

    plan = w.guarded()

    assert states(plan, Kind.ADD) == ["run"] * 50
    assert set(states(plan)) == {"held"}


@pytest.mark.parametrize(("strangers", "held"), [(1, False), (2, True)])
def test_drift_has_a_limit_of_its_own(strangers: int, held: bool):
    w = wide(team_of(12, 2, strangers), drift_removals=Limit(percent=10))

    plan = w.guarded()

    assert states(plan) == ["run", "run"] + ["held" if held else "run"] * strangers
    assert not held or "although no push asked for that; drift_removals" in str(
        plan.actions[-1].guard
    )


def test_drift_counts_against_the_teams_limit_too():
    w = wide(team_of(10, 3, 1), max_removals_per_team=Limit(percent=30))

    assert states(w.guarded()) == ["held"] * 4


def test_a_percentage_of_a_small_team_applies_to_the_minimum_size():
    w = team_of(3, 2)
    w.guards = replace(w.guards, min_team_size=10)

    assert states(w.guarded()) == ["run", "run"]


def test_observed_and_paused_removals_do_not_count():
    w = team_of(10, 4).pause(team=7)

    assert states(w.guarded()) == ["paused"] * 4


# -------------------------------------------------------------------- the organization


@pytest.mark.parametrize(("leavers", "held"), [(4, False), (5, True)])
def test_the_organizations_removals_are_held_as_a_whole_over_its_limit(leavers: int, held: bool):
    plan = two_teams(leavers).guarded()

    assert states(plan) == ["held" if held else "run"] * 2 * leavers
    assert not held or plan.actions[0].guard == (
        "10 team memberships of 40 would end at once; max_removals_per_organization (20%) allows 8"
    )


@pytest.mark.parametrize(
    ("people", "leavers", "held"), [(19, 1, False), (19, 2, True), (39, 2, False), (39, 3, True)]
)
def test_deprovisions_are_held_as_a_whole_over_their_limit(people: int, leavers: int, held: bool):
    w = world()
    for number in range(people):
        w.user(f"u{number:02}", active=number >= leavers)

    plan = w.guarded()

    assert states(plan, Kind.DEPROVISION) == ["held" if held else "run"] * leavers


def test_a_held_deprovision_names_the_limit():
    w = world().user("a", active=False).user("b", active=False)

    assert w.guarded().actions[0].guard == (
        "2 people of 3 would leave the organization at once; max_deprovisions (5%) allows 1"
    )


def test_the_teams_of_leavers_count_as_removals_there():
    w = team_of(10, 3).user("z").on(7, "z", ledger="added").change("z", active=False)
    w.guards = replace(w.guards, max_removals_per_organization=Limit(100))

    plan = w.guarded()

    assert states(plan, Kind.DEPROVISION) == ["run"]
    assert states(plan) == ["held"] * 3
    assert plan.actions[-1].guard.startswith("4 members of 11")


def test_the_teams_of_held_leavers_do_not_count():
    w = team_of(10, 3)
    for name in ("y", "z"):
        w.user(name).on(7, name, ledger="added").change(name, active=False)
    w.guards = replace(
        w.guards, max_deprovisions=Limit(1), max_removals_per_organization=Limit(100)
    )

    plan = w.guarded()

    assert states(plan, Kind.DEPROVISION) == ["held", "held"]
    assert states(plan) == ["run"] * 3


def test_a_leaver_is_not_held_by_the_limit_of_a_team():
    w = world().group("S", *()).map("S", 7)
    for name in ("a", "b", "c"):
        w.user(name).on(7, name, ledger="added").change(name, active=False)
    w.guards = replace(w.guards, max_deprovisions=Limit(10))

    assert states(w.guarded(), Kind.DEPROVISION) == ["run"] * 3


def test_unreadable_people_make_the_limit_of_deprovisions_the_smallest():
    w = world().user("a", active=False)
    planned = w.plan()
    w.unread()

    assert states(hold_over_limits(planned, w.context(guards=w.guards)), Kind.DEPROVISION) == [
        "run"
    ]


# -------------------------------------------------------------------- demotions


@pytest.mark.parametrize(("lowered", "held"), [(3, False), (4, True)])
def test_demotions_have_the_same_limit_as_removals_counted_apart(lowered: int, held: bool):
    plan = admins(10, lowered).guarded()

    assert states(plan, Kind.ROLE) == ["held" if held else "run"] * lowered


def test_promotions_are_never_held():
    w = world().group("S").map("S", 7, MANAGED, ADMIN)
    for number in range(10):
        w.user(f"u{number}").join("S", f"u{number}").on(7, f"u{number}", ledger="added")

    assert states(w.guarded(), Kind.ROLE) == ["run"] * 10


def test_demotions_have_the_limit_of_the_organization():
    w = wide(admins(10, 9), max_removals_per_organization=Limit(percent=20))

    plan = w.guarded()

    assert set(states(plan, Kind.ROLE)) == {"held"}
    assert "team roles of 10 would be lowered" in plan.actions[0].guard


def test_demotions_in_the_organization_have_the_limit_of_deprovisions():
    w = world().group("A").map("A", None, MANAGED, MEMBER)
    for name in ("a", "b"):
        w.user(name, role=ADMIN).join("A", name)

    plan = w.guarded()

    assert states(plan, Kind.ROLE) == ["held", "held"]
    assert "would lose their role" in plan.actions[0].guard
