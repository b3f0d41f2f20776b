"""Additions to teams, memberships that are in place, pauses, and the scope of a pass."""

from dataclasses import replace

import pytest

from calscim.planner.actions import Kind, Provenance, State
from calscim.planner.ids import CalUserId, TeamId
from calscim.planner.modes import Mode
from tests.planner.display import show
from tests.planner.world import (
    ADD_ONLY,
    ADMIN,
    EXCLUSIVE,
    MANAGED,
    MEMBER,
    OBSERVE,
    OWNER,
    sales,
    world,
)

MODES = [OBSERVE, ADD_ONLY, MANAGED, EXCLUSIVE]


# ------------------------------------------------------------------ adding


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (OBSERVE, ["member.add ann T7 MEMBER [observed]"]),
        (ADD_ONLY, ["member.add ann T7 MEMBER"]),
        (MANAGED, ["member.add ann T7 MEMBER"]),
        (EXCLUSIVE, ["member.add ann T7 MEMBER"]),
    ],
)
def test_a_member_of_a_mapped_group_is_put_on_the_team(mode: Mode, expected: list[str]):
    assert show(sales(mode).plan()) == expected


def test_an_add_names_its_group_and_journal_number():
    (action,) = sales().plan().actions

    assert action.reason == "Sales (journal 2) puts this person on T7"
    assert action.provenance == Provenance("okta", 2)
    assert (action.user, action.cal_user, action.mappings) == ("ann", 101, (1,))
    assert not action.drift


def test_an_add_that_follows_from_the_mapping_names_the_mappings_row():
    w = sales().remap(1, since=5)

    (action,) = w.plan().actions

    assert action.provenance == Provenance("@acme", 3)


def test_a_member_added_after_the_mapping_names_the_push():
    w = sales().remap(1, since=1)

    assert w.plan().actions[0].provenance == Provenance("okta", 2)


def test_a_new_person_is_invited_and_put_on_the_team_in_one_plan():
    w = world().user("ann", account=False).group("Sales", "ann").map("Sales", 7)

    made = w.plan()

    assert show(made) == ["user.create ann MEMBER", "member.add ann T7 MEMBER"]
    assert made.actions[1].cal_user is None


def test_an_imported_person_in_a_mapped_group_is_put_on_the_team():
    w = world().user("ann", managed=False).group("Sales", "ann").map("Sales", 7)

    assert show(w.plan()) == ["member.add ann T7 MEMBER"]


@pytest.mark.parametrize("mode", MODES)
def test_an_inactive_group_member_gets_no_membership(mode: Mode):
    w = world().user("ann", account=False, active=False).group("Sales", "ann").map("Sales", 7, mode)

    assert w.plan().actions == ()


def test_a_group_member_without_a_user_gets_no_membership():
    w = world().group("Sales").map("Sales", 7)
    w.members["Sales"]["nobody"] = 1

    assert w.plan().actions == ()


def test_a_mapping_grants_nothing_until_its_group_is_pushed():
    w = world().user("ann").map("Sales", 7)
    assert w.plan().actions == ()

    w.group("Sales", "ann")
    assert show(w.plan()) == ["member.add ann T7 MEMBER"]


def test_a_removed_mapping_grants_no_membership():
    assert sales().unmap(1).plan().actions == ()


def test_one_group_goes_to_many_teams():
    w = sales().map("Sales", 8, MANAGED, ADMIN)

    assert show(w.plan()) == ["member.add ann T7 MEMBER", "member.add ann T8 ADMIN"]


def test_no_person_is_added_to_a_team_that_could_not_be_read():
    made = sales().unread(7).plan()

    assert made.actions == ()
    assert made.incomplete == ("team T7: no answer",)


def test_adds_go_on_while_the_organization_could_not_be_read():
    made = sales().unread().plan()

    assert show(made) == ["member.add ann T7 MEMBER"]


def test_a_member_removed_by_hand_is_added_again_as_drift():
    w = sales().remember(7, "ann")

    (action,) = w.plan().actions

    assert action.drift
    assert "the membership was removed in Cal.com" in action.reason


def test_a_leaver_is_not_put_on_a_team_before():
    w = (
        sales()
        .user("ann2", account=False, directory="entra", managed=False)
        .same_account("ann2", "ann")
    )
    w.join("Sales", "ann2").change("ann", active=False)

    assert show(w.plan()) == ["user.deprovision ann"]


def test_a_team_that_was_not_looked_at_is_not_judged():
    w = sales()
    del w.teams[TeamId(7)]

    made = w.plan()

    assert (made.actions, made.incomplete) == ((), ())


# ------------------------------------------------------------------ in place


def test_who_is_wanted_and_there_is_reported_for_the_ledger():
    made = sales().on(7, "ann").plan()

    (edge,) = made.in_place

    assert made.actions == ()
    assert (edge.team, edge.cal_user, edge.user, edge.origin) == (7, 101, "ann", "found")
    assert (edge.role, edge.mode, edge.mappings) == (MEMBER, MANAGED, (1,))


def test_an_unchanged_ledger_entry_is_handed_back_as_it_is():
    w = sales().on(7, "ann", ledger="added")

    (edge,) = w.plan().in_place

    assert edge is w.ledger[TeamId(7), CalUserId(101)]


@pytest.mark.parametrize("origin", ["added", "found"])
def test_a_changed_ledger_entry_keeps_its_origin(origin: str):
    w = sales(EXCLUSIVE).on(7, "ann", ledger=origin, mode=MANAGED)

    (edge,) = w.plan().in_place

    assert (edge.origin, edge.mode) == (origin, EXCLUSIVE)


