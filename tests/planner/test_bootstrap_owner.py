"""The API key's user leaves the teams that calscim created, once another person owns them."""

from dataclasses import replace

import pytest

from calscim.planner.context import PlanInputs
from calscim.planner.desired_state import BootstrapOwner
from calscim.planner.ids import MembershipId, TeamId
from calscim.planner.plan import Plan, Scope
from calscim.planner.planner import propose
from tests.planner.display import show
from tests.planner.world import (
    ADD_ONLY,
    ADMIN,
    MANAGED,
    ME,
    MEMBER,
    OWNER,
    PlannerWorld,
    sales,
    world,
)


def plan(w: PlannerWorld, scope: Scope | None = None, membership: int | None = None) -> Plan:
    """Plan a world in which calscim created team 7 with the API key of ``me``."""
    held = w.teams[TeamId(7)][ME].membership if membership is None else MembershipId(membership)
    desired = replace(w.directory, bootstrap_owners={TeamId(7): BootstrapOwner(ME, held)})
    return propose(PlanInputs(desired, w.observed, w.policy, scope or Scope()))


def created(mode=MANAGED, role=OWNER) -> PlannerWorld:
    """Return a world in which ann was added to the new team, whose mapping grants ``role``."""
    w = sales(mode, role).on(7, "me", role=OWNER)
    return w.on(7, "ann", role=role, ledger="added", mode=mode)


def test_the_bootstrap_owner_leaves_once_another_person_owns_the_team():
    found = plan(created())

    assert show(found) == ["member.remove me T7"]
    assert "ann@acme.com owns it now" in found.actions[0].reason


def test_the_bootstrap_owner_stays_while_no_other_person_owns_the_team():
    found = plan(created(role=ADMIN))

    assert show(found) == []
    assert "stays the owner of T7" in found.notes[0]


def test_an_ownership_that_was_given_by_hand_later_stays():
    assert show(plan(created(), membership=1)) == []


def test_add_only_does_not_take_the_ownership_back():
    assert show(plan(created(ADD_ONLY))) == []


def test_a_pass_over_some_people_does_not_take_the_ownership_back():
    assert show(plan(created(), Scope(users=frozenset()))) == []


def test_a_bootstrap_owner_on_the_protected_list_stays():
    w = created()
    w.policy = replace(w.policy, protected=frozenset({w.people[ME].email}))

    assert show(plan(w)) == []


@pytest.mark.parametrize(
    ("role", "expected"), [(MEMBER, ["member.role me T7 MEMBER"]), (OWNER, [])]
)
def test_a_bootstrap_owner_in_a_mapped_group_gets_the_granted_role(role, expected):
    w = (
        world()
        .user("ann")
        .user("boss")
        .same_account("boss", "me")
        .group("Owners", "ann")
        .map("Owners", 7, role=OWNER)
    )
    w.group("Staff", "boss").map("Staff", 7, role=role)
    w.on(7, "me", role=OWNER).on(7, "ann", role=OWNER, ledger="added")

    assert show(plan(w)) == expected


def test_a_team_that_could_not_be_read_keeps_its_bootstrap_owner():
    w = created()
    membership = w.teams[TeamId(7)][ME].membership

    assert show(plan(w.unread(7), membership=membership)) == []
