"""Teams: put on, corrected, taken off, or left alone; mode by mode."""

from dataclasses import replace

import pytest

from calscim.planner.actions import Kind, Provenance, State
from calscim.planner.context import PlanInputs
from calscim.planner.ids import CalUserId, TeamId
from calscim.planner.modes import Mode
from calscim.planner.planner import propose
from calscim.planner.policy import Policy
from calscim.planner.roles import Role
from tests.planner.world import (
    ADD_ONLY,
    ADMIN,
    EXCLUSIVE,
    MANAGED,
    MEMBER,
    OBSERVE,
    OWNER,
    sales,
    show,
    world,
)

MODES = [OBSERVE, ADD_ONLY, MANAGED, EXCLUSIVE]


# -------------------------------------------------------------------- adding


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
def test_an_inactive_member_of_a_group_gets_nothing(mode: Mode):
    w = world().user("ann", account=False, active=False).group("Sales", "ann").map("Sales", 7, mode)

    assert w.plan().actions == ()


def test_a_member_whom_no_user_is_behind_gets_nothing():
    w = world().group("Sales").map("Sales", 7)
    w.members["Sales"]["nobody"] = 1

    assert w.plan().actions == ()


def test_an_unbound_mapping_gives_nothing_until_its_group_is_pushed():
    w = world().user("ann").map("Sales", 7)
    assert w.plan().actions == ()

    w.group("Sales", "ann")
    assert show(w.plan()) == ["member.add ann T7 MEMBER"]


def test_a_removed_mapping_gives_nothing():
    assert sales().unmap(1).plan().actions == ()


def test_one_group_goes_to_many_teams():
    w = sales().map("Sales", 8, MANAGED, ADMIN)

    assert show(w.plan()) == ["member.add ann T7 MEMBER", "member.add ann T8 ADMIN"]


def test_nobody_is_added_to_a_team_that_could_not_be_read():
    made = sales().unread(7).plan()

    assert made.actions == ()
    assert made.incomplete == ("team T7: no answer",)


def test_adds_go_on_while_the_organization_could_not_be_read():
    made = sales().unread().plan()

    assert show(made) == ["member.add ann T7 MEMBER"]


def test_somebody_taken_off_by_hand_is_put_back_as_drift():
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


# -------------------------------------------------------------------- several sources


@pytest.mark.parametrize(
    ("one", "other", "highest"),
    [
        (MEMBER, ADMIN, ADMIN),
        (ADMIN, MEMBER, ADMIN),
        (OWNER, ADMIN, OWNER),
        (MEMBER, MEMBER, MEMBER),
    ],
)
def test_the_highest_role_of_several_groups_wins(one: Role, other: Role, highest: Role):
    w = sales(MANAGED, one).group("Leads", "ann").map("Leads", 7, MANAGED, other)

    assert show(w.plan()) == [f"member.add ann T7 {highest.value}"]


def test_an_add_of_several_sources_names_them_all():
    w = sales().group("Leads", "ann").map("Leads", 7)

    (action,) = w.plan().actions

    assert action.reason.startswith("Leads (journal 4), Sales (journal 2) puts")
    assert action.mappings == (1, 2)
    assert action.provenance == Provenance("okta", 4)


@pytest.mark.parametrize(
    ("one", "other", "strongest"),
    [
        (OBSERVE, ADD_ONLY, ADD_ONLY),
        (ADD_ONLY, MANAGED, MANAGED),
        (MANAGED, OBSERVE, MANAGED),
        (OBSERVE, OBSERVE, OBSERVE),
        (EXCLUSIVE, OBSERVE, EXCLUSIVE),
        (ADD_ONLY, EXCLUSIVE, EXCLUSIVE),
    ],
)
def test_an_edge_has_the_strongest_mode_of_its_sources(one: Mode, other: Mode, strongest: Mode):
    w = sales(one).group("Leads", "ann").map("Leads", 7, other)

    assert w.plan().actions[0].mode is strongest


