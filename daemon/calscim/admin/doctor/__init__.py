"""The examination of `calscim doctor`: everything that keeps an installation from working, or soon will."""

from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path

import aiohttp
import asyncpg

from calscim import admin
from calscim.admin import Editor
from calscim.admin.checks import Check
from calscim.admin.doctor import certificates, database, machine, network
from calscim.admin.doctor.finding import Finding, State, failed, ok, warning
from calscim.clock import SystemClock
from calscim.config import Settings
from calscim.errors import StoreError
from calscim.postgres.pool import Database

__all__ = ["Finding", "State", "examine", "from_check"]


def from_check(check: Check) -> Finding:
    """Return the result of a check of `calscim check` as a finding."""
    if not check.ok:
        return failed(check.what, check.detail, "")
    if check.warning:
        return warning(check.what, check.warning, "")
    return ok(check.what, check.detail)


async def examine(
    settings: Settings,
    configuration: Path | None,
    secret_files: Iterable[Path],
    environ: Mapping[str, str],
    db: Database | None,
    editor: Editor | None,
) -> AsyncIterator[Finding]:
    """Yield what `check` does not look at.

    ``db`` None: the database cannot be used, which `check` reports. ``editor``: also make the identity provider's test
    call, with a token that is valid for a minute and revoked afterwards.
    """
    now = SystemClock().now()
    for finding in machine.examine_machine(settings, configuration, secret_files, environ):
        yield finding
    for finding in certificates.examine_own_certificate(settings, now):
        yield finding
    urls = {"scim.public_url": settings.scim.public_url}
    urls |= {f"organization.{one.name}.api_url": one.api_url for one in settings.organizations}
    if settings.console is not None:
        urls["console.public_url"] = settings.console.public_url
    async for finding in certificates.examine_tls(urls, now):
        yield finding
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        try:
            async for finding in _stored(settings, db, editor, http):
                yield finding
        except (StoreError, asyncpg.PostgresError) as error:
            yield failed("database", str(error), "see the check of the database above")


async def _stored(
    settings: Settings, db: Database | None, editor: Editor | None, http: aiohttp.ClientSession
) -> AsyncIterator[Finding]:
    """Yield findings that need the directories in the database, or the network."""
    async for finding in network.examine_clocks(settings, db, http):
        yield finding
    if db is None:
        return
    async for finding in database.examine_durability(db):
        yield finding
    async for finding in database.examine_notifications(settings, db):
        yield finding
    directories = await admin.directories(db)
    async for finding in network.examine_own_url(settings, directories, http):
        yield finding
    if editor is not None:
        async for finding in network.examine_test_call(settings, db, editor, directories, http):
            yield finding
