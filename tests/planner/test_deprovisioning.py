"""Which people leave the organization, and which never do."""

from dataclasses import replace

import pytest

from calscim.planner.actions import Kind, Provenance
from calscim.planner.ids import UserId
from calscim.planner.modes import PeopleMode
from calscim.planner.policy import Policy
from tests.planner.display import show, waits
from tests.planner.world import ADMIN, MANAGED, ME, MEMBER, OWNER, address, world


def test_a_deactivated_user_is_deprovisioned():
    w = world().user("ann").change("ann", active=False)

    (action,) = w.plan().actions

    assert action.kind is Kind.DEPROVISION
    assert action.membership == w.people[w.accounts["ann"]].membership
    assert action.provenance == Provenance("okta", 2)
    assert action.reason == "the provider has deactivated this user (journal 2)"
    assert not action.drift


def test_a_deleted_user_is_deprovisioned():
    w = world().user("ann").depart("ann")

    (action,) = w.plan().actions

    assert (action.kind, action.user, action.provenance) == (
        Kind.DEPROVISION,
        "ann",
        Provenance("okta", 2),
    )
    assert "deleted" in action.reason


def test_a_deprovision_takes_the_teams_along_without_removals_of_its_own():
    w = (
        world()
        .user("ann")
        .group("S", "ann")
        .map("S", 7)
        .map("S", 8)
        .on(7, "ann", ledger="added")
        .on(8, "ann", ledger="added")
    )

    assert show(w.change("ann", active=False).plan()) == ["user.deprovision ann"]


@pytest.mark.parametrize("changes", [{"active": False, "managed": False}, {"managed": False}])
def test_an_unmanaged_person_is_never_deprovisioned(changes: dict):
    assert world().user("ann", **changes).plan().actions == ()


def test_an_unmanaged_deleted_user_is_left_alone():
    assert world().user("ann", managed=False).depart("ann").plan().actions == ()


def test_a_person_who_is_active_in_another_directory_stays():
    w = (
        world()
        .user("ann", active=False)
        .user("ann2", account=False, directory="entra")
        .same_account("ann2", "ann")
    )
    w.change("ann2", email="ann")

    assert w.plan().actions == ()


def test_an_imported_copy_in_another_directory_does_not_keep_a_leaver():
    w = (
        world()
        .user("ann", active=False)
        .user("ann2", account=False, directory="entra", managed=False)
    )
    w.same_account("ann2", "ann")

    assert show(w.plan()) == ["user.deprovision ann"]


def test_a_person_deleted_in_one_directory_and_active_in_another_stays():
    w = (
        world()
        .user("ann")
        .depart("ann")
        .user("ann2", account=False, email="ann@acme.com", directory="entra")
    )
    w.same_account("ann2", "ann")

    assert w.plan().actions == ()


def test_an_inactive_user_whose_account_is_gone_needs_nothing():
    assert world().user("ann", active=False).absent("ann").plan().actions == ()


def test_no_person_is_deprovisioned_if_the_organization_could_not_be_read():
    assert world().user("ann", active=False).unread().plan().actions == ()


def test_an_owner_of_the_organization_is_never_deprovisioned():
    plan = world().user("ann", active=False, role=OWNER).plan()

    assert plan.actions == ()
    assert "calscim does not change this person: an owner of the organization" in waits(plan)["ann"]


def test_the_keys_own_user_is_never_deprovisioned():
    w = world()
    w.people[ME] = replace(w.people[ME], role=ADMIN)
    w.user("boss", role=OWNER).user("me", active=False)

    plan = w.plan()

    assert plan.actions == ()
    assert "the API key belongs" in waits(plan)["me"]


@pytest.mark.parametrize("email", ["ceo@acme.com", "CEO@acme.com"])
def test_a_protected_address_is_never_deprovisioned(email: str):
    w = world().user("ceo", active=False, email=email)
    w.policy = Policy("acme", protected=frozenset({"ceo@acme.com"}))

    plan = w.plan()

    assert plan.actions == ()
    assert next(one.reason for one in plan.waiting).endswith(
        "calscim does not change this person: on the protected list"
    )


