"""With an encryption key, no request can be read in the table, and everything else works as before."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry

from calscim.clock import SystemClock
from calscim.config import Scim
from calscim.directory import imported_users
from calscim.directory.group_commit import Batch
from calscim.directory.imported_users import Account
from calscim.encryption import cipher, encrypted_with, key_id, new_key
from calscim.journal import chain
from calscim.postgres.outages import ConnectionLost
from calscim.postgres.pool import Database
from calscim.scim.metrics import Metrics
from calscim.scim.server import app
from tests.scim.conftest import GROUP, USER

KEY = new_key()
SECRET = "geheim-4711"


@pytest.fixture
async def encrypted(database, provider):
    """The provider, with a daemon that has an encryption key."""
    async with await Database.open(database.dsn, cipher=cipher(KEY)) as db:
        server = TestServer(app(db, Scim(), SystemClock(), Metrics(CollectorRegistry())))
        await server.start_server()
        async with aiohttp.ClientSession() as session:
            base = str(server.make_url(f"/scim/v2/{provider.directory.id}"))
            yield replace(provider, session=session, base=base, db=db)
        await server.close()


def user(name: str, **more: Any) -> dict[str, Any]:
    return {"schemas": [USER], "userName": name, "emails": [{"value": name}], **more}


async def bodies(provider) -> list[bytes]:
    return [row["body"] for row in await provider.journal()]


async def test_a_request_cannot_be_read_in_the_table(encrypted):
    number = await encrypted.user("ann@acme.example", nobody_knows=SECRET)
    await encrypted("PATCH", f"/Users/{number}", {"Operations": [], "nobody_knows": SECRET})
    await encrypted("PUT", f"/Users/{number}", user("ann@acme.example", nobody_knows=SECRET))

    found = await bodies(encrypted)

    assert [encrypted_with(body) for body in found] == [key_id(KEY)] * len(found)
    assert not any(SECRET.encode() in body for body in found)
    assert [SECRET.encode() in encrypted.db.cipher.decrypt(body) for body in found] == [True] * len(
        found
    )


async def test_a_refused_request_and_an_operation_in_bulk_are_encrypted_as_well(encrypted):
    await encrypted.user("ann@acme.example")
    assert (await encrypted("POST", "/Users", user("ann@acme.example", x=SECRET))).status == 409
    twice = {
        "method": "POST",
        "path": "/Users",
        "bulkId": "1",
        "data": user("bob@acme.example", x=SECRET),
    }
    again = {
        "method": "POST",
        "path": "/Users",
        "bulkId": "2",
        "data": user("bob@acme.example", x=SECRET),
    }
    await encrypted("POST", "/Bulk", {"Operations": [twice, again]})

    rows = (await encrypted.journal())[1:]

    assert [row["kind"] for row in rows] == ["refused", "scim", "refused"]
    for row in rows:
        assert SECRET.encode() not in row["body"]
        assert SECRET.encode() in encrypted.db.cipher.decrypt(row["body"])


async def test_a_password_is_not_even_encrypted(encrypted):
    await encrypted.user("ann@acme.example", password=SECRET)

    (body,) = await bodies(encrypted)

    assert SECRET.encode() not in encrypted.db.cipher.decrypt(body)


async def test_an_imported_user_is_encrypted_and_returned(encrypted):
    await imported_users.import_accounts(
        encrypted.db,
        "acme",
        encrypted.directory.id,
        [Account(7, "old@acme.example", "Old", "Hand")],
        "r",
    )

    (body,) = await bodies(encrypted)

    assert encrypted_with(body) == key_id(KEY)
    assert b"old@acme.example" in encrypted.db.cipher.decrypt(body)


async def test_the_chain_verifies_without_the_key(encrypted, provider):
    number = await encrypted.user("ann@acme.example")
    await encrypted("POST", "/Groups", {"schemas": [GROUP], "displayName": "Sales"})
    await provider.user("bob@acme.example")
    await encrypted("DELETE", f"/Users/{number}")

    verdict = await chain.verify(provider.db)

    assert verdict.broken == ()
    assert verdict.rows >= 4


async def test_daemons_with_different_keys_and_with_none_serve_together(
    encrypted, provider, database
):
    """A daemon with the old key only still writes, and one with both keys reads everything."""
    later = new_key()
    async with await Database.open(database.dsn, cipher=cipher(later, [KEY])) as new:
        server = TestServer(app(new, Scim(), SystemClock(), Metrics(CollectorRegistry())))
        await server.start_server()
        base = str(server.make_url(f"/scim/v2/{provider.directory.id}"))
        newer = replace(encrypted, base=base, db=new)

        await newer.user("ann@acme.example")
        await encrypted.user("bob@acme.example")
        await provider.user("cem@acme.example")
        found = await bodies(encrypted)

        assert [encrypted_with(body) for body in found] == [key_id(later), key_id(KEY), None]
        assert all(b"userName" in new.cipher.decrypt(body) for body in found)
        assert (await chain.verify(provider.db)).broken == ()
        await server.close()


@pytest.mark.parametrize(
    ("method", "status"), [("POST", 201), ("PUT", 200), ("PATCH", 200), ("DELETE", 204)]
)
async def test_a_encrypted_change_whose_reply_was_lost_is_found(
    encrypted, monkeypatch, method, status
):
    """Encrypting the body again would give other bytes, and the look-up would find nothing."""
    number = await encrypted.user("ann@acme.example")
    before = len(await bodies(encrypted))
    lost = losing(monkeypatch)
    told = {
        "POST": user("bob@acme.example"),
        "PUT": user("ann@acme.example", title="x"),
        "PATCH": {"Operations": [{"op": "replace", "path": "active", "value": False}]},
        "DELETE": None,
    }

    path = "/Users" if method == "POST" else f"/Users/{number}"
    answer = await encrypted(method, path, told[method])

    assert lost
    assert answer.status == status
    assert len(await bodies(encrypted)) == before + 1


def losing(monkeypatch) -> list[Sequence[Any]]:
    """Lose the connection between the first commit and its reply, and note it in the list."""
    lost: list[Sequence[Any]] = []
    finish = Batch.finish

    def cut(batch: Batch[Any, Any], answers: Sequence[Any]) -> None:
        if not lost:
            lost.append(answers)
            raise ConnectionLost("cut")
        finish(batch, answers)

    monkeypatch.setattr(Batch, "finish", cut)
    return lost
