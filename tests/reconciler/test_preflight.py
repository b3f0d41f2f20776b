"""The read right before a removal decides: it overrules what an earlier read showed."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from calscim.planner.actions import RemoveMember
from calscim.planner.ids import TeamId
from calscim.planner.observed_state import Incomplete
from calscim.reconciler.preflight import Preflight
from tests.planner.world import EXCLUSIVE, ME, MEMBER, OWNER, sales, world


class Reader:
    """Answers every read of a person with the same value, and keeps the ids that were asked for."""

    def __init__(self, answer):
        self.answer = answer
        self.asked = []

    async def person(self, membership):
        self.asked.append(membership)
        return self.answer


def leaver():
    """ann, whom the provider has deactivated, the deprovision, and what earlier reads showed."""
    w = world().user("ann").change("ann", active=False)
    (action,) = w.plan().actions
    view = SimpleNamespace(people=w.people, teams={}, me=ME)
    return w.people[action.cal_user], action, view, w.policy


@pytest.mark.parametrize(("role", "refused"), [(OWNER, True), (MEMBER, False)])
async def test_the_role_that_was_read_last_decides_on_a_deprovision(role, refused):
    person, action, view, policy = leaver()
    reader = Reader(replace(person, role=role))

    _, refusal = await Preflight(reader, view, policy).check(action)

    assert (refusal is not None) == refused
    assert reader.asked == [person.membership]


async def test_an_action_whose_last_read_failed_is_not_done():
    _, action, view, policy = leaver()
    gap = Incomplete("Cal.com answered 502")

    assert await Preflight(Reader(gap), view, policy).check(action) == (action, gap)


async def test_a_demotion_reads_the_person_too():
    w = sales(EXCLUSIVE).user("bob").join("Sales", "bob").on(7, "ann", "bob", role=OWNER)
    w.on(7, "ann", role=OWNER, ledger="added", given=OWNER)
    (action,) = w.plan().actions
    view = SimpleNamespace(people=w.people, teams=w.teams, me=ME)
    reader = Reader(w.people[action.cal_user])

    await Preflight(reader, view, w.policy).check(action)

    assert reader.asked == [w.people[action.cal_user].membership]


@pytest.mark.parametrize("is_owned", [True, False])
async def test_the_bootstrap_owner_leaves_only_if_another_person_still_owns_the_team(is_owned):
    w = sales().on(7, "me", role=OWNER).on(7, "ann", role=OWNER if is_owned else MEMBER)
    action = RemoveMember(
        "me@acme.com",
        "ann owns it now",
        team=TeamId(7),
        cal_user=ME,
        membership=w.teams[7][ME].membership,
        observed_role=OWNER,
        of_bootstrap_owner=True,
    )
    view = SimpleNamespace(people=w.people, teams=w.teams, me=ME)

    _, refusal = await Preflight(Reader(None), view, w.policy).check(action)

    assert refusal == (None if is_owned else "no other person owns the team any more")
