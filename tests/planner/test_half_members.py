"""Members without a Profile are reported and repaired."""

from dataclasses import replace

import pytest

from calscim.planner.actions import Kind
from tests.planner.display import show, waits
from tests.planner.world import ADMIN, MEMBER, OWNER, sales, world


def half_member(w, name="ann", **changes):
    """Return a world in which Cal.com shows no Profile for an accepted member."""
    account = w.accounts[name]
    w.people[account] = replace(w.people[account], has_profile=False, **changes)
    return w


def test_a_half_member_is_made_pending_and_waits_for_acceptance():
    w = half_member(sales(), role=ADMIN)

    planned = w.plan()

    [action] = planned.actions
    assert (action.kind, action.cal_user) == (Kind.ATTACH, w.accounts["ann"])
    assert action.membership == w.people[w.accounts["ann"]].membership
    assert action.role is ADMIN
    assert "accept" in waits(planned)["ann"]
    w.apply(action)
    assert show(w.plan()) == []
    assert waits(w.plan()) == {"ann": "has not accepted the invitation yet"}


@pytest.mark.parametrize("why", ["owner", "protected", "the key's user"])
def test_a_protected_half_member_is_not_changed_and_waits_with_the_reason(why):
    w = sales()
    if why == "protected":
        w.policy = replace(w.policy, protected=frozenset({"ann@acme.com"}))
    if why == "the key's user":
        w.user("me")
    name = "me" if why == "the key's user" else "ann"
    half_member(w, name, role=OWNER if why == "owner" else MEMBER)

    planned = w.plan()

    assert not [one for one in planned.actions if one.kind is Kind.ATTACH]
    assert "does not change this person" in waits(planned)[name]


def test_a_half_member_gets_neither_teams_nor_attributes_nor_another_address():
    w = sales().rule("title", "title").attribute("title").says("ann", title="Boss")
    half_member(w.change("ann", email="ann.new"))

    assert [one.kind for one in w.plan().actions] == [Kind.ATTACH]


def test_a_half_member_that_no_provider_wrote_to_is_not_changed():
    w = half_member(world().user("ann", managed=False))

    assert w.plan().actions == ()


def test_a_pending_person_without_a_profile_is_not_sent_another_address():
    w = world().user("ann", accepted=False)
    half_member(w.change("ann", email="ann.new"), accepted=False)

    assert w.plan().actions == ()
    assert waits(w.plan())["ann.new"] == "has not accepted the invitation yet"