@pytest.mark.parametrize("mode", [OBSERVE, ADD_ONLY, MANAGED])
def test_one_exclusive_mapping_makes_the_whole_team_exclusive(mode: Mode):
    w = sales(mode).group("Leads").map("Leads", 7, EXCLUSIVE)

    assert [action.mode for action in w.plan().actions] == [EXCLUSIVE]


@pytest.mark.parametrize("mode", [ADD_ONLY, MANAGED])
def test_an_observing_mapping_lends_its_role_to_nobody(mode: Mode):
    w = sales(mode).group("Leads", "ann").map("Leads", 7, OBSERVE, OWNER)

    assert show(w.plan()) == ["member.add ann T7 MEMBER"]


def test_each_edge_of_a_team_follows_its_own_mapping():
    w = sales(MANAGED).user("bob").group("Leads", "bob").map("Leads", 7, OBSERVE)

    assert show(w.plan()) == ["member.add ann T7 MEMBER", "member.add bob T7 MEMBER [observed]"]


def test_one_person_under_two_users_is_put_on_the_team_once():
    w = (
        sales()
        .user("ann2", account=False, directory="entra")
        .same_account("ann2", "ann")
        .change("ann2", email="ann")
    )
    w.join("Sales", "ann2")

    assert show(w.plan()) == ["member.add ann T7 MEMBER"]


def test_an_inactive_users_groups_do_not_count_for_the_person():
    w = (
        sales()
        .user("ann2", account=False, directory="entra")
        .same_account("ann2", "ann")
        .change("ann2", email="ann")
    )
    w.change("ann", active=False)

    assert w.plan().actions == ()


def test_a_member_of_three_mapped_groups_has_three_sources():
    w = sales()
    for name in ("A", "B"):
        w.group(name, "ann").map(name, 7)

    assert w.plan().actions[0].mappings == (1, 2, 3)


# -------------------------------------------------------------------- in place


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


def test_a_pending_membership_that_nobody_wants_is_not_accepted():
    w = sales().leave("Sales", "ann").on(7, "ann", accepted=False)

    assert w.plan().actions == ()


def test_a_role_calscim_did_not_give_is_not_recorded_as_given():
    made = sales(MANAGED, ADMIN).on(7, "ann", role=OWNER).plan()

    assert [edge.role for edge in made.in_place] == [OWNER]


# -------------------------------------------------------------------- roles


@pytest.mark.parametrize(
    ("mode", "ledger", "expected"),
    [
        (OBSERVE, None, ["member.role ann T7 ADMIN [observed]"]),
        (OBSERVE, "added", ["member.role ann T7 ADMIN [observed]"]),
        (ADD_ONLY, None, []),
        (ADD_ONLY, "added", []),
        (MANAGED, None, []),
        (MANAGED, "found", []),
        (MANAGED, "added", ["member.role ann T7 ADMIN"]),
        (EXCLUSIVE, None, ["member.role ann T7 ADMIN"]),
        (EXCLUSIVE, "found", ["member.role ann T7 ADMIN"]),
        (EXCLUSIVE, "added", ["member.role ann T7 ADMIN"]),
    ],
)
def test_whose_role_is_raised(mode: Mode, ledger: str | None, expected: list[str]):
    w = sales(mode, ADMIN).on(7, "ann", ledger=ledger)

    assert show(w.plan()) == expected


@pytest.mark.parametrize(
    ("mode", "ledger", "expected"),
    [
        (ADD_ONLY, "added", []),
        (MANAGED, None, []),
        (MANAGED, "added", ["member.role ann T7 MEMBER"]),
        (EXCLUSIVE, "added", ["member.role ann T7 MEMBER"]),
        (EXCLUSIVE, None, ["member.role ann T7 MEMBER"]),
    ],
)
def test_whose_role_is_lowered(mode: Mode, ledger: str | None, expected: list[str]):
    w = (
        sales(mode)
        .account("boss")
        .on(7, "boss", role=OWNER)
        .on(7, "ann", role=ADMIN, ledger=ledger)
    )
    w.policy = Policy("acme", protected=frozenset({"boss@acme.com"}))

    assert show(w.plan()) == expected


