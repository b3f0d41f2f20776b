"""Imported users: members of Cal.com that the identity provider has not written to."""

from dataclasses import replace

import asyncpg
import pytest

from calscim import admin
from calscim.directory import imported_users
from calscim.journal import chain
from calscim.journal.erasure import erase
from calscim.journal.replay import rebuild
from calscim.postgres.pool import Database
from calscim.reconciler import observation_record
from calscim.reconciler.state import ledger, passes
from tests.support.stage import EDITOR, address, assigned


@pytest.fixture
async def entra(stage):
    """A second directory of the organization, with everyone of the first one imported."""
    await assigned(stage, "ann", "bob")
    made = await stage.another_directory("Entra")
    await stage.full()
    await stage.full()
    assert address("ann") in await entries(stage)
    return made


async def entries(stage):
    rows = await stage.db.fetch(
        "SELECT u.email, u.managed FROM calscim.users u JOIN calscim.directories d ON d.id = u.directory_id "
        "WHERE d.name = 'Entra'"
    )
    return {row["email"]: row["managed"] for row in rows}


async def replays(stage):
    for directory in await admin.directories(stage.db):
        assert (await rebuild.compare(stage.db, directory)).differences == ()
    assert (await chain.verify(stage.db)).broken == ()


@pytest.mark.parametrize("look", ["push", "full"])
async def test_an_imported_entry_is_dropped_when_calscim_deprovisions_the_person(
    stage, entra, look
):
    await stage.okta.deactivate(address("ann"))

    await (stage.push() if look == "push" else stage.full())

    assert address("ann") not in stage.people()
    assert address("ann") not in await entries(stage)
    await stage.full()
    assert address("ann") not in await entries(stage)
    await replays(stage)


async def test_an_imported_entry_is_dropped_when_its_person_is_removed_by_hand(stage, entra):
    stage.world.add_person(address("guest"), name="Gil Guest")
    await stage.full()
    assert address("guest") in await entries(stage)

    stage.world.remove_from_org(address("guest"))
    for _ in range(3):
        await stage.full()

    assert address("guest") not in await entries(stage)


async def leaves_an_entry_behind(stage, monkeypatch):
    """Leave an imported entry, as a daemon does that stops right after the call."""

    async def nothing(*_):
        return 0

    with monkeypatch.context() as patch:
        patch.setattr(observation_record, "drop_gone", nothing)
        await stage.okta.deactivate(address("ann"))
        await stage.push()
    assert address("ann") in await entries(stage)


async def test_the_next_full_pass_drops_a_leftover_imported_entry(stage, entra, monkeypatch):
    await leaves_an_entry_behind(stage, monkeypatch)

    await stage.full()

    assert address("ann") not in await entries(stage)


async def test_an_imported_entry_is_dropped_when_cal_com_deletes_its_account(stage, entra):
    stage.world.add_person(address("guest"), name="Gil Guest")
    await stage.full()
    guest = stage.world.user_id(address("guest"))
    stage.world.delete_account_of(address("guest"))
    await ledger.forget_account(stage.db, "acme", guest)

    await stage.full()

    assert address("guest") not in await entries(stage)


async def test_an_imported_entry_follows_a_changed_address_and_stays_unmanaged(stage, entra):
    new = address("ann.lee")
    await stage.okta.update_profile(
        address("ann"), userName=new, emails=[{"value": new, "primary": True, "type": "work"}]
    )
    await stage.push()
    await stage.full()

    found = await entries(stage)
    assert found[new] is False
    assert address("ann") not in found
    assert await entra._find("/Users", "userName", new) is not None
    assert await entra._find("/Users", "userName", address("ann")) is None
    await replays(stage)


async def test_an_imported_entry_is_dropped_if_the_provider_knows_its_new_address(stage, entra):
    new = address("ann.lee")
    await entra.assign(new, "Ann", "Lee")
    await stage.okta.update_profile(
        address("ann"), userName=new, emails=[{"value": new, "primary": True, "type": "work"}]
    )
    await stage.full()
    await stage.full()

    assert await entries(stage) == {
        address("bob"): False,
        address("owner"): False,
        new: True,
    }


async def test_an_imported_entry_of_a_person_who_left_is_erased(
    stage, entra, database, monkeypatch
):
    await leaves_an_entry_behind(stage, monkeypatch)

    async with await Database.open(database.owner_dsn) as owner:
        await erase.erase(owner, EDITOR, address("ann"))

    for table in ("users", "user_emails", "tombstones", "account_links", "actions"):
        rows = await stage.db.fetch(f"SELECT t::text AS text FROM calscim.{table} t")
        assert not [row["text"] for row in rows if address("ann") in row["text"]]
    await replays(stage)


# ------------------------------------------------------------------ many members


