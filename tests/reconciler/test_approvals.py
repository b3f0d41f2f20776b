"""An approval is a row of the journal, and releases exactly the set that was shown."""

import pytest

from calscim import admin
from calscim.admin import Editor
from calscim.admin import approve as approving
from calscim.admin.approve import Stale, approve
from calscim.cli.actor import actor
from calscim.errors import StoreError
from calscim.journal import chain, history
from calscim.journal.erasure import erase
from calscim.journal.history import Wanted
from calscim.journal.replay import rebuild
from calscim.planner.safeguards.holds import HoldSet
from calscim.postgres.pool import Database
from calscim.reconciler.state import holds
from tests.support.stage import PEOPLE, address
from tests.support.views import status

ANN, ANN_ELSEWHERE, BOB = "ann@host", "ann via root@other", "bob via calscim@host"


async def emptied(stage, *teams):
    for team in teams or ("Sales",):
        await stage.given(team, "managed", *PEOPLE)
        await stage.okta.push_now(team, [])
    await stage.full()
    return {hold.guard: hold.hash for hold in await holds.load_current(stage.db, "acme")}


async def say_yes(stage, hash_, by=ANN, reason=""):
    editor = Editor(by=by, cipher=stage.db.cipher)
    return await approve(stage.db, stage.settings, [stage.organization], hash_, editor, reason)


async def rows(stage):
    found = [row async for row in history.rows(stage.db, Wanted(streams=["@acme"]))]
    return [row for row in found if row.path == "hold.approve"]


async def test_an_approval_is_a_row_with_hash_guard_count_actor_and_reason(stage):
    [(guard, hash_)] = (await emptied(stage)).items()

    found = await say_yes(stage, hash_, BOB, "ticket 4711")

    [row] = await rows(stage)
    assert found.approved
    assert (row.kind, row.resource_id, row.remote, row.seq) == (
        "admin",
        hash_,
        BOB,
        found.journal[0].seq,
    )
    assert row.effect == {
        "action": "hold.approve",
        "hash": hash_,
        "guard": guard,
        "count": 5,
        "actor": BOB,
        "reason": "ticket 4711",
        "approvals": 1,
        "needed": 1,
    }
    assert (await chain.verify(stage.db)).broken == ()


async def test_an_approval_and_its_row_are_one_transaction(stage, monkeypatch):
    [hash_] = (await emptied(stage)).values()

    async def refuse(*_):
        raise StoreError("the journal is full")

    monkeypatch.setattr(Editor, "write", refuse)
    with pytest.raises(StoreError, match="full"):
        await say_yes(stage, hash_)

    assert await holds.list_approved(stage.db, "acme") == frozenset()


async def test_approving_twice_writes_one_row(stage):
    [hash_] = (await emptied(stage)).values()

    first, second = await say_yes(stage, hash_), await say_yes(stage, hash_)

    assert first.approved
    assert second.approved
    assert len(await rows(stage)) == 1


async def test_a_stale_hash_leaves_no_row(stage):
    await emptied(stage)

    with pytest.raises(Stale):
        await say_yes(stage, "0" * 16)

    assert await rows(stage) == []


async def test_the_hash_of_a_plan_releases_the_sets_of_that_plan_and_no_other(stage, monkeypatch):
    sets = await emptied(stage, "Sales", "Engineering")
    planned = await stage.plan()
    looked = approving.inspect

    async def slow(*given):
        """Let another pass hold one more set while the operator's plan is made."""
        found = await looked(*given)
        await holds.store(stage.db, "acme", HoldSet("f" * 16, "a set that was not shown", ()))
        return found

    monkeypatch.setattr(approving, "inspect", slow)
    await say_yes(stage, planned.hash)

    assert await holds.list_approved(stage.db, "acme") == set(sets.values())


async def test_an_approved_address_is_the_one_that_was_shown(stage):
    await stage.okta.assign(address("owner"), "Olive", "Owner")
    await stage.full()
    await moved(stage, "mallory")
    [shown] = await holds.load_current(stage.db, "acme")
    await say_yes(stage, shown.hash)
    await moved(stage, "eve", push_only=True)

    await stage.full()

    assert stage.world.account(address("eve")) is None
    assert stage.world.account(address("mallory")) is None
    [held] = await holds.load_current(stage.db, "acme")
    assert held.hash != shown.hash


