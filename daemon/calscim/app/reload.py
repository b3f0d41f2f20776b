"""On SIGHUP the daemon reads its configuration and the files that it names again, and applies what it can.

Every key of the configuration is one of two kinds: the daemon applies the keys that ``carried_over`` carries over, and
names all others in the log as needing a restart, so that no change is ignored silently. A configuration with mistakes
changes nothing. Each reload is one line in the log, ``service.reloaded``.
"""

import asyncio
import os
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import asyncpg
import structlog

from calscim import logs, systemd
from calscim.app.fingerprints import CERTIFICATE, Published, secrets_of
from calscim.app.listeners import load_certificate, tls_context
from calscim.app.wiring import Running
from calscim.config import Organization, Scim, Settings
from calscim.errors import ConfigError, StoreError
from calscim.postgres.pool import Database
from calscim.reconciler.state import runs

log = structlog.get_logger()

RESTART = "systemctl restart calscim"
COPIED = (
    "nothing has changed; keys are systemd credentials, which without RefreshOnReload=credentials are copied "
    f"at start only: {RESTART}"
)
_VERBOSITY = ("error", "warning", "info", "debug")
# Changes of these concern every organization's passes.
_EVERYWHERE = ("guards.", "reconcile.")


def carried_over(running: Settings, read: Settings) -> Settings:
    """What a daemon that runs with the first can go on with once it has read the second.

    The rest needs a restart: connections, listeners, which organizations there are and where, and where the
    journal's heads go.
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
    """Another certificate is taken over; HTTPS instead of HTTP, or the other way round, is not."""
    if None in (running.tls_certificate_file, read.tls_certificate_file):
        return running
    return replace(
        running,
        tls_certificate_file=read.tls_certificate_file,
        tls_key_file=read.tls_key_file,
    )


def differences(one: Settings, other: Settings) -> list[str]:
    """The keys in which they differ, as ``guards.window`` or ``organization.acme.api_key``."""
    return sorted(_differences(one, other))


def _differences(one: Settings, other: Settings) -> Iterator[str]:
    for section in fields(Settings):
        if section.name != "organizations":
            yield from _fields(
                section.name, getattr(one, section.name), getattr(other, section.name)
            )
    before = {organization.name: organization for organization in one.organizations}
    after = {organization.name: organization for organization in other.organizations}
    for name in before.keys() | after.keys():
        if name in before and name in after:
            yield from _fields(f"organization.{name}", before[name], after[name])
        else:
            yield f"organization.{name}"


def _fields(label: str, one: Any, other: Any) -> Iterator[str]:
    for key in fields(one):
        if getattr(one, key.name) != getattr(other, key.name):
            yield f"{label}.{key.name}"


class Certificate:
    """The certificate that is served, which may be renewed. ``context`` None: SCIM is plain HTTP."""

    def __init__(self, settings: Scim) -> None:
        self.context: ssl.SSLContext | None = tls_context(
            settings.tls_certificate_file, settings.tls_key_file
        )
        self._loaded = _content(settings.tls_certificate_file, settings.tls_key_file)

    def renew(self, settings: Scim) -> bool:
        """Serve what is in the files now; False when that is what is served. ConfigError: the old one is kept."""
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
        """What the daemon uses: the certificate that is served, whatever is in its file."""
        plain = replace(settings, scim=replace(settings.scim, tls_certificate_file=None))
        return secrets_of(plain) | ({CERTIFICATE: self._loaded[0]} if self._loaded else {})


def _content(*paths: Path | None) -> tuple[bytes, ...]:
    try:
        return tuple(path.read_bytes() for path in paths if path is not None)
    except OSError:  # load_certificate reports it
        return ()


class Reloads:
    """Reads again on every ``hangup``, one after the other."""

    def __init__(
        self,
        settings: Settings,
        read: Callable[[], Settings],
        *,
        databases: Iterable[Database],
        organizations: Mapping[str, Running],
        certificate: Certificate,
        published: Published,
        wake: Callable[[str], None],
    ) -> None:
        """``wake``: told the name of an organization that has been asked for a full pass."""
        self._wake = wake
        self.hangup = asyncio.Event()
        self._settings = settings
        self._read = read
        self._databases = tuple(databases)
        self._organizations = organizations
        self._certificate = certificate
        self._published = published
        published.use(certificate.secrets(settings))

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await self.hangup.wait()
            self.hangup.clear()
            systemd.notify_reloading()
            applied = self.reload()
            systemd.notify("READY=1")
            await self._ask(applied)

    def reload(self) -> list[str]:
        """Read again and apply; returns the keys that were applied."""
        try:
            read = self._read()
            cipher = read.journal.cipher()
        except ConfigError as error:
            self._say(self._settings, refused=[str(problem) for problem in error.problems])
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
        self._say(before, applied=applied, restart=differences(after, read), refused=refused)
        return applied

    def _renew(self, settings: Settings, applied: list[str]) -> list[str]:
        """Serve a renewed certificate; returns why the old one stays."""
        try:
            if self._certificate.renew(settings.scim) and CERTIFICATE not in applied:
                applied.append(CERTIFICATE)
        except ConfigError as error:
            applied[:] = [key for key in applied if not key.startswith("scim.tls_")]
            return [str(problem) for problem in error.problems]
        return []

    def _say(
        self,
        before: Settings,
        *,
        applied: Iterable[str] = (),
        restart: Iterable[str] = (),
        refused: Iterable[str] = (),
    ) -> None:
        """One line, at whichever level lets through more of the one before and the one that holds from now on."""
        told = {"applied": sorted(applied), "restart": list(restart), "refused": list(refused)}
        if told["restart"]:
            told["then"] = [RESTART]
        elif not any(told.values()) and os.environ.get("CREDENTIALS_DIRECTORY"):
            told["then"] = [COPIED]
        write = log.error if told["refused"] else log.warning if told["restart"] else log.info
        now = self._settings.log
        louder = max((before.log, now), key=lambda one: _VERBOSITY.index(one.level))
        if before.log != now:
            logs.configure(louder.level, now.format)
        write("service.reloaded", **told)
        if louder.level != now.level:
            logs.configure(now.level, now.format)

    async def _ask(self, applied: Iterable[str]) -> None:
        """A full pass of every organization that the change concerns, so that it is seen to work at once."""
        everywhere = any(key.startswith(_EVERYWHERE) for key in applied)
        for name in self._organizations:
            if everywhere or any(key.startswith(f"organization.{name}.") for key in applied):
                with suppress(StoreError, asyncpg.PostgresError):  # the periodic pass comes anyway
                    await runs.ask(self._databases[0], name)
                self._wake(name)