@pytest.fixture
def statements(monkeypatch):
    """Return the list of all statements that are sent from now on."""
    sent = []

    def counted(method):
        async def call(connection, query, *arguments, **options):
            sent.append(query)
            return await method(connection, query, *arguments, **options)

        return call

    for name in ("execute", "fetch", "fetchrow", "fetchval"):
        monkeypatch.setattr(asyncpg.Connection, name, counted(getattr(asyncpg.Connection, name)))
    return sent


def rename(stage, old, new):
    """Change an address in Cal.com."""
    account = stage.world.accounts[stage.world.user_id(old)]
    stage.world.put_account(replace(account, email=new))


@pytest.mark.parametrize("change", ["join", "move", "leave"])
async def test_the_statements_of_a_pass_do_not_grow_with_the_members_that_change(
    stage, entra, statements, monkeypatch, change
):
    """A batch of members costs one statement for each directory, whatever happens to them."""
    monkeypatch.setattr(imported_users, "BATCH_SIZE", 20)
    costs = []
    for first, count in ((0, 1), (100, 20)):
        guests = [address(f"guest{number}") for number in range(first, first + count)]
        for guest in guests:
            stage.world.add_person(guest)
        if change != "join":
            await stage.full()
        for guest in guests:
            if change == "move":
                rename(stage, guest, guest.replace("guest", "visitor"))
            elif change == "leave":
                stage.world.remove_from_org(guest)
        if change == "leave":
            await stage.full()
            await stage.full()
        before = await entries(stage)
        statements.clear()

        await stage.full()

        costs.append(len(statements))
        assert len(before.keys() ^ (await entries(stage)).keys()) == count * (
            2 if change == "move" else 1
        )
    assert costs[0] == costs[1]
    await replays(stage)


async def test_members_are_imported_in_batches_and_in_order(stage, entra, monkeypatch):
    monkeypatch.setattr(imported_users, "BATCH_SIZE", 2)
    guests = [address(f"guest{number}") for number in range(5)]
    for guest in guests:
        stage.world.add_person(guest)

    await stage.full()

    imported = "SELECT email FROM calscim.users WHERE email LIKE 'guest%' AND directory_id = $1"
    for directory in await admin.directories(stage.db):
        for order in ("ordinal", "changed_seq"):
            rows = await stage.db.fetch(f"{imported} ORDER BY {order}", directory.id)
            assert [row["email"] for row in rows] == guests
    linked = await stage.db.fetch(
        "SELECT l.cal_user_id FROM calscim.account_links l JOIN calscim.users u ON u.id = l.user_id "
        "WHERE u.email LIKE 'guest%'"
    )
    accounts = [stage.world.user_id(guest) for guest in guests]
    assert sorted(row["cal_user_id"] for row in linked) == sorted(accounts * 2)
    await replays(stage)


async def test_of_two_accounts_with_equal_addresses_the_older_is_imported(stage, entra):
    first = stage.world.add_person("Gil@acme.example")
    stage.world.add_person("gil@acme.example")

    await stage.full()

    rows = await stage.db.fetch(
        "SELECT u.email, l.cal_user_id FROM calscim.users u JOIN calscim.account_links l ON l.user_id = u.id "
        "WHERE lower(u.email) = 'gil@acme.example'"
    )
    assert [tuple(row) for row in rows] == [("Gil@acme.example", first)] * 2


async def test_imported_entries_follow_a_chain_of_addresses_that_move_on(stage, entra):
    """Each account gets the address that the one before it gives up. Entries that are in the way are imported anew."""
    guests = [address(f"guest{number}") for number in range(3)]
    accounts = [stage.world.add_person(guest) for guest in guests]
    await stage.full()
    moved = [address("guest-new"), *guests[:-1]]
    for old, new in zip(guests, moved, strict=True):
        rename(stage, old, new)

    await stage.full()
    await stage.full()

    rows = await stage.db.fetch(
        "SELECT u.email, l.cal_user_id FROM calscim.users u JOIN calscim.account_links l ON l.user_id = u.id "
        "WHERE l.cal_user_id = ANY ($1::bigint[])",
        accounts,
    )
    assert {row["cal_user_id"]: row["email"] for row in rows} == dict(
        zip(accounts, moved, strict=True)
    )
    await replays(stage)


async def test_the_rows_of_an_import_are_processed_by_the_pass_that_wrote_them(stage, entra):
    """Otherwise the first pass of a large organization is followed by many passes that find nothing to do."""
    stage.world.add_person(address("guest"))
    await stage.full()

    assert await stage.push() is None


async def test_a_push_during_an_import_is_processed_after_the_pass(stage, entra, monkeypatch):
    stage.world.add_person(address("guest"))
    load_heads = passes.load_heads

    async def load_and_push(*arguments):
        heads = await load_heads(*arguments)
        await stage.okta.assign(address("carl"), "Carl", "Example")
        return heads

    with monkeypatch.context() as patch:
        patch.setattr(passes, "load_heads", load_and_push)
        await stage.full()

    assert await stage.push() is not None
