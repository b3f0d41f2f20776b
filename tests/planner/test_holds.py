"""Held sets: their hashes, and what an approval releases."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calscim.planner.action_key import digest
from calscim.planner.actions import (
    Kind,
    State,
)
from calscim.planner.safeguards.holds import held_sets
from calscim.planner.safeguards.limits import Guards, Limit
from tests.planner.display import show
from tests.planner.removals import states, team_of, two_teams, wide
from tests.planner.world import ADMIN, OWNER


def test_a_plan_with_one_held_set_has_that_sets_hash():
    plan = team_of(10, 4).guarded()

    (held,) = held_sets(plan)

    assert plan.hash == held.hash
    assert len(held.hash) == 16
    assert held.actions == plan.actions


def test_a_plan_that_holds_nothing_has_the_hash_of_all_its_actions():
    plan = team_of(10, 2).guarded()

    assert held_sets(plan) == ()
    assert plan.hash == digest(plan.actions)


def test_each_limit_has_a_set_of_its_own():
    w = team_of(10, 4)
    for name in ("y", "z"):
        w.user(name, active=False)

    sets = held_sets(w.guarded())

    assert [len(held.actions) for held in sets] == [2, 4]
    assert len({held.hash for held in sets}) == 2


def test_two_plans_of_the_same_world_have_the_same_hash():
    assert team_of(10, 4).guarded().hash == team_of(10, 4).guarded().hash


def test_an_unrelated_push_does_not_change_the_hash():
    w = team_of(10, 4)
    before = w.guarded().hash

    w.user("new", account=False).change("u00", email="other").group("X")

    assert w.guarded().hash == before


@pytest.mark.parametrize(
    "happens",
    [
        lambda w: w.leave("S", "u05"),
        lambda w: w.join("S", "u00"),
        lambda w: w.off(7, "u00").on(7, "u00", ledger="added"),
        lambda w: w.off(7, "u00").on(7, "u00", role=ADMIN, ledger="added").on(7, "me", role=OWNER),
    ],
)
def test_the_hash_changes_with_the_people_and_memberships(happens):
    w = wide(team_of(10, 4), max_removals_per_team=Limit(1))
    before = w.guarded().hash

    happens(w)

    assert w.guarded().hash != before


def test_an_approved_set_runs():
    w = team_of(10, 4)
    hash_ = w.guarded().hash

    plan = w.guarded(hash_)

    assert states(plan) == ["run"] * 4
    assert {action.guard for action in plan.actions} == {None}


def test_another_hash_releases_nothing():
    assert states(team_of(10, 4).guarded("0123456789abcdef")) == ["held"] * 4


def test_an_approval_is_stale_after_another_person_left_the_group():
    w = team_of(10, 4)
    hash_ = w.guarded().hash
    w.leave("S", "u09")

    assert states(w.guarded(hash_)) == ["held"] * 5


def test_one_approved_set_leaves_the_other_held():
    w = team_of(10, 4)
    for name in ("y", "z"):
        w.user(name, active=False)
    deprovisions, removals = held_sets(w.guarded())

    assert states(w.guarded(removals.hash)) == ["run"] * 4
    assert states(w.guarded(removals.hash), Kind.DEPROVISION) == ["held"] * 2
    assert states(w.guarded(deprovisions.hash), Kind.DEPROVISION) == ["run"] * 2


def test_the_hash_of_the_whole_plan_releases_all_that_is_held():
    w = team_of(10, 4)
    for name in ("y", "z"):
        w.user(name, active=False)

    plan = w.guarded(w.guarded().hash)

    assert {action.state for action in plan.actions} == {State.RUN}


def test_what_was_approved_makes_room_in_the_limit_of_the_organization():
    w = two_teams(4)
    for number in range(4, 12):
        w.leave("A", f"A{number:02}")
    w.guards = replace(w.guards, max_removals_per_organization=Limit(10))
    first, second = held_sets(w.guarded())
    assert (len(first.actions), len(second.actions)) == (12, 4)

    assert set(states(w.guarded(first.hash))) == {"run"}


def test_a_later_set_that_was_approved_as_well_is_released_too():
    w = two_teams(8)
    first, second = held_sets(w.guarded())

    assert set(states(w.guarded(first.hash, second.hash))) == {"run"}


@given(
    st.integers(1, 30),
    st.integers(0, 30),
    st.integers(0, 10),
    st.integers(0, 100),
    st.integers(0, 100),
    st.integers(0, 100),
)
def test_no_limit_allows_more_than_its_number(
    size: int, leavers: int, strangers: int, team: int, organization: int, drift: int
):
    w = team_of(size + strangers, min(leavers, size), strangers)
    w.guards = Guards(
        Limit(percent=team), Limit(percent=organization), Limit(1), Limit(percent=drift)
    )

    running = [
        one for one in w.guarded().actions if one.kind is Kind.REMOVE and one.state is State.RUN
    ]

    members = size + strangers
    assert len(running) <= w.guards.max_removals_per_team.of(members, 5)
    assert len(running) <= w.guards.max_removals_per_organization.of(members, 20)
    assert sum(one.drift for one in running) <= w.guards.drift_removals.of(members, 5)


def test_a_plan_is_shown_with_its_holds():
    assert show(team_of(4, 2).guarded()) == [
        "member.remove u00 T7 [held]",
        "member.remove u01 T7 [held]",
    ]
