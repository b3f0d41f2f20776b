"""A rejection is a row of the journal: the set stays held, is shown as rejected, and can be approved after all."""

import pytest

from calscim.admin import Editor
from calscim.admin.approve import Stale, approve, reject
from calscim.admin.status import status
from calscim.admin.status_summary import State, summary
from calscim.errors import UsageError
from calscim.journal import history
from calscim.journal.history import Wanted
from calscim.reconciler.state import holds
from tests.support.stage import PEOPLE, address

BOB = "bob via calscim@host"


async def emptied(stage):
    await stage.given("Sales", "managed", *PEOPLE)
    await stage.okta.push_now("Sales", [])
    await stage.full()
    [hold] = await holds.load_current(stage.db, "acme")
    return hold.hash


async def say_no(stage, hash_, by=BOB, reason="a rule was wrong"):
    editor = Editor(by=by, cipher=stage.db.cipher)
    return await reject(stage.db, [stage.organization], hash_, editor, reason)


async def shown(stage):
    return (await status(stage.db, ["acme"])).organizations[0]


async def test_a_rejection_is_a_row_and_the_set_stays_held(stage):
    hash_ = await emptied(stage)

    found = await say_no(stage, hash_)

    rows = [row async for row in history.rows(stage.db, Wanted(streams=["@acme"]))]
    [row] = [row for row in rows if row.path == "hold.reject"]
    assert (row.remote, row.seq, row.resource_id) == (BOB, found.journal.seq, hash_)
    assert row.effect["reason"] == "a rule was wrong"
    [held] = (await shown(stage)).held
    assert (held.rejected_by, held.rejected_because) == ("bob", "a rule was wrong")
    await stage.full()
    assert [held.hash for held in (await shown(stage)).held] == [hash_]
    assert summary(await shown(stage)).state is State.HELD
    assert "bob rejected" in summary(await shown(stage)).text


async def test_a_rejected_set_can_be_approved_after_all(stage):
    hash_ = await emptied(stage)
    await say_no(stage, hash_)

    editor = Editor(by="ann@host", cipher=stage.db.cipher)
    found = await approve(stage.db, stage.settings, [stage.organization], hash_, editor)

    assert found.approved
    [held] = (await shown(stage)).held
    assert held.rejected_by is None
    with pytest.raises(UsageError, match="approved already"):
        await say_no(stage, hash_)


async def test_an_unknown_hash_is_stale(stage):
    await emptied(stage)

    with pytest.raises(Stale, match="calscim status"):
        await say_no(stage, "0" * 16)


async def test_a_set_that_is_held_again_later_is_not_rejected(stage):
    hash_ = await emptied(stage)
    await say_no(stage, hash_)
    await stage.okta.push_now("Sales", [address(one) for one in PEOPLE])
    await stage.full()
    await stage.okta.push_now("Sales", [])
    await stage.full()

    assert all(held.rejected_by is None for held in (await shown(stage)).held)


async def test_a_reason_that_is_too_long_is_refused(stage):
    hash_ = await emptied(stage)

    with pytest.raises(UsageError, match="shorten it"):
        await say_no(stage, hash_, reason="x" * 1001)
