"""On SIGHUP the daemon reads its configuration and the files named there again, and applies what it can.

The daemon applies the keys that ``carried_over`` takes from the new configuration. It logs every other changed key as
one that needs a restart, so that no change is ignored silently. A configuration with mistakes changes nothing. Each
reload writes one line, ``service.reloaded``.
"""

import asyncio
import os
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import structlog

from calscim import systemd
from calscim.admin.fingerprints import CERTIFICATE, secrets_of
from calscim.app.fingerprints import PublishedFingerprints
from calscim.app.listeners import load_certificate, tls_context
from calscim.app.log_level import LogLevel
from calscim.app.wiring import RunningOrganization
from calscim.config import Organization, Scim, Settings
from calscim.config.keys import LISTS
from calscim.errors import ConfigError
from calscim.postgres.outages import STORE_ERRORS
from calscim.postgres.pool import Database
from calscim.reconciler.state import passes

log = structlog.get_logger()

RESTART = "systemctl restart calscim"
CREDENTIALS_HINT = (
    "nothing has changed; systemd copies credentials only at the start unless the unit has "
    f"RefreshOnReload=credentials: {RESTART}"
)
# Sections that concern every organization's passes.
_SHARED_SECTIONS = ("guards.", "reconcile.")


def carried_over(running: Settings, read: Settings) -> Settings:
    """Return the settings of a daemon that runs with the first and has read the second.

    The rest needs a restart: connections, listeners, the set of organizations and their API addresses, and where
    checkpoints are published.
    """
    now = {one.name: one for one in read.organizations}
    return replace(
        running,
        organizations=tuple(
            _followed(one, now[one.name]) if one.name in now else one
            for one in running.organizations
        ),
        journal=replace(
            running.journal,
            encryption_key=read.journal.encryption_key,
            old_keys=read.journal.old_keys,
        ),
        scim=_with_certificate(running.scim, read.scim),
        tokens=read.tokens,  # only the command line uses it
        reconcile=read.reconcile,
        guards=read.guards,
        log=read.log,
    )


def _followed(running: Organization, read: Organization) -> Organization:
    return replace(read, organization_id=running.organization_id, api_url=running.api_url)


def _with_certificate(running: Scim, read: Scim) -> Scim:
    """Take over another certificate, but not a change between HTTP and HTTPS."""
    if None in (running.tls_certificate_file, read.tls_certificate_file):
        return running
    return replace(
        running,
        tls_certificate_file=read.tls_certificate_file,
        tls_key_file=read.tls_key_file,
    )


def differences(one: Settings, other: Settings) -> list[str]:
    """Return the keys in which two settings differ, as ``guards.window`` or ``organization.acme.api_key``."""
    return sorted(_differences(one, other))


def _differences(one: Settings, other: Settings) -> Iterator[str]:
    for section in fields(Settings):
        before, after = getattr(one, section.name), getattr(other, section.name)
        if isinstance(before, tuple):
            yield from _rows(_TABLES[section.name], before, after)
        else:
            yield from _fields(section.name, before, after)


_TABLES = {field: section for section, field in LISTS.items()}


def _rows(section: str, one: Sequence[Any], other: Sequence[Any]) -> Iterator[str]:
    """Yield the keys in which the tables of one name differ, and the names that only one side has."""
    before, after = ({row.name: row for row in rows} for rows in (one, other))
    for name in before.keys() | after.keys():
        if name in before and name in after:
            yield from _fields(f"{section}.{name}", before[name], after[name])
        else:
            yield f"{section}.{name}"


def _fields(label: str, one: Any, other: Any) -> Iterator[str]:
    if one is None or other is None:  # a section that only one side has
        if one is not other:
            yield label
        return
    for key in fields(one):
        if getattr(one, key.name) != getattr(other, key.name):
            yield f"{label}.{key.name}"