def test_a_ledger_entry_of_a_lost_user_is_given_to_the_persons_present_one():
    w = sales().on(7, "ann")
    w.remember(7, "ann")
    key = (TeamId(7), CalUserId(101))
    w.ledger[key] = replace(w.ledger[key], user="old")

    assert [edge.user for edge in w.plan().in_place] == ["ann"]


def test_edges_in_place_come_by_team_and_account():
    w = (
        sales()
        .user("bob")
        .join("Sales", "bob")
        .map("Sales", 3)
        .on(7, "bob", "ann")
        .on(3, "bob", "ann")
    )

    assert [(edge.team, edge.cal_user) for edge in w.plan().in_place] == [
        (3, 101),
        (3, w.accounts["bob"]),
        (7, 101),
        (7, w.accounts["bob"]),
    ]


def test_a_pending_membership_that_is_wanted_counts_as_there_and_is_accepted():
    w = sales().on(7, "ann", accepted=False)

    made = w.plan()

    assert show(made) == ["member.accept ann T7 MEMBER"]
    assert made.actions[0].membership == w.teams[7][w.accounts["ann"]].membership
    assert len(made.in_place) == 1
    w.apply(made.actions[0])
    assert w.plan().actions == ()


def test_a_pending_membership_keeps_its_role_and_a_wrong_one_is_a_change_of_its_own():
    w = sales(EXCLUSIVE, ADMIN).on(7, "ann", accepted=False)

    assert show(w.plan()) == ["member.accept ann T7 MEMBER", "member.role ann T7 ADMIN"]


@pytest.mark.parametrize("mode", [OBSERVE, ADD_ONLY])
def test_a_pending_membership_is_accepted_as_people_are_added(mode):
    [action] = sales(mode).on(7, "ann", accepted=False).plan().actions

    assert (action.kind, action.state) == (
        Kind.ACCEPT,
        State.OBSERVED if mode is OBSERVE else State.RUN,
    )


def test_a_pending_membership_waits_for_the_invitation_to_the_organization():
    w = world().user("ann", accepted=False).group("Sales", "ann").map("Sales", 7)

    assert w.on(7, "ann", accepted=False).plan().actions == ()


def test_a_pending_membership_that_no_group_wants_is_not_accepted():
    w = sales().leave("Sales", "ann").on(7, "ann", accepted=False)

    assert w.plan().actions == ()


def test_a_role_calscim_did_not_give_is_not_recorded_as_given():
    made = sales(MANAGED, ADMIN).on(7, "ann", role=OWNER).plan()

    assert [edge.role for edge in made.in_place] == [OWNER]


# ------------------------------------------------------------------ paused


def test_a_paused_team_is_left_alone():
    w = sales(EXCLUSIVE).account("eve").on(7, "eve").map("Sales", 8).pause(team=7)

    assert show(w.plan()) == [
        "member.add ann T7 MEMBER [paused]",
        "member.add ann T8 MEMBER",
        "member.remove eve T7 drift [paused]",
    ]


def test_a_paused_directory_leaves_its_teams_alone():
    w = sales().user("bob").on(7, "bob", ledger="added").pause(directory="okta")

    assert show(w.plan()) == [
        "member.add ann T7 MEMBER [paused]",
        "member.remove bob T7 drift [paused]",
    ]


def test_an_edge_of_two_directories_is_not_paused_by_one():
    w = (
        sales()
        .group("Leads", "ann", directory="entra")
        .map("Leads", 7, directory="entra")
        .pause(directory="okta")
    )

    assert show(w.plan()) == ["member.add ann T7 MEMBER"]


def test_a_hand_made_member_stays_while_a_directory_of_the_team_is_paused():
    w = sales(EXCLUSIVE).group("Leads", directory="entra").map("Leads", 7, directory="entra")
    w.account("eve").on(7, "ann", "eve").pause(directory="entra")

    assert show(w.plan()) == ["member.remove eve T7 drift [paused]"]


def test_observed_stays_observed_when_paused():
    assert show(sales(OBSERVE).pause().plan()) == ["member.add ann T7 MEMBER [observed]"]


# ------------------------------------------------------------------ scope


def test_only_teams_in_scope_are_acted_upon():
    w = sales().map("Sales", 8)

    assert show(w.plan(teams=[8])) == ["member.add ann T8 MEMBER"]


def test_with_people_in_scope_nobody_else_is_touched_on_any_team():
    w = sales(EXCLUSIVE).user("bob").join("Sales", "bob").account("eve").on(7, "eve")

    assert show(w.plan(users=["ann"])) == ["member.add ann T7 MEMBER"]
    assert show(w.plan(users=["bob"])) == ["member.add bob T7 MEMBER"]


def test_a_person_in_scope_who_left_the_group_leaves_the_team():
    w = sales().user("bob").on(7, "ann", ledger="added").leave("Sales", "ann")

    assert show(w.plan(users=["ann"])) == ["member.remove ann T7"]
    assert w.plan(users=["bob"]).actions == ()


def test_a_deleted_user_in_scope_is_taken_off_where_only_the_ledger_knows_it():
    w = sales().change("ann", managed=False).on(7, "ann", ledger="added").depart("ann")
    w.links.clear()

    assert show(w.plan(users=["ann"])) == ["member.remove ann T7"]


def test_edges_in_place_are_reported_for_people_in_scope():
    w = sales().user("bob").join("Sales", "bob").on(7, "ann", "bob")

    assert [edge.user for edge in w.plan(users=["bob"]).in_place] == ["bob"]


def test_a_new_person_in_scope_is_invited_and_put_on_the_team():
    w = sales().user("bob", account=False).join("Sales", "bob").on(7, "ann")

    assert show(w.plan(users=["bob"])) == ["user.create bob MEMBER", "member.add bob T7 MEMBER"]
