"""Removals over a limit are held until an operator approves them."""

import pytest

from calscim.admin.approve import Stale, approve
from calscim.names import address_key
from calscim.reconciler.state import holds
from tests.support.stage import PEOPLE, address, assigned


async def test_a_mass_removal_is_held_and_approved_exactly(stage):
    await stage.given("Sales", "managed", *PEOPLE)
    await stage.okta.push_now("Sales", [])
    await stage.push()
    await stage.full()
    [hold] = await holds.load_current(stage.db, "acme")
    assert len(stage.team("Sales")) == 5

    await approve(stage.db, stage.settings, [stage.organization], hold.hash)
    await stage.full()

    assert stage.team("Sales") == {}
    assert await holds.load_current(stage.db, "acme") == []


async def test_an_approval_of_a_world_that_has_changed_is_refused(stage):
    await stage.given("Sales", "managed", *PEOPLE)
    await stage.okta.push_now("Sales", [])
    await stage.full()
    [hold] = await holds.load_current(stage.db, "acme")
    stage.world.take_off_team("Sales", address("ann"))

    with pytest.raises(Stale):
        await approve(stage.db, stage.settings, [stage.organization], hold.hash)


async def test_an_approved_removal_continues_after_a_crash(stage):
    await stage.given("Sales", "managed", *PEOPLE)
    await stage.okta.push_now("Sales", [])
    await stage.full()
    [hold] = await holds.load_current(stage.db, "acme")
    await approve(stage.db, stage.settings, [stage.organization], hold.hash)
    left = iter([False, False, True])
    await stage.reconciler.run_full(lambda: next(left, True))
    assert len(stage.team("Sales")) == 3

    await stage.restart()
    await stage.full()

    assert stage.team("Sales") == {}


async def test_owners_the_keys_own_user_and_protected_people_stay(stage):
    stage.organize(protected=frozenset({address_key(address("CEO"))}))
    await assigned(stage, "owner", "ceo", "ann")
    await stage.full()

    for name in ("owner", "ceo", "ann"):
        await stage.okta.deactivate(address(name))
    await stage.full()

    people = stage.world.snapshot()["people"]
    assert people == {address("owner"): "OWNER", address("ceo"): "MEMBER"}


async def test_a_user_who_became_an_owner_after_the_plan_is_not_deprovisioned(stage):
    await assigned(stage, "ann")
    await stage.full()
    stage.world.set_role(None, address("ann"), "OWNER")

    await stage.okta.deactivate(address("ann"))
    await stage.push()

    assert address("ann") in stage.world.snapshot()["people"]