def test_a_role_changed_by_hand_is_drift():
    (action,) = (
        sales()
        .on(7, "ann", role=ADMIN, ledger="added", given=MEMBER)
        .on(7, "me", role=OWNER)
        .plan()
        .actions
    )

    assert action.drift
    assert "the role was changed to ADMIN in Cal.com" in action.reason
    assert (action.observed_role, action.role) == (ADMIN, MEMBER)


def test_a_role_that_follows_the_directory_is_expected():
    (action,) = sales(MANAGED, ADMIN).on(7, "ann", ledger="added").plan().actions

    assert not action.drift
    assert action.provenance == Provenance("okta", 2)


def test_the_role_falls_when_the_higher_source_goes():
    w = sales().group("Leads", "ann").map("Leads", 7, MANAGED, ADMIN).on(7, "me", role=OWNER)
    w.on(7, "ann", role=ADMIN, ledger="added", mappings=(1, 2)).leave("Leads", "ann")

    assert show(w.plan()) == ["member.role ann T7 MEMBER"]


@pytest.mark.parametrize("mode", [MANAGED, EXCLUSIVE])
@pytest.mark.parametrize("ledger", [None, "found", "added"])
def test_an_owner_calscim_did_not_make_is_never_demoted(mode: Mode, ledger: str | None):
    made = sales(mode).on(7, "ann", role=OWNER, ledger=ledger, given=MEMBER).plan()

    assert made.actions == ()


def test_an_owner_that_is_kept_is_noted():
    made = sales(EXCLUSIVE).on(7, "ann", role=OWNER).plan()

    assert made.notes == (
        "ann@acme.com keeps the role OWNER on T7: an owner of the team whom calscim did not make one",
    )


def test_an_owner_calscim_made_is_demoted_when_the_directory_says_so():
    w = sales(MANAGED).on(7, "ann", role=OWNER, ledger="added")

    assert show(w.plan()) == ["member.role ann T7 MEMBER"]


def test_the_keys_own_user_is_never_demoted_on_a_team():
    w = world().user("me").group("Sales", "me").map("Sales", 7, EXCLUSIVE)
    w.on(7, "me", role=ADMIN, ledger="added")

    assert w.plan().actions == ()


def test_protected_people_are_never_demoted_on_a_team():
    w = sales(EXCLUSIVE).on(7, "ann", role=ADMIN, ledger="added").on(7, "me", role=OWNER)
    w.policy = Policy("acme", protected=frozenset({"ann@acme.com"}))

    assert [action.kind for action in w.plan().actions if action.email == "ann@acme.com"] == []


def test_protected_people_may_be_raised():
    w = sales(EXCLUSIVE, ADMIN).on(7, "ann", ledger="added")
    w.policy = Policy("acme", protected=frozenset({"ann@acme.com"}))

    assert show(w.plan()) == ["member.role ann T7 ADMIN"]


def test_a_leavers_role_is_not_touched():
    w = (
        sales(EXCLUSIVE, ADMIN)
        .user("ann2", account=False, directory="entra", managed=False)
        .same_account("ann2", "ann")
    )
    w.join("Sales", "ann2").on(7, "ann").change("ann", active=False)

    assert show(w.plan()) == ["user.deprovision ann"]


# -------------------------------------------------------------------- taking off


@pytest.mark.parametrize(
    ("mode", "ledger", "expected"),
    [
        (OBSERVE, None, ["member.remove ann T7 [observed]"]),
        (OBSERVE, "found", ["member.remove ann T7 [observed]"]),
        (OBSERVE, "added", ["member.remove ann T7 [observed]"]),
        (ADD_ONLY, None, []),
        (ADD_ONLY, "found", []),
        (ADD_ONLY, "added", []),
        (MANAGED, None, []),
        (MANAGED, "found", []),
        (MANAGED, "added", ["member.remove ann T7"]),
        (EXCLUSIVE, None, ["member.remove ann T7"]),
        (EXCLUSIVE, "found", ["member.remove ann T7"]),
        (EXCLUSIVE, "added", ["member.remove ann T7"]),
    ],
)
def test_who_is_taken_off_after_leaving_the_group(
    mode: Mode, ledger: str | None, expected: list[str]
):
    w = sales(mode).on(7, "ann", ledger=ledger).leave("Sales", "ann")

    assert show(w.plan()) == expected


