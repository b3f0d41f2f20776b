"""Drift is corrected only after it has lasted; requested changes are made at once."""

import pytest

from calscim.planner.plan import DriftObservation
from calscim.planner.policy import DriftGrace
from calscim.planner.safeguards.drift_grace import defer_drift, unrequested
from tests.planner.display import show
from tests.planner.world import ADMIN, EXCLUSIVE, MANAGED, OWNER, PlannerWorld, world


def drifted() -> PlannerWorld:
    """ann left the group, and three edits were made by hand: eve was added, bob's role was changed, cyd was removed."""
    w = (
        world()
        .user("ann")
        .user("bob")
        .user("cyd")
        .account("eve")
        .group("S", "ann", "bob", "cyd")
        .map("S", 7, EXCLUSIVE)
    )
    w.on(7, "ann", ledger="added").on(7, "me", role=OWNER).on(7, "eve").leave("S", "ann")
    return w.on(7, "bob", role=ADMIN, ledger="added", given=w.mappings[0].role).remember(7, "cyd")


ASKED = ["member.add cyd T7 MEMBER drift", "member.remove ann T7"]
ALL = [
    "member.add cyd T7 MEMBER drift",
    "member.role bob T7 MEMBER drift",
    "member.remove ann T7",
    "member.remove eve T7 drift",
]


def test_without_drift_grace_everything_is_corrected_at_once():
    plan = drifted().plan()

    assert show(plan) == ALL
    assert defer_drift(plan, drifted().context()) is plan
    assert defer_drift(plan, drifted().context(is_full=False)) is plan


def test_new_drift_waits_and_requested_changes_do_not():
    plan = defer_drift(drifted().plan(), drifted().context(grace=DriftGrace(drift_passes=3)))

    assert show(plan) == ASKED
    assert plan.notes[-1].startswith("2 changes are drift and wait until seen in 3 complete passes")


@pytest.mark.parametrize(
    ("passes", "seconds", "expected"),
    [(1, 1000.0, ASKED), (2, 599.0, ASKED), (2, 600.0, ALL), (9, 600.0, ALL), (9, 0.0, ASKED)],
)
def test_drift_is_corrected_after_enough_passes_and_enough_time(
    passes: int, seconds: float, expected: list[str]
):
    plan = drifted().plan()
    observations = dict.fromkeys(unrequested(plan), DriftObservation(passes, seconds))

    context = drifted().context(grace=DriftGrace(3, 600.0), drift=observations)
    assert show(defer_drift(plan, context)) == expected


def test_observations_are_kept_of_what_would_be_taken_away_unasked():
    assert sorted(action.email for action in unrequested(drifted().plan()).values()) == [
        "bob@acme.com",
        "eve@acme.com",
    ]


def test_what_is_paused_is_not_counted_as_seen():
    assert unrequested(drifted().pause().plan()) == {}


def test_another_membership_of_the_same_person_starts_anew():
    w = drifted()
    observations = dict.fromkeys(unrequested(w.plan()), DriftObservation(9, 9999.0))

    w.off(7, "eve").on(7, "eve")

    assert show(defer_drift(w.plan(), w.context(grace=DriftGrace(3), drift=observations))) == [
        one for one in ALL if "eve" not in one
    ]


def test_managed_teams_know_drift_of_roles_only():
    w = drifted().remap(1, mode=MANAGED)

    assert [action.email for action in unrequested(w.plan()).values()] == ["bob@acme.com"]


def test_a_deferred_action_says_how_long_its_drift_was_seen():
    plan = drifted().plan()
    observations = dict.fromkeys(unrequested(plan), DriftObservation(1, 30.0))
    by_passes, by_time = (
        defer_drift(plan, drifted().context(grace=grace, drift=observations, is_full=True))
        for grace in (DriftGrace(3), DriftGrace(3, 600.0))
    )

    assert "waits, seen in 2 of 3 complete passes: " in by_passes.deferred[0].reason
    assert "waits, seen in 2 of 3 complete passes and for 30 of 600 seconds: " in (
        by_time.deferred[0].reason
    )
    assert by_passes.notes[-1].endswith("seen in 3 complete passes")
    assert by_time.notes[-1].endswith("seen in 3 complete passes and for 600 seconds")
