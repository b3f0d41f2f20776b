"""Organization roles: granted by a mapping of the organization, kept, and revoked with it."""

from dataclasses import replace

import pytest

from calscim.planner.actions import Kind
from calscim.planner.policy import Policy
from tests.planner.display import show, waits
from tests.planner.world import (
    ADD_ONLY,
    ADMIN,
    EXCLUSIVE,
    MANAGED,
    ME,
    MEMBER,
    OBSERVE,
    OWNER,
    world,
)


def test_a_mapping_of_the_organization_gives_its_role_with_the_invitation():
    w = world().user("ann", account=False).group("A", "ann").map("A", None, MANAGED, ADMIN)

    assert show(w.plan()) == ["user.create ann ADMIN"]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (OBSERVE, ["member.role ann ADMIN [observed]"]),
        (ADD_ONLY, []),
        (MANAGED, ["member.role ann ADMIN"]),
        (EXCLUSIVE, ["member.role ann ADMIN"]),
    ],
)
def test_a_mapping_of_the_organization_raises_the_role_of_members(mode, expected: list[str]):
    w = world().user("ann").group("A", "ann").map("A", None, mode, ADMIN)

    assert show(w.plan()) == expected


def test_a_role_of_the_organization_is_lowered_to_what_the_group_gives():
    w = world().user("ann", role=ADMIN).group("A", "ann").map("A", None, MANAGED, MEMBER)

    assert show(w.plan()) == ["member.role ann MEMBER"]


def test_an_owner_of_the_organization_is_never_demoted():
    w = world().user("ann", role=OWNER).group("A", "ann").map("A", None, MANAGED, MEMBER)

    plan = w.plan()

    assert plan.actions == ()
    assert "an owner of the organization" in waits(plan)["ann"]


def test_a_pending_members_role_is_left_until_accepted():
    w = world().user("ann", accepted=False).group("A", "ann").map("A", None, MANAGED, ADMIN)

    assert w.plan().actions == ()


def test_an_observing_mapping_gives_no_role_with_the_invitation():
    w = world().user("ann", account=False).group("A", "ann").map("A", None, OBSERVE, ADMIN)

    assert show(w.plan()) == ["user.create ann MEMBER"]


def test_an_administrator_who_leaves_is_not_demoted_before():
    w = world().user("ann", role=ADMIN, active=False).group("A").map("A", None, MANAGED, ADMIN)
    w.office("ann")

    assert show(w.plan()) == ["user.deprovision ann"]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (OBSERVE, []),
        (ADD_ONLY, []),
        (MANAGED, ["member.role ann MEMBER"]),
        (EXCLUSIVE, ["member.role ann MEMBER"]),
    ],
)
def test_a_role_that_calscim_granted_is_revoked_when_the_person_leaves_the_group(
    mode, expected: list[str]
):
    w = world().user("ann", role=ADMIN).group("A", "ann").map("A", None, mode, ADMIN)
    w.office("ann").leave("A", "ann")

    assert show(w.plan()) == expected


def test_a_role_is_revoked_with_the_group_even_if_the_address_changed():
    w = world().user("ann", role=ADMIN).group("A", "ann").map("A", None, MANAGED, ADMIN)
    w.office("ann").leave("A", "ann").change("ann", email="anna")

    assert show(w.plan()) == ["user.update anna", "member.role ann MEMBER"]


def test_a_role_that_was_given_by_hand_stays_when_the_group_is_left():
    w = world().user("ann", role=ADMIN).group("A", "ann").map("A", None, MANAGED, ADMIN)
    w.leave("A", "ann")

    assert w.plan().actions == ()


@pytest.mark.parametrize("role", [OWNER, MEMBER])
def test_a_role_that_was_changed_by_hand_since_is_not_taken_back(role):
    w = world().user("ann", role=role).group("A", "ann").map("A", None, MANAGED, ADMIN)
    w.office("ann").leave("A", "ann")

    assert w.plan().actions == ()


def test_a_role_stays_while_another_group_gives_it():
    w = world().user("ann", role=ADMIN).group("A", "ann").group("B", "ann")
    w.map("A", None, MANAGED, ADMIN).map("B", None, MANAGED, ADMIN).office("ann").leave("A", "ann")

    assert w.plan().actions == ()


def test_a_role_is_revoked_when_the_mapping_that_granted_it_is_removed():
    w = world().user("ann", role=ADMIN).group("A", "ann").map("A", None, MANAGED, ADMIN)
    w.office("ann").unmap(1)

    (action,) = w.plan().actions

    assert (action.kind, action.role) == (Kind.ROLE, MEMBER)
    assert (action.provenance.stream, action.provenance.seq) == ("@acme", w.seq)


def test_a_role_is_revoked_when_the_group_that_granted_it_is_deleted():
    w = world().user("ann", role=ADMIN).group("A", "ann").map("A", None, MANAGED, ADMIN)
    w.office("ann").delete_group("A")

    assert show(w.plan()) == ["member.role ann MEMBER"]


def test_a_role_of_a_protected_person_is_not_taken_back():
    w = world().user("ann", role=ADMIN).group("A", "ann").map("A", None, MANAGED, ADMIN)
    w.office("ann").leave("A", "ann")
    w.policy = Policy("acme", protected=frozenset({"ann@acme.com"}))

    assert w.plan().actions == ()


def test_the_last_administrator_keeps_the_role_that_calscim_gave():
    w = world().user("ann", role=ADMIN).group("A", "ann").map("A", None, MANAGED, ADMIN)
    w.people[ME] = replace(w.people[ME], role=MEMBER)
    w.office("ann").leave("A", "ann")

    plan = w.plan()

    assert plan.actions == ()
    assert "the last administrator" in waits(plan)["ann"]
