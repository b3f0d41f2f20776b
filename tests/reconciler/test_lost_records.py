"""The database or the daemon fails between a call to Cal.com and the records of its effect."""

from contextlib import suppress

import pytest

from calscim.errors import StoreUnavailable
from calscim.reconciler.state import ledger
from calscim.reconciler.state.attempts import Attempts, abandon
from tests.support.stage import address, assigned


async def fails(*_, **__):
    raise StoreUnavailable("the database went away")


async def interrupt(stage, monkeypatch, where, function):
    """Run a pass that the database interrupts after a call; another daemon takes over."""
    with monkeypatch.context() as patch, suppress(StoreUnavailable):
        patch.setattr(where, function, fails)
        await stage.full()
        pytest.fail("the pass was not interrupted")
    await stage.restart()
    await abandon(stage.db, stage.lease)


@pytest.mark.parametrize(
    "place", [(Attempts, "finish"), (ledger, "record_membership")], ids=["outcome", "ledger"]
)
async def test_a_member_whose_record_was_lost_leaves_the_team_with_the_group(
    stage, monkeypatch, place
):
    await stage.map("Sales", stage.team_id("Sales"), "managed")
    await assigned(stage, "ann")
    await stage.full()
    await stage.okta.push_group("Sales", [address("ann")])
    await interrupt(stage, monkeypatch, *place)
    assert address("ann") in stage.team("Sales")
    await stage.full()

    await stage.okta.remove_members("Sales", [address("ann")])
    await stage.full()

    assert address("ann") not in stage.team("Sales")


@pytest.mark.parametrize(
    "place", [(Attempts, "finish"), (ledger, "record_org_role")], ids=["outcome", "grant"]
)
async def test_a_role_whose_record_was_lost_ends_with_the_group(stage, monkeypatch, place):
    await stage.map("Admins", None, "managed", "ADMIN")
    await assigned(stage, "ann")
    await stage.full()
    await stage.okta.push_group("Admins", [address("ann")])
    await interrupt(stage, monkeypatch, *place)
    assert stage.people()[address("ann")] == "ADMIN"
    await stage.full()

    await stage.okta.remove_members("Admins", [address("ann")])
    await stage.full()

    assert stage.people()[address("ann")] == "MEMBER"
