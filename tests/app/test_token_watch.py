"""The daemon records uses of tokens in batches and shows tokens that expire soon."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from structlog.testing import capture_logs

from calscim import admin
from calscim.app import token_watch
from calscim.app.token_watch import Metrics, TokenWatch
from calscim.clock import SystemClock
from calscim.encryption import PLAIN
from calscim.errors import StoreUnavailable
from calscim.scim.token_uses import TokenUses

EDITOR = admin.Editor(by="test", cipher=PLAIN)
USED = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.fixture
async def okta(db):
    return await admin.create_directory(
        db, EDITOR, organization="acme", name="Okta", provider="okta-scim-v2"
    )


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def watch(db, registry):
    return TokenWatch(db, TokenUses(), SystemClock(), Metrics(registry))


async def test_metrics_show_uses_and_expiries(db, okta, watch, registry):
    token, _ = await admin.create_token(db, EDITOR, okta, name="first", seconds=1e7)
    watch.uses.note(token.id, USED)

    await watch.look()

    shown = {"directory": okta.id, "token": str(token.id)}
    value = registry.get_sample_value
    assert value("calscim_token_last_used_timestamp_seconds", shown) == USED.timestamp()
    assert value("calscim_token_expires_timestamp_seconds", shown) == token.expires_at.timestamp()
    assert value("calscim_tokens_expiring", {"directory": okta.id}) == 0


async def test_a_revoked_token_is_no_longer_in_the_metrics(db, okta, watch, registry):
    token, _ = await admin.create_token(db, EDITOR, okta, name="first", seconds=1e7)
    watch.uses.note(token.id, USED)
    await watch.look()
    await admin.revoke_token(db, EDITOR, token)

    await watch.look()

    assert b"calscim_token_expires_timestamp_seconds{" not in generate_latest(registry)


async def test_a_token_that_expires_soon_is_logged_once_a_day(db, okta, watch, registry):
    token, _ = await admin.create_token(db, EDITOR, okta, name="first")
    await db.execute(
        "UPDATE calscim.tokens SET created_at = now() - interval '1 year', "
        "expires_at = now() + interval '3 days'"
    )

    with capture_logs() as logged:
        await watch.look()
        await watch.look()

    [event] = [one for one in logged if one["event"] == "token.expiring"]
    assert (event["token_id"], event["directory_name"], event["organization"]) == (
        token.id,
        "Okta",
        "acme",
    )
    assert "calscim token rotate Okta" in event["detail"]
    assert registry.get_sample_value("calscim_tokens_expiring", {"directory": okta.id}) == 1


async def test_uses_are_kept_while_the_database_is_unreachable(watch, monkeypatch, okta, db):
    token, _ = await admin.create_token(db, EDITOR, okta, name="first")
    watch.uses.note(token.id, USED)

    async def away(*_):
        raise StoreUnavailable("unreachable")

    with monkeypatch.context() as patched:
        patched.setattr(token_watch.token_uses, "record", away)
        await watch.look()
    assert (await admin.tokens(db))[0].last_used_at is None

    await watch.look()

    assert (await admin.tokens(db))[0].last_used_at == USED


async def test_uses_are_recorded_when_the_daemon_stops_while_it_records(
    watch, monkeypatch, okta, db
):
    token, _ = await admin.create_token(db, EDITOR, okta, name="first")
    recording, real = asyncio.Event(), token_watch.token_uses.record
    calls = 0

    async def slow(*arguments):
        nonlocal calls
        calls += 1
        if calls == 1:
            recording.set()
            await asyncio.Event().wait()  # until it is cancelled
        await real(*arguments)

    monkeypatch.setattr(token_watch.token_uses, "record", slow)
    watch.uses.note(token.id, USED)
    running = asyncio.create_task(watch.run())
    await recording.wait()

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert (await admin.tokens(db))[0].last_used_at == USED


async def test_a_first_use_is_recorded_at_once(watch, monkeypatch, okta, db):
    token, _ = await admin.create_token(db, EDITOR, okta, name="first")
    recorded, real = asyncio.Event(), token_watch.token_uses.record

    async def record(*arguments):
        await real(*arguments)
        recorded.set()

    monkeypatch.setattr(token_watch.token_uses, "record", record)
    running = asyncio.create_task(watch.run())

    watch.uses.note(token.id, USED)
    await asyncio.wait_for(recorded.wait(), 10)  # a second record would come after a minute

    assert (await admin.tokens(db))[0].last_used_at == USED
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_rotation_is_one_journal_row_and_expires_the_old_token(db, okta):
    old, _ = await admin.create_token(db, EDITOR, okta, name="first", scope="read")

    new, secret, ends = await admin.rotate_token(db, EDITOR, okta, old, overlap=3600)

    assert len(secret) >= 43
    known = {one.id: one for one in await admin.tokens(db)}
    assert known[old.id].replaced_by == new.id
    assert known[old.id].expires_at == ends
    assert timedelta(minutes=59) < ends - datetime.now(UTC) <= timedelta(hours=1)
    assert (known[new.id].name, known[new.id].scope, known[new.id].state) == (
        "first",
        "read",
        "valid",
    )
    paths = [row["path"] for row in await db.fetch("SELECT path FROM calscim.journal")]
    assert paths.count("token.rotate") == 1
