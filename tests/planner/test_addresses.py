"""Addresses that accounts give to each other: in a chain, in a circle, and where a member may not be changed."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calscim.planner.actions import State
from calscim.planner.ids import CalUserId
from calscim.planner.modes import PeopleMode
from calscim.planner.people.address_moves import interim_address, is_interim_address
from calscim.planner.policy import Policy
from calscim.planner.safeguards.limits import Guards
from tests.planner.world import OWNER, PlannerWorld, address, world

NAMES = ("ann", "bob", "cyd", "dan", "eve")


def renamed(**changes: str) -> PlannerWorld:
    """Return a world with the named people, who have accounts, and other addresses in the directory."""
    w = world()
    for name in changes:
        w.user(name)
    for name, email in changes.items():
        w.change(name, email=email)
    return w


def carry_out(w: PlannerWorld) -> None:
    """Carry out the actions in the plan's order; as in Cal.com, no address may exist twice."""
    for action in w.plan().actions:
        assert action.state is State.RUN
        taken = {one.email.casefold() for one in w.people.values() if one.user != action.cal_user}
        assert action.email.casefold() not in taken
        w.apply(action)


def emails(w: PlannerWorld) -> dict[str, str]:
    return {name: w.people[w.accounts[name]].email for name in w.users}


def test_two_accounts_exchange_their_addresses_through_an_interim_one():
    w = renamed(ann="bob", bob="ann")
    ann = w.accounts["ann"]

    aside, bob, last = w.plan().actions

    assert (aside.cal_user, aside.email) == (ann, f"bob+calscim-{ann}@acme.com")
    assert "2 accounts exchange their addresses" in aside.reason
    assert (bob.email, last.email) == (address("ann"), address("bob"))
    carry_out(w)
    assert emails(w) == {"ann": address("bob"), "bob": address("ann")}
    assert w.plan().actions == ()


@pytest.mark.parametrize("order", list(itertools.permutations(["ann", "bob", "cyd"])))
def test_a_chain_ends_with_the_free_address_and_needs_no_interim_one(order):
    w = world()
    for name in order:
        w.user(name)
    w.change("ann", email="bob").change("bob", email="cyd").change("cyd", email="free")

    assert not any(action.is_interim for action in w.plan().actions)
    carry_out(w)

    assert emails(w) == {"ann": address("bob"), "bob": address("cyd"), "cyd": address("free")}


moves = st.lists(
    st.sampled_from([*NAMES, "free", "new"]), min_size=len(NAMES), max_size=len(NAMES), unique=True
)


@settings(max_examples=300, derandomize=True)
@given(moves, st.integers(0, 12))
def test_whoever_gets_whose_address_everybody_has_theirs_in_the_end(wanted: list[str], crash: int):
    """Each change succeeds, even if a pass ends after any action and the next one plans anew."""
    w = renamed(**dict(zip(NAMES, wanted, strict=True)))

    for action in w.plan().actions[:crash]:
        w.apply(action)
    carry_out(w)

    assert emails(w) == {name: address(email) for name, email in zip(NAMES, wanted, strict=True)}
    assert w.plan().actions == ()


@settings(max_examples=100, derandomize=True)
@given(moves)
def test_after_each_action_exactly_the_rest_of_an_exchange_is_planned(wanted: list[str]):
    w = renamed(**dict(zip(NAMES, wanted, strict=True)))
    rest = [(one.cal_user, one.email) for one in w.plan().actions]

    while rest:
        w.apply(w.plan().actions[0])
        assert [(one.cal_user, one.email) for one in w.plan().actions] == rest[1:]
        rest = rest[1:]


def test_neither_owners_nor_the_keys_user_nor_protected_people_go_to_an_interim_address():
    w = world().user("ann", role=OWNER).user("bob")
    w.change("ann", email="bob").change("bob", email="ann")
    assert [one.cal_user for one in w.plan().actions if one.is_interim] == [w.accounts["bob"]]

    w.policy = Policy("acme", protected=frozenset([address("bob")]))
    planned = w.plan()

    assert not any(one.is_interim for one in planned.actions)
    assert len(planned.actions) == 2
    for action in planned.actions:
        assert "give one of them another address in Cal.com by hand" in action.reason


