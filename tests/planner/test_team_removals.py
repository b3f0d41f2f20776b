"""Removals from teams, mode by mode."""

import pytest

from calscim.planner.actions import Kind, Provenance
from calscim.planner.ids import UserId
from calscim.planner.modes import Mode
from tests.planner.display import show
from tests.planner.world import ADD_ONLY, EXCLUSIVE, MANAGED, MEMBER, OBSERVE, sales, world


@pytest.mark.parametrize(
    ("mode", "ledger", "expected"),
    [
        (OBSERVE, None, ["member.remove ann T7 [observed]"]),
        (OBSERVE, "found", ["member.remove ann T7 [observed]"]),
        (OBSERVE, "added", ["member.remove ann T7 [observed]"]),
        (ADD_ONLY, None, []),
        (ADD_ONLY, "found", []),
        (ADD_ONLY, "adopted", []),
        (ADD_ONLY, "added", []),
        (MANAGED, None, []),
        (MANAGED, "found", []),
        (MANAGED, "adopted", ["member.remove ann T7"]),
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


def test_an_unmanaged_person_on_an_exclusive_team_is_removed_as_drift():
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
    assert action.reason == "no mapped group puts this person on T7 any more"


def test_a_mapping_with_a_weaker_mode_removes_no_member():
    w = sales().on(7, "ann", ledger="added").remap(1, mode=ADD_ONLY).leave("Sales", "ann")

    assert w.plan().actions == ()


def test_what_a_deleted_directory_gave_is_left_and_noted():
    w = sales().on(7, "ann", ledger="added", mappings=(9,)).leave("Sales", "ann")

    made = w.plan()

    assert made.actions == ()
    assert made.notes == (
        "ann@acme.com stays on T7: the directory that asked for the membership was deleted",
    )


def test_no_person_is_removed_from_a_team_that_could_not_be_read():
    assert sales().on(7, "ann", ledger="added").leave("Sales", "ann").unread(7).plan().actions == ()


def test_strangers_stay_while_the_organization_could_not_be_read():
    w = sales(EXCLUSIVE).account("eve").on(7, "ann", "eve").unread()

    made = w.plan()

    assert made.actions == ()
    assert "does not know the address" in made.notes[0]


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


def test_a_membership_that_an_old_build_left_behind_is_removed():
    w = world().user("ann").group("S").map("S", 7).on(7, "ann").absent("ann")
    w.former_accounts[UserId("ann")] = w.accounts["ann"]
    del w.links["ann"]

    (action,) = [one for one in w.plan().actions if one.kind is Kind.REMOVE]

    assert action.reason.endswith("this build of Cal.com kept the team membership")


def test_a_membership_left_behind_is_a_stale_read_if_cal_com_clears_teams():
    w = world().user("ann").group("S").map("S", 7).on(7, "ann").absent("ann")
    w.former_accounts[UserId("ann")] = w.accounts["ann"]
    del w.links["ann"]
    w.clears_teams = True

    assert [one for one in w.plan().actions if one.kind is Kind.REMOVE] == []
