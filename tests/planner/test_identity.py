"""Which account belongs to which user: links, addresses, and people in several directories."""

import pytest

from calscim.planner.actions import Kind, Provenance
from tests.planner.display import show, waits
from tests.planner.world import world


@pytest.mark.parametrize("email", ["ann@acme.com", "ANN@ACME.COM", "Ann@Acme.com"])
def test_an_existing_account_is_recognised_by_its_address_in_any_case(email: str):
    plan = world().user("ann", linked=False, email=email).plan()

    assert plan.actions == ()
    assert [(one.user, one.cal_user, one.origin) for one in plan.links] == [("ann", 101, "found")]


def test_a_linked_user_is_not_recognised_again():
    assert world().user("ann").plan().links == ()


def test_a_changed_address_updates_the_same_account():
    w = world().user("ann").change("ann", email="ann.lee")

    (action,) = w.plan().actions

    assert action.kind is Kind.UPDATE
    assert action.cal_user == w.accounts["ann"]
    assert action.email == "ann.lee@acme.com"
    assert action.provenance == Provenance("okta", 2)


def test_an_address_that_differs_only_in_case_is_left_alone():
    assert world().user("ann", email="Ann@Acme.com").plan().actions == ()


def test_an_unmanaged_users_address_is_never_written():
    assert world().user("ann", managed=False, email="new@acme.com").plan().actions == ()


def test_a_changed_name_alone_changes_nothing_for_the_api_cannot_change_it():
    assert world().user("ann").change("ann", name="Ann Lee").plan().actions == ()


def test_an_address_that_another_account_has_is_waited_for():
    w = world().user("ann").account("bob").change("ann", email="bob")

    plan = w.plan()

    assert plan.actions == ()
    assert waits(plan) == {"bob": "another account already has the address bob@acme.com"}


def test_one_of_two_users_with_the_same_address_gets_it():
    w = world().user("ann").user("bob")
    w.change("ann", email="x").change("bob", email="x")

    plan = w.plan()

    assert show(plan) == ["user.update x"]
    assert len(plan.waiting) == 1


def test_a_linked_user_who_lost_the_address_keeps_the_account():
    plan = world().user("ann", email="").group("S", "ann").map("S", 7).on(7, "ann").plan()

    assert plan.actions == ()
    assert "the account keeps its address" in plan.waiting[0].reason


def test_a_linked_user_without_an_address_is_put_on_a_team_under_the_accounts_address():
    w = world().user("ann").group("S", "ann").map("S", 7).change("ann", email="")

    (action,) = w.plan().actions

    assert action.kind is Kind.ADD
    assert action.email == "ann@acme.com"


def test_whoever_gets_an_old_address_does_not_get_the_old_owners_account():
    w = (
        world()
        .user("ann")
        .change("ann", email="ann.lee")
        .user("new", account=False, email="ann@acme.com")
    )

    plan = w.plan()

    assert show(plan) == ["user.update ann.lee"]
    assert plan.links == ()
    assert "still has this address" in waits(plan)["ann"]


def test_whoever_gets_an_old_address_is_invited_once_it_is_free():
    w = (
        world()
        .user("ann")
        .change("ann", email="ann.lee")
        .user("new", account=False, email="ann@acme.com")
    )

    w.apply(w.plan().actions[0])

    assert show(w.plan()) == ["user.create ann MEMBER"]


def test_a_user_of_another_directory_with_the_accounts_address_is_the_same_person():
    w = world().user("ann").change("ann", email="ann.lee")
    w.user("ann2", account=False, email="ann@acme.com", directory="entra")

    assert [(one.user, one.cal_user) for one in w.plan().links] == [("ann2", 101)]


def test_a_user_with_a_linked_users_address_is_the_same_person_before_cal_com_shows_it():
    w = world().user("ann").change("ann", email="ann.lee")
    w.user("ann2", account=False, email="Ann.Lee@acme.com", directory="entra")

    plan = w.plan()

    assert [(one.user, one.cal_user) for one in plan.links] == [("ann2", 101)]
    assert show(plan) == ["user.update Ann.Lee"]


def test_a_leaver_whose_address_another_account_had_does_not_take_its_owner_along():
    w = world().user("eve", managed=False).user("dan").change("dan", email="eve", active=False)
    assert show(w.plan()) == ["user.deprovision dan"]

    w.apply(w.plan().actions[0])

    assert w.plan().actions == ()


def test_an_inactive_user_without_a_link_gets_an_account_without_an_owner():
    w = world().user("ann", linked=False).change("ann", active=False)

    assert show(w.plan()) == ["user.deprovision ann"]


def test_the_address_of_an_imported_user_does_not_match_another_account():
    """Return a user who was imported as shared@ and whose address in Cal.com changed later."""
    w = world().user("dan", managed=False).change("dan", email="shared")
    w.user("ann", account=False, active=False, email="shared@acme.com")

    plan = w.plan()

    assert (plan.actions, plan.links) == ((), ())


def test_a_user_made_anew_after_a_deletion_gets_the_old_account():
    w = world().user("ann").change("ann", email="ann.lee").depart("ann")
    w.user("ann2", account=False, email="ann.lee@acme.com")

    plan = w.plan()

    assert show(plan) == ["user.update ann.lee"]
    assert [(one.user, one.cal_user) for one in plan.links] == [("ann2", 101)]


def test_links_are_made_for_imported_and_inactive_users_too():
    w = (
        world()
        .user("ann", linked=False, managed=False)
        .user("bob", linked=False, active=False, managed=False)
    )

    assert [one.user for one in w.plan().links] == ["ann", "bob"]