def test_a_removal_names_the_row_and_the_group_left():
    (action,) = sales().on(7, "ann", ledger="added").leave("Sales", "ann").plan().actions

    assert action.reason == "left Sales (journal 4)"
    assert action.provenance == Provenance("okta", 4)
    assert (action.observed_role, action.membership) == (MEMBER, 103)


@pytest.mark.parametrize("mode", [OBSERVE, ADD_ONLY, MANAGED])
def test_a_stranger_stays_on_a_team_that_is_not_exclusive(mode: Mode):
    w = sales(mode).account("eve").on(7, "eve")

    assert [one for one in show(w.plan()) if "eve" in one and "[observed]" not in one] == []


def test_a_stranger_on_an_exclusive_team_is_drift():
    w = sales(EXCLUSIVE).account("eve").on(7, "ann", "eve")

    (action,) = w.plan().actions

    assert (action.kind, action.drift, action.provenance, action.user) == (
        Kind.REMOVE,
        True,
        None,
        None,
    )
    assert action.reason == "is in none of the groups mapped to T7: Sales"


def test_an_unmanaged_person_on_an_exclusive_team_is_taken_off_as_drift():
    w = sales(EXCLUSIVE).user("eve", managed=False).on(7, "ann", "eve")

    assert show(w.plan()) == ["member.remove eve T7 drift"]


def test_a_person_removed_from_the_last_source_group_leaves_the_team():
    w = sales().group("Leads", "ann").map("Leads", 7).on(7, "ann", ledger="added", mappings=(1, 2))

    assert w.leave("Leads", "ann").plan().actions == ()
    assert show(w.leave("Sales", "ann").plan()) == ["member.remove ann T7"]


def test_an_unmapped_team_gives_back_what_it_was_given():
    w = sales().account("eve").on(7, "eve").on(7, "ann", ledger="added").unmap(1)

    (action,) = w.plan().actions

    assert (action.email, action.provenance, action.drift) == (
        "ann@acme.com",
        Provenance("@acme", 4),
        False,
    )
    assert action.reason == "Sales is not mapped to this team any more (journal 4)"


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (OBSERVE, ["member.remove ann T7 [observed]"]),
        (ADD_ONLY, []),
        (MANAGED, ["member.remove ann T7"]),
        (EXCLUSIVE, ["member.remove ann T7"]),
    ],
)
def test_unmapping_takes_back_in_the_modes_that_take_back(mode: Mode, expected: list[str]):
    w = sales(mode).on(7, "ann", ledger="added", mode=mode).unmap(1)

    assert show(w.plan()) == expected


def test_unmapping_leaves_what_was_found():
    assert sales().on(7, "ann", ledger="found").unmap(1).plan().actions == ()


def test_unmapping_one_of_two_sources_takes_nothing_back():
    w = sales().group("Leads", "ann").map("Leads", 7).on(7, "ann", ledger="added", mappings=(1, 2))

    assert w.unmap(1).plan().actions == ()


def test_a_deleted_groups_people_leave_the_team():
    w = sales().on(7, "ann", ledger="added").delete_group("Sales")

    (action,) = w.plan().actions

    assert (action.kind, action.provenance, action.drift) == (
        Kind.REMOVE,
        Provenance("okta", 4),
        False,
    )


def test_a_deleted_groups_people_stay_where_another_group_has_them():
    w = sales().group("Leads", "ann").map("Leads", 7).on(7, "ann", ledger="added", mappings=(1, 2))

    assert w.delete_group("Sales").plan().actions == ()


def test_a_deactivated_unmanaged_person_leaves_what_calscim_gave():
    w = sales().change("ann", active=False, managed=False).on(7, "ann", ledger="added")

    (action,) = w.plan().actions

    assert (action.kind, action.reason) == (
        Kind.REMOVE,
        "the provider has deactivated this user (journal 4)",
    )


def test_a_deleted_unmanaged_person_leaves_what_calscim_gave():
    w = sales().change("ann", managed=False).on(7, "ann", ledger="added").depart("ann")

    (action,) = w.plan().actions

    assert (action.kind, action.user, action.drift) == (Kind.REMOVE, "ann", False)


