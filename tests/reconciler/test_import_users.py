"""Imported users: members of Cal.com that the identity provider has not written to."""

import pytest

from calscim import admin
from calscim.journal import chain
from calscim.journal.erasure import erase
from calscim.journal.replay import rebuild
from calscim.postgres.pool import Database
from calscim.reconciler import observation_record
from calscim.reconciler.state import ledger
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
