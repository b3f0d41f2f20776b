"""Members who are never removed from a team or demoted on it, whatever the directory says."""

import pytest

from calscim.planner.policy import Policy
from tests.planner.display import show
from tests.planner.world import (
    ADMIN,
    EXCLUSIVE,
    MANAGED,
    ME,
    MEMBER,
    OBSERVE,
    OWNER,
    address,
    sales,
    world,
)


@pytest.mark.parametrize("ledger", [None, "found", "added"])
def test_a_team_owner_calscim_did_not_make_is_never_taken_off(ledger: str | None):
    w = sales(EXCLUSIVE).on(7, "ann", role=OWNER, ledger=ledger, given=MEMBER).leave("Sales", "ann")

    made = w.plan()

    assert made.actions == ()
    assert "an owner of the team" in made.notes[0]


def test_a_team_owner_that_calscim_added_is_removed():
    w = sales(MANAGED, OWNER).on(7, "ann", role=OWNER, ledger="added").leave("Sales", "ann")

    assert show(w.plan()) == ["member.remove ann T7"]


@pytest.mark.parametrize("ledger", [None, "added"])
def test_the_keys_own_user_is_never_taken_off(ledger: str | None):
    w = sales(EXCLUSIVE).on(7, "ann", "me", ledger=ledger)

    assert "the API key belongs" in w.plan().notes[0]
    assert [action.cal_user for action in w.plan().actions if action.cal_user == ME] == []


@pytest.mark.parametrize("ledger", [None, "found", "added"])
def test_protected_people_are_never_taken_off(ledger: str | None):
    w = sales(EXCLUSIVE).on(7, "ann", ledger=ledger).leave("Sales", "ann")
    w.policy = Policy("acme", protected=frozenset({"ann@acme.com"}))

    assert w.plan().actions == ()


def test_people_are_protected_under_every_address_they_are_known_by():
    w = sales().on(7, "ann", ledger="added").leave("Sales", "ann").change("ann", email="new")
    w.policy = Policy("acme", protected=frozenset({"ann@acme.com"}))

    assert show(w.plan()) == ["user.update new"]


@pytest.mark.parametrize(
    ("protected", "left"), [("ceo", []), ("other", []), (None, ["member.remove ann T7"])]
)
def test_no_unknown_account_is_removed_if_any_address_is_protected(
    protected: str | None, left: list[str]
):
    w = world().user("ann", email="ann", account=False).account("ann", email="ceo")
    w.same_account("ann", "ann").group("Sales", "ann").map("Sales", 7).on(7, "ann", ledger="added")
    w.leave("Sales", "ann").unread()
    w.policy = Policy("acme", protected=frozenset({address(protected)} if protected else ()))

    assert show(w.plan()) == left


def test_a_protected_deleted_user_is_known_by_the_link():
    w = sales().on(7, "ann", ledger="added").unread().depart("ann")
    w.policy = Policy("acme", protected=frozenset({"ann@acme.com"}))

    assert w.plan().actions == ()


def test_an_owner_of_the_organization_is_not_taken_off_as_a_stranger():
    w = sales(EXCLUSIVE).account("boss", role=OWNER).on(7, "ann", "boss")

    made = w.plan()

    assert made.actions == ()
    assert made.notes == ("boss@acme.com stays on T7: an owner of the organization",)


def test_an_owner_of_the_organization_leaves_the_team_calscim_put_them_on():
    w = (
        world()
        .user("boss", role=OWNER)
        .group("Sales", "boss")
        .map("Sales", 7)
        .on(7, "boss", ledger="added")
    )

    assert show(w.leave("Sales", "boss").plan()) == ["member.remove boss T7"]


def test_the_last_administrator_of_a_team_stays():
    w = sales(EXCLUSIVE).account("eve").on(7, "ann").on(7, "eve", role=ADMIN)

    made = w.plan()

    assert made.actions == ()
    assert "the last administrator of the team" in made.notes[0]


def test_one_of_two_leaving_administrators_stays():
    w = sales(EXCLUSIVE).account("eve").account("fay").on(7, "ann").on(7, "eve", "fay", role=ADMIN)

    assert show(w.plan()) == ["member.remove eve T7 drift"]


def test_the_last_administrator_is_not_demoted():
    w = sales(EXCLUSIVE).on(7, "ann", role=ADMIN)

    assert w.plan().actions == ()


def test_one_of_two_demoted_administrators_keeps_the_role():
    w = sales(EXCLUSIVE).user("bob").join("Sales", "bob").on(7, "ann", "bob", role=ADMIN)

    assert show(w.plan()) == ["member.role ann T7 MEMBER"]


def test_a_lone_administrator_that_calscim_added_leaves_the_team():
    w = sales(MANAGED, ADMIN).on(7, "ann", role=ADMIN, ledger="added").leave("Sales", "ann")

    assert show(w.plan()) == ["member.remove ann T7"]


def test_an_administrator_who_has_not_accepted_does_not_count():
    w = sales(EXCLUSIVE).account("eve").account("fay").on(7, "ann")
    w.on(7, "eve", role=ADMIN).on(7, "fay", role=ADMIN, accepted=False)

    assert w.plan().actions == ()


def test_protected_strangers_are_not_reported_as_surplus_where_only_observed():
    w = sales(OBSERVE).on(7, "ann", "me")

    made = w.plan()

    assert (made.actions, made.notes) == ((), ())