def test_a_removal_no_row_is_behind_is_drift():
    w = sales().user("bob").on(7, "bob", ledger="added")

    (_, action) = w.plan().actions

    assert (action.email, action.drift, action.provenance) == ("bob@acme.com", True, None)
    assert action.reason == "no group wants this person on T7 any more"


def test_a_mapping_whose_mode_became_weaker_takes_nothing():
    w = sales().on(7, "ann", ledger="added").remap(1, mode=ADD_ONLY).leave("Sales", "ann")

    assert w.plan().actions == ()


def test_what_a_deleted_directory_gave_is_left_and_noted():
    w = sales().on(7, "ann", ledger="added", mappings=(9,)).leave("Sales", "ann")

    made = w.plan()

    assert made.actions == ()
    assert made.notes == ("ann@acme.com stays on T7: the directory that gave it was deleted",)


def test_nobody_is_taken_off_a_team_that_could_not_be_read():
    assert sales().on(7, "ann", ledger="added").leave("Sales", "ann").unread(7).plan().actions == ()


def test_strangers_stay_while_the_organization_could_not_be_read():
    w = sales(EXCLUSIVE).account("eve").on(7, "ann", "eve").unread()

    made = w.plan()

    assert made.actions == ()
    assert "not known who this is" in made.notes[0]


def test_what_calscim_gave_is_taken_while_the_organization_could_not_be_read():
    w = sales().on(7, "ann", ledger="added").leave("Sales", "ann").unread()

    assert show(w.plan()) == ["member.remove ann T7"]


def test_strangers_stay_while_a_group_of_an_exclusive_team_is_not_pushed():
    w = sales(EXCLUSIVE).map("Typo", 7).account("eve").on(7, "ann", "eve")

    made = w.plan()

    assert made.actions == ()
    assert made.notes == ("T7: people who were added by hand stay until the group Typo is pushed",)


def test_leavers_of_a_group_are_taken_off_while_another_group_is_not_pushed():
    w = sales(EXCLUSIVE).map("Typo", 7).on(7, "ann", ledger="found").leave("Sales", "ann")

    assert show(w.plan()) == ["member.remove ann T7"]


def test_strangers_stay_where_managed_and_observing_mappings_meet():
    w = sales().group("Leads").map("Leads", 7, OBSERVE).account("eve").on(7, "ann", "eve")

    assert w.plan().actions == ()


# -------------------------------------------------------------------- paused


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


def test_a_stranger_is_left_alone_while_one_of_the_teams_directories_is_paused():
    w = sales(EXCLUSIVE).group("Leads", directory="entra").map("Leads", 7, directory="entra")
    w.account("eve").on(7, "ann", "eve").pause(directory="entra")

    assert show(w.plan()) == ["member.remove eve T7 drift [paused]"]


def test_observed_stays_observed_when_paused():
    assert show(sales(OBSERVE).pause().plan()) == ["member.add ann T7 MEMBER [observed]"]


# -------------------------------------------------------------------- scope


def test_only_teams_in_scope_are_acted_upon():
    w = sales().map("Sales", 8)

    assert show(w.plan(teams=[8])) == ["member.add ann T8 MEMBER"]


def test_with_people_in_scope_nobody_else_is_touched_on_any_team():
    w = sales(EXCLUSIVE).user("bob").join("Sales", "bob").account("eve").on(7, "eve")

    assert show(w.plan(users=["ann"])) == ["member.add ann T7 MEMBER"]
    assert show(w.plan(users=["bob"])) == ["member.add bob T7 MEMBER"]


def test_a_leaver_of_a_group_in_scope_is_taken_off():
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


# -------------------------------------------------------------------- order and words


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


def test_a_stranger_nobody_knows_is_named_by_the_accounts_number():
    w = sales(EXCLUSIVE).account("eve").on(7, "ann", "eve")
    w.absent("eve")

    assert "account 10" in w.plan().notes[0]


def test_an_edge_with_one_mapping_removed_and_another_left_by_no_row_names_the_removed_one():
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