class Certificate:
    """The certificate of the SCIM listener. ``context`` None: the listener speaks plain HTTP."""

    def __init__(self, settings: Scim) -> None:
        self.context: ssl.SSLContext | None = tls_context(
            settings.tls_certificate_file, settings.tls_key_file
        )
        self._loaded = _content(settings.tls_certificate_file, settings.tls_key_file)

    @property
    def served(self) -> bytes | None:
        """Return the content of the certificate that new connections get, or None without TLS."""
        return self._loaded[0] if self._loaded else None

    def renew(self, settings: Scim) -> bool:
        """Serve the certificate in the files; return False if it is served already.

        Raise ConfigError if it cannot be used: the old one stays.
        """
        certificate, key = settings.tls_certificate_file, settings.tls_key_file
        if self.context is None or certificate is None or key is None:
            return False
        content = _content(certificate, key)
        if content == self._loaded:
            return False
        load_certificate(self.context, certificate, key)
        self._loaded = content
        return True

    def secrets(self, settings: Settings) -> dict[str, bytes]:
        """Return the secrets that the daemon uses: its certificate is the one served, not the one in the file."""
        plain = replace(settings, scim=replace(settings.scim, tls_certificate_file=None))
        return secrets_of(plain) | ({CERTIFICATE: self._loaded[0]} if self._loaded else {})


def _content(*paths: Path | None) -> tuple[bytes, ...]:
    try:
        return tuple(path.read_bytes() for path in paths if path is not None)
    except OSError:  # load_certificate reports it
        return ()


class Reloads:
    """Reads the configuration again on every ``hangup``, one reload after the other."""

    def __init__(
        self,
        settings: Settings,
        read: Callable[[], Settings],
        *,
        databases: Iterable[Database],
        organizations: Mapping[str, RunningOrganization],
        certificate: Certificate,
        published: PublishedFingerprints,
        log_level: LogLevel,
        wake: Callable[[str], None],
    ) -> None:
        """Begin without a reload. ``wake``: called with the name of each organization that needs a full pass."""
        self._wake = wake
        self.hangup = asyncio.Event()
        self._settings = settings
        self._read = read
        self._databases = list(databases)
        self._organizations = organizations
        self._certificate = certificate
        self._published = published
        self._log_level = log_level
        published.use(certificate.secrets(settings))

    @property
    def settings(self) -> Settings:
        """The settings that the daemon runs with."""
        return self._settings

    def follow(self, db: Database) -> None:
        """Let another pool use the keys of the journal that a reload reads."""
        self._databases.append(db)

    async def run(self) -> None:
        """Reload on each hangup until cancelled."""
        while True:
            await self.hangup.wait()
            self.hangup.clear()
            systemd.notify_reloading()
            applied = self.reload()
            systemd.notify("READY=1")
            await self._request_passes(applied)

    def reload(self) -> list[str]:
        """Read the configuration again, apply it, and return the keys that were applied."""
        try:
            read = self._read()
            cipher = read.journal.cipher()
        except ConfigError as error:
            self._log(refused=[str(problem) for problem in error.problems])
            return []
        before, after = self._settings, carried_over(self._settings, read)
        applied = differences(before, after)
        refused = self._renew(after, applied)
        for db in self._databases:
            db.cipher = cipher
        for organization in after.organizations:
            self._organizations[organization.name].follow(after, organization)
        self._settings = after
        self._published.use(self._certificate.secrets(after))
        self._log(applied=applied, restart=differences(after, read), refused=refused)
        return applied

    def _renew(self, settings: Settings, applied: list[str]) -> list[str]:
        """Serve a renewed certificate; return why the old one stays, if it does."""
        try:
            if self._certificate.renew(settings.scim) and CERTIFICATE not in applied:
                applied.append(CERTIFICATE)
        except ConfigError as error:
            applied[:] = [key for key in applied if not key.startswith("scim.tls_")]
            return [str(problem) for problem in error.problems]
        return []

    def _log(
        self,
        *,
        applied: Iterable[str] = (),
        restart: Iterable[str] = (),
        refused: Iterable[str] = (),
    ) -> None:
        """Write one line, at the more verbose of the log levels before and after."""
        event = {"applied": sorted(applied), "restart": list(restart), "refused": list(refused)}
        if event["restart"]:
            event["then"] = [RESTART]
        elif not any(event.values()) and os.environ.get("CREDENTIALS_DIRECTORY"):
            event["then"] = [CREDENTIALS_HINT]
        write = log.error if event["refused"] else log.warning if event["restart"] else log.info
        with self._log_level.becoming(self._settings.log):
            write("service.reloaded", **event)

    async def _request_passes(self, applied: Iterable[str]) -> None:
        """Request a full pass of every organization that the change concerns, so that it takes effect at once."""
        is_shared = any(key.startswith(_SHARED_SECTIONS) for key in applied)
        for name in self._organizations:
            if is_shared or any(key.startswith(f"organization.{name}.") for key in applied):
                with suppress(*STORE_ERRORS):  # the periodic pass comes anyway
                    await passes.request_sync(self._databases[0], name)
                self._wake(name)