async def moved(stage, name, *, push_only=False):
    new = address(name)
    [user] = stage.okta.users
    changed = {"userName": new, "emails": [{"value": new, "primary": True, "type": "work"}]}
    await stage.okta.update_profile(user, **changed)
    if not push_only:
        await stage.full()


# ------------------------------------------------------------------ two people


async def test_with_two_approvals_the_second_person_releases_the_set(stage):
    stage.guard(approvals=2)
    [hash_] = (await emptied(stage)).values()

    first = await say_yes(stage, hash_, ANN)
    await stage.full()
    assert not first.approved
    assert len(stage.team("Sales")) == 5
    shown = (await status(stage.db, ["acme"]))["organizations"][0]["held"][0]
    assert (shown["approved"], shown["approved_by"]) == (False, ["ann"])

    second = await say_yes(stage, hash_, BOB)
    await stage.full()
    assert second.approved
    assert second.approved_by == ("ann", "bob")
    assert stage.team("Sales") == {}
    assert [row.remote for row in await rows(stage)] == [ANN, BOB]


async def test_one_operator_counts_as_one_approval_on_any_machine_and_account(stage):
    stage.guard(approvals=2)
    [hash_] = (await emptied(stage)).values()

    for by in (ANN, ANN_ELSEWHERE, ANN):
        assert not (await say_yes(stage, hash_, by)).approved

    assert len(await rows(stage)) == 1


async def test_an_approval_of_an_earlier_hold_of_the_same_set_does_not_count(stage):
    stage.guard(approvals=2)
    [hash_] = (await emptied(stage)).values()
    await say_yes(stage, hash_, ANN)
    await stage.db.execute("UPDATE calscim.holds SET is_current = false")
    await stage.full()

    assert not (await say_yes(stage, hash_, BOB)).approved


async def test_the_daemon_counts_for_itself(stage):
    """A release that sets approved_at alone, or a command with another configuration, releases nothing."""
    stage.guard(approvals=2)
    [hash_] = (await emptied(stage)).values()
    await holds.approve(stage.db, "acme", hash_)

    await stage.full()

    assert len(stage.team("Sales")) == 5


# ------------------------------------------------------------------ the row, later


async def test_the_row_is_understood_by_rebuild_and_erase(stage, database):
    [hash_] = (await emptied(stage)).values()
    await say_yes(stage, hash_, ANN, f"{address(PEOPLE[0])} said so")
    await stage.full()
    await stage.okta.deactivate(address(PEOPLE[0]))
    await stage.full()
    [directory] = await admin.directories(stage.db)

    async with await Database.open(database.owner_dsn) as owner:
        await erase.erase(owner, Editor(by=ANN, cipher=owner.cipher), address(PEOPLE[0]))

    [row] = await rows(stage)
    assert row.erased == ("body", "effect")
    assert row.remote == ANN
    assert (await chain.verify(stage.db)).broken == ()
    assert (await rebuild.compare(stage.db, directory)).differences == ()


# ------------------------------------------------------------------ who


def test_the_actor_is_the_systems_user_and_who_used_sudo(monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("socket.gethostname", lambda: "host")

    assert actor({"LOGNAME": "mallory", "USER": "mallory"}) == "root@host"
    assert actor({"SUDO_USER": "ann"}) == "ann via root@host"
    assert actor({"SUDO_USER": "root"}) == "root@host"
    assert actor({"SUDO_USER": "ann via root@x\nforged"}) == "root@host"
    assert Editor(by="ann via root@host", cipher=None).person == "ann"
    assert Editor(by="root@host", cipher=None).person == "root"


def test_a_user_without_a_name_is_their_number(monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 4_000_000)
    monkeypatch.setattr("socket.gethostname", lambda: "host")

    assert actor({}) == "4000000@host"