def test_an_owners_part_of_an_exchange_is_held():
    w = world().user("ann", role=OWNER).user("bob")
    w.change("ann", email="bob").change("bob", email="ann")
    w.guards = Guards()

    states = {(one.cal_user, one.is_interim): one.state for one in w.guarded().actions}

    assert states[w.accounts["ann"], False] is State.HELD


@pytest.mark.parametrize("mode", [PeopleMode.OBSERVE, PeopleMode.ADD_ONLY])
def test_no_account_takes_an_interim_address_if_people_are_only_observed(mode):
    w = renamed(ann="bob", bob="ann")
    w.policy = Policy("acme", people=mode)

    planned = w.plan()

    assert {one.state for one in planned.actions} == {State.OBSERVED}
    assert not any(one.is_interim for one in planned.actions)


def test_no_account_takes_an_interim_address_for_a_person_of_a_paused_directory():
    w = world().user("ann").user("bob", directory="entra")
    w.change("ann", email="bob").change("bob", email="ann").pause(directory="entra")

    planned = w.plan()

    assert sorted(one.state.value for one in planned.actions) == ["paused", "run"]
    assert not any(one.is_interim for one in planned.actions)


def test_a_user_outside_the_scope_of_another_directory_does_not_end_the_pause():
    w = world().user("ann").user("double", account=False, directory="entra", managed=False)
    w.same_account("double", "ann").change("ann", email="new").pause(directory="okta")

    assert [(one.email, one.state) for one in w.plan().actions] == [(address("new"), State.PAUSED)]


def test_a_chain_waits_behind_a_member_of_a_paused_directory():
    w = world().user("ann").user("bob", directory="entra")
    w.change("ann", email="bob").change("bob", email="free").pause(directory="entra")

    planned = w.plan()

    assert [(one.email, one.state) for one in planned.actions] == [(address("free"), State.PAUSED)]
    (waiting,) = planned.waiting
    assert waiting.reason == f"another account already has the address {address('bob')}"


def test_a_person_who_leaves_on_an_interim_address_gets_the_own_one_before():
    w = renamed(ann="bob", bob="ann")
    w.apply(w.plan().actions[0])  # and then the pass was cut off
    w.change("ann", email="ann.own", active=False)

    first, *rest = w.plan().actions

    assert (first.cal_user, first.email) == (w.accounts["ann"], address("ann.own"))
    assert [one.kind.value for one in rest] == ["user.deprovision", "user.update"]


def test_an_interim_address_is_known_by_the_accounts_own_number():
    assert is_interim_address(CalUserId(7), interim_address(CalUserId(7), "ann@acme.com"))
    assert not is_interim_address(CalUserId(8), interim_address(CalUserId(7), "ann@acme.com"))
    assert not is_interim_address(CalUserId(7), "ann+calscim@acme.com")
    assert not is_interim_address(CalUserId(7), "ann@acme.com")


@given(st.integers(1, 2**53), st.emails())
def test_an_interim_address_is_as_long_as_an_address_may_be(number: int, email: str):
    local, _, domain = interim_address(CalUserId(number), email).rpartition("@")

    assert len(local) <= 64
    assert domain == email.rpartition("@")[2]


def test_one_of_two_users_who_want_an_address_of_a_circle_gets_it():
    w = world().user("ann").user("bob").user("cyd")
    w.change("ann", email="bob").change("bob", email="ann").change("cyd", email="ann")

    carry_out(w)

    assert emails(w) == {"ann": address("bob"), "bob": address("ann"), "cyd": address("cyd")}
    (waiting,) = w.plan().waiting
    assert waiting.reason == f"another account already has the address {address('ann')}"


def test_an_exchange_with_a_pending_member_without_a_profile_waits():
    w = renamed(ann="bob", bob="ann")
    bob = w.accounts["bob"]
    w.people[bob] = replace(w.people[bob], accepted=False, has_profile=False)

    assert w.plan().actions == ()
