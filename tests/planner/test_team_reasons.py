"""The order of a plan, and the reasons that it gives."""

from dataclasses import replace

import pytest

from calscim.planner.actions import Kind, Provenance
from calscim.planner.context import PlanInputs
from calscim.planner.planner import propose
from tests.planner.display import show
from tests.planner.world import ADD_ONLY, ADMIN, EXCLUSIVE, MEMBER, OBSERVE, OWNER, sales


def test_the_canonical_order_is_leavers_newcomers_adds_roles_removals_drift():
    w = (
        sales(EXCLUSIVE, ADMIN)
        .user("new", account=False)
        .join("Sales", "new")
        .user("old", active=False)
    )
    w.user("bob").join("Sales", "bob").user("cyd").account("eve").account("fay", role=MEMBER)
    w.on(7, "bob", "cyd", "eve", ledger=None).remember(7, "cyd", "found").join(
        "Sales", "cyd"
    ).leave("Sales", "cyd")
    w.user("dan").change("dan", email="d").user("gil").absent("gil", 3).on(7, "me", role=OWNER)

    assert show(w.plan()) == [
        "user.deprovision old",
        "user.create new MEMBER",
        "user.attach gil MEMBER drift",
        "user.update d",
        "member.add ann T7 ADMIN",
        "member.add new T7 ADMIN",
        "member.role bob T7 ADMIN",
        "member.remove cyd T7",
        "member.remove eve T7 drift",
    ]


def test_inside_a_kind_the_order_is_team_then_address():
    w = sales().user("Bob").user("aaa").map("Sales", 3)
    for name in ("Bob", "aaa"):
        w.join("Sales", name)

    assert show(w.plan()) == [
        "member.add aaa T3 MEMBER",
        "member.add ann T3 MEMBER",
        "member.add Bob T3 MEMBER",
        "member.add aaa T7 MEMBER",
        "member.add ann T7 MEMBER",
        "member.add Bob T7 MEMBER",
    ]


def test_a_team_without_a_known_name_is_named_by_its_number():
    w = sales()

    nameless = replace(w.observed, team_names={})

    assert (
        propose(PlanInputs(w.directory, nameless, w.policy)).actions[0].reason.endswith("on team 7")
    )


def test_an_unknown_member_is_named_by_the_account_id():
    w = sales(EXCLUSIVE).account("eve").on(7, "ann", "eve")
    w.absent("eve")

    assert "account 10" in w.plan().notes[0]


def test_a_removal_with_one_removed_mapping_and_no_other_row_names_the_removed_mapping():
    w = sales().user("bob").map("Sales", 7).on(7, "bob", ledger="added", mappings=(1, 2)).unmap(2)

    action = w.plan().actions[-1]

    assert (action.email, action.provenance) == ("bob@acme.com", Provenance("@acme", 6))


def test_a_removal_whose_group_is_bound_to_another_one_by_now_names_the_row_that_ended_it():
    w = (
        sales()
        .on(7, "ann", ledger="added")
        .delete_group("Sales")
        .group("Sales2")
        .remap(1, group="Sales2")
    )

    (action,) = w.plan().actions

    assert (action.kind, action.provenance) == (Kind.REMOVE, Provenance("okta", 4))


def test_what_a_lost_user_was_given_is_named_by_what_the_link_remembers():
    w = sales().user("bob").on(7, "ann").on(7, "bob", ledger="added").unread()
    del w.users["bob"]

    assert w.plan().actions[-1].email == "bob@acme.com"


def test_who_left_one_group_and_still_is_in_another_of_the_same_mappings_has_not_left():
    w = (
        sales()
        .user("bob")
        .group("Leads")
        .map("Leads", 7, OBSERVE)
        .join("Leads", "bob")
        .on(7, "bob", ledger="added")
    )

    assert "bob" not in "".join(show(w.plan()))


@pytest.mark.parametrize(("clears_teams", "removed"), [(None, True), (False, True), (True, False)])
def test_a_membership_left_behind_is_ended_unless_the_build_ends_them_itself(
    clears_teams: bool | None, removed: bool
):
    w = sales(ADD_ONLY).user("bob", active=False)
    w.on(7, "bob")
    account = w.accounts["bob"]
    w.former_accounts[w.users["bob"].id] = account
    del w.people[account]
    del w.links["bob"]
    w.clears_teams = clears_teams

    kinds = [(one.kind, one.cal_user) for one in w.plan().actions]

    assert ((Kind.REMOVE, account) in kinds) is removed
