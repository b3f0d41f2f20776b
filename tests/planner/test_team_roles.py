"""Roles on teams: the highest role that several groups grant, and roles that were changed by hand."""

import pytest

from calscim.planner.actions import Provenance
from calscim.planner.ids import GroupId, UserId
from calscim.planner.modes import Mode
from calscim.planner.policy import Policy
from calscim.planner.roles import Role
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

# ------------------------------------------------------------------ several sources


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

    assert action.reason.startswith("Leads (journal 4) and Sales (journal 2) put ")
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
def test_an_observing_mapping_grants_its_role_to_no_person(mode: Mode):
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


# ------------------------------------------------------------------ roles


@pytest.mark.parametrize(
    ("mode", "ledger", "expected"),
    [
        (OBSERVE, None, ["member.role ann T7 ADMIN [observed]"]),
        (OBSERVE, "added", ["member.role ann T7 ADMIN [observed]"]),
        (ADD_ONLY, None, []),
        (ADD_ONLY, "added", []),
        (MANAGED, None, []),
        (MANAGED, "found", []),
        (MANAGED, "adopted", ["member.role ann T7 ADMIN"]),
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
        (MANAGED, "adopted", []),
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
    w.on(7, "ann", role=ADMIN, ledger="added", given=ADMIN, mappings=(1, 2)).leave("Leads", "ann")

    (action,) = w.plan().actions

    assert show(w.plan()) == ["member.role ann T7 MEMBER"]
    assert action.reason.startswith("left Leads (journal ")
    assert action.reason.endswith("gives the role MEMBER on T7")
    assert action.provenance == Provenance("okta", w.former[GroupId("Leads"), UserId("ann")])


def test_the_role_falls_when_the_mapping_with_the_higher_role_is_removed():
    w = sales().group("Leads", "ann").map("Leads", 7, MANAGED, ADMIN).on(7, "me", role=OWNER)
    w.on(7, "ann", role=ADMIN, ledger="added", given=ADMIN, mappings=(1, 2)).unmap(2)

    (action,) = w.plan().actions

    assert action.reason.startswith("Leads is not mapped to this team any more (journal ")
    assert action.provenance is not None
    assert action.provenance.stream == "@acme"


@pytest.mark.parametrize("mode", [MANAGED, EXCLUSIVE])
@pytest.mark.parametrize("ledger", [None, "found", "added"])
def test_an_owner_calscim_did_not_make_is_never_demoted(mode: Mode, ledger: str | None):
    made = sales(mode).on(7, "ann", role=OWNER, ledger=ledger, given=MEMBER).plan()

    assert made.actions == ()


def test_an_owner_that_is_kept_is_noted():
    made = sales(EXCLUSIVE).on(7, "ann", role=OWNER).plan()

    assert made.notes == (
        "ann@acme.com keeps the role OWNER on T7: an owner of the team whose role calscim did not grant",
    )


def test_an_owner_that_calscim_added_is_demoted_if_the_directory_asks_for_it():
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