@pytest.mark.parametrize("name", ["old", "new", "seen"])
def test_people_in_the_organization_are_protected_under_every_address_they_are_known_by(name: str):
    w = world().user("ann", email="old", account=False).account("ann", email="seen")
    w.same_account("ann", "ann").change("ann", email="new", active=False)
    w.links[UserId("ann")] = replace(w.links[UserId("ann")], email=address("old"))
    w.policy = Policy("acme", protected=frozenset({address(name)}))

    planned = w.plan()

    assert planned.actions == ()
    assert waits(planned)["seen"].endswith("on the protected list")


def test_one_of_all_leaving_administrators_stays():
    w = world().user("ann", role=ADMIN).user("bob", role=ADMIN).account("me", role=MEMBER)
    w.change("bob", active=False).change("ann", active=False)

    planned = w.plan()

    assert show(planned) == ["user.deprovision bob"]
    assert waits(planned)["ann"].endswith("the last administrator of the organization")


def test_one_of_all_demoted_administrators_stays_an_administrator():
    w = world().user("ann", role=ADMIN).user("bob", role=ADMIN).account("me", role=MEMBER)
    w.group("All", "ann", "bob").map("All", None, MANAGED, MEMBER)

    assert show(w.plan()) == ["member.role bob MEMBER"]


def test_an_administrator_may_leave_while_another_is_demoted_if_a_third_stays():
    w = world().user("ann", role=ADMIN).user("bob", role=ADMIN).account("me", role=ADMIN)
    w.change("ann", active=False).group("Heads", "bob").map("Heads", None, MANAGED, MEMBER)

    assert show(w.plan()) == ["user.deprovision ann", "member.role bob MEMBER"]


def test_the_people_of_a_deleted_directory_keep_what_they_have():
    w = world().account("ann", role=ADMIN).account("bob").on(7, "ann", "bob", ledger="added")

    planned = w.plan()

    assert planned.actions == ()
    assert len(planned.notes) == 2


def test_the_last_administrator_of_the_organization_is_not_deprovisioned():
    w = world().user("ann", active=False, role=ADMIN)
    del w.people[ME]

    plan = w.plan()

    assert plan.actions == ()
    assert "the last administrator" in waits(plan)["ann"]


def test_an_administrator_among_others_is_deprovisioned():
    assert show(world().user("ann", active=False, role=ADMIN).plan()) == ["user.deprovision ann"]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (PeopleMode.MANAGED, ["user.deprovision ann", "user.create bob MEMBER", "user.update c"]),
        (
            PeopleMode.ADD_ONLY,
            [
                "user.deprovision ann [observed]",
                "user.create bob MEMBER",
                "user.update c [observed]",
            ],
        ),
        (
            PeopleMode.OBSERVE,
            [
                "user.deprovision ann [observed]",
                "user.create bob MEMBER [observed]",
                "user.update c [observed]",
            ],
        ),
    ],
)
def test_what_may_be_done_to_people_is_set_by_the_policy(mode: PeopleMode, expected: list[str]):
    w = (
        world()
        .user("ann", active=False)
        .user("bob", account=False)
        .user("cyd")
        .change("cyd", email="c")
    )
    w.policy = Policy("acme", people=mode)

    assert show(w.plan()) == expected


def test_where_deprovisioning_is_only_observed_teams_still_follow_the_directory():
    w = (
        world()
        .user("ann")
        .group("S", "ann")
        .map("S", 7)
        .on(7, "ann", ledger="added")
        .change("ann", active=False)
    )
    w.policy = Policy("acme", people=PeopleMode.ADD_ONLY)

    assert show(w.plan()) == ["user.deprovision ann [observed]", "member.remove ann T7"]


def test_where_invitations_are_only_observed_so_is_the_team_that_would_follow():
    w = world().user("ann", account=False).group("S", "ann").map("S", 7)
    w.policy = Policy("acme", people=PeopleMode.OBSERVE)

    assert show(w.plan()) == [
        "user.create ann MEMBER [observed]",
        "member.add ann T7 MEMBER [observed]",
    ]


def test_an_address_that_changed_before_the_person_left_is_not_changed_in_cal_com():
    w = world().user("ann").change("ann", email="new", active=False)

    assert show(w.plan()) == ["user.deprovision ann"]
