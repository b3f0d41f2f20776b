"""calscim check: check the configuration, the database and Cal.com. Changes nothing."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass

from calscim import admin
from calscim.admin.build import describe
from calscim.admin.expiry import expiring
from calscim.admin.teams import reading
from calscim.app.fingerprints import stale
from calscim.app.listeners import UNTRUSTED, hides_clients
from calscim.calcom.reader import Reader
from calscim.cli import hazards
from calscim.cli.command import Command
from calscim.cli.database import connected
from calscim.cli.output import table
from calscim.cli.verbs import Verbs
from calscim.clock import SystemClock
from calscim.config import Journal, Organization, Scim, Settings
from calscim.encryption import Cipher
from calscim.errors import RemoteError, RemoteKind, StoreError
from calscim.planner.attributes.table import find_attribute
from calscim.planner.build import BuildTraits
from calscim.planner.observed_state import Incomplete
from calscim.planner.roles import Role
from calscim.postgres import embedded, health, migrations
from calscim.postgres.pgbouncer import goes_through
from calscim.postgres.pool import Connection
from calscim.postgres.queries import sql
from calscim.reconciler.state.build_traits import RELEARN_AFTER

_OLDEST = 130000  # Postgres 13


@dataclass(frozen=True, slots=True)
class Check:
    what: str
    ok: bool
    detail: str
    warning: str = ""


def register(verbs: Verbs) -> None:
    hazards.strict_option(
        verbs.add(
            "check",
            _check,
            examples=("calscim check", "calscim check --json"),
        )
    )


async def _check(command: Command) -> int:
    settings = command.settings()
    found = [Check("configuration", True, str(command.configuration or "variables alone"))]
    found.append(_listener(settings.scim))
    found += [
        Check(f"configuration: {one.where}", True, "dangerous", one.message)
        for one in hazards.found(command, settings)
    ]
    found += await _stored(settings)
    found += await _operators(settings)
    for organization in settings.organizations:
        found += await _organization(settings, organization)
    found += await _daemons(settings)
    found += await _tokens(settings)
    if not settings.organizations:
        hint = "none is configured: add an [[organization]] table"
        found.append(Check("organization", False, hint))
    for check in found:
        if check.warning:
            command.output.warn(f"{check.what}: {check.warning}")
    ok = all(check.ok for check in found)
    shown = table(
        ("check", "state", "detail"),
        ((check.what, "ok" if check.ok else "failed", check.detail) for check in found),
    )
    command.output.data({"ok": ok, "checks": [asdict(check) for check in found]}, shown)
    return 0 if ok else 1


def _listener(scim: Scim) -> Check:
    """Check that the journal gets the addresses of clients, not only that of a proxy."""
    return Check("listener", True, scim.listen, UNTRUSTED if hides_clients(scim) else "")


@asynccontextmanager
async def _connection(settings: Settings) -> AsyncIterator[Connection]:
    if settings.database.embedded is None:
        assert settings.database.dsn is not None, "settings have one or the other"
        async with connected(settings.database.dsn, "database.dsn") as connection:
            yield connection
        return
    async with (
        await embedded.start(settings.database.embedded) as running,
        connected(running.serving_dsn, "database.embedded") as connection,
    ):
        yield connection


async def _stored(settings: Settings) -> list[Check]:
    """Check the database, and how bodies are sealed. Raise ConfigError if the key cannot be used."""
    cipher = settings.journal.cipher()
    newest: list[bytes] = []
    try:
        async with _connection(settings) as connection:
            found = await _look_at(
                connection,
                bundled=settings.database.embedded is not None,
                listens=settings.database.listen_dsn is not None,
            )
            if found.ok and await migrations.current(connection):
                newest = [
                    row["body"] for row in await connection.fetch(sql("journal.list_last_bodies"))
                ]
    except StoreError as error:
        found = Check("database", False, str(error))
    warnings = [*_sealed_elsewhere(cipher, newest), *_head_file(settings.journal)]
    return [found, Check("journal", True, _sealing(cipher), "; ".join(warnings))]


async def _operators(settings: Settings) -> list[Check]:
    """Check the role that edits directories, tokens and mappings, if it is not the daemon's role."""
    dsn = settings.database.operator_dsn
    if dsn is None:
        return []
    try:
        async with connected(dsn, "database.operator_dsn") as connection:
            role = await connection.fetchval(sql("roles.get_current"))
            if await connection.fetchval(sql("roles.can_edit")):
                return [Check("operators' role", True, role)]
    except StoreError as error:
        return [Check("operators' role", False, str(error))]
    return [
        Check(
            "operators' role",
            False,
            f"{role} may not edit tokens and mappings: run `calscim migrate` to grant its rights",
        )
    ]


def _sealed_elsewhere(cipher: Cipher, newest: list[bytes]) -> Iterator[str]:
    """Yield a warning if a daemon sealed one of the ``newest`` bodies with a key that is not configured."""
    try:
        for body in filter(None, newest):
            cipher.open(body)
    except StoreError as error:
        yield str(error)


def _head_file(journal: Journal) -> Iterator[str]:
    path = journal.checkpoint_file
    if path is not None and not path.parent.is_dir():
        yield f"the folder of journal.checkpoint_file, {path.parent}, does not exist: create it, or correct the path"


def _sealing(cipher: Cipher) -> str:
    if cipher.present is None:
        if cipher.held:
            return f"bodies are not sealed; old keys open older bodies: {', '.join(cipher.held)}"
        return "bodies are not sealed: set journal.encryption_key_file to seal them"
    detail = f"bodies are sealed with the key {cipher.present.hex()}"
    if old := len(cipher.held) - 1:
        detail += (
            "; 1 old key opens older bodies" if old == 1 else f"; {old} old keys open older bodies"
        )
    return detail


async def _look_at(connection: Connection, *, bundled: bool, listens: bool) -> Check:
    server = int(await connection.fetchval("SHOW server_version_num"))
    named = f"Postgres {server // 10000}.{server % 10000}"
    if server < _OLDEST:
        return Check("database", False, f"{named} is too old: use 13 or newer")
    version = await migrations.current(connection)
    if bundled and version == 0:
        return Check("database", True, f"{named}, empty: `calscim serve` creates the schema")
    if not bundled or version >= migrations.latest():  # serve migrates the bundled one
        try:
            await migrations.check(connection)
        except StoreError as error:
            return Check("database", False, f"{named}: {error}")
        if refused := await health.refusal(connection) or await health.refused_write(connection):
            return Check("database", False, f"{named}: {refused}")
    warning = ""
    if goes_through(connection) and not listens:
        warning = (
            "database.dsn goes through a pooler, which does not forward notifications: set database.listen_dsn to a "
            "direct connection, or each change waits up to two seconds for the reconciler"
        )
    if await connection.fetchval(sql("roles.can_change_journal")):
        warning = "the serving role can change the journal; a second role is safer: see `calscim migrate --help`"
    newer = (
        f", newer than this release's {migrations.latest()}"
        if await migrations.ahead(connection)
        else ""
    )
    return Check("database", True, f"{named}, schema {version}{newer}", warning)


async def _traits(settings: Settings, organization: str) -> BuildTraits:
    """Return what the daemon has learned about the build of Cal.com; nothing if the database cannot be read."""
    try:
        async with _connection(settings) as connection:
            if await migrations.current(connection) < migrations.latest():
                return BuildTraits()
            rows = await connection.fetch(sql("build_traits.load"), organization, RELEARN_AFTER)
    except StoreError:
        return BuildTraits()
    return BuildTraits(**{row["trait"]: row["value"] for row in rows})


async def _daemons(settings: Settings) -> list[Check]:
    """Check that the running daemons use the keys and the certificate of this configuration."""
    try:
        async with _connection(settings) as connection:
            if await migrations.current(connection) < migrations.latest():
                return []
            running = await stale(connection, settings)
    except (StoreError, OSError):  # the checks of the database and of the configuration report it
        return []
    return [_daemon(holder, keys) for holder, keys in running.items()]


async def _tokens(settings: Settings) -> list[Check]:
    """Warn of tokens that end soon."""
    try:
        async with _connection(settings) as connection:
            if await migrations.current(connection) < migrations.latest():
                return []
            known = await admin.tokens(connection)
    except StoreError:  # the check of the database reports it
        return []
    valid = sum(token.state == "valid" for token in known)
    warning = "; ".join(one.detail for one in expiring(known, SystemClock().now()))
    return [Check("tokens", True, f"{valid} valid", warning)]


def _daemon(holder: str, keys: list[str]) -> Check:
    what = f"daemon {holder}"
    if not keys:
        return Check(what, True, "uses the keys of this configuration")
    used = f"does not use the {' and the '.join(keys)} of this configuration"
    warning = (
        "run `systemctl reload calscim` (SIGHUP) to read them again; run `systemctl restart calscim` if they are "
        "systemd credentials or if this warning stays"
    )
    return Check(what, True, used, f"{used}: {warning}")


async def _organization(settings: Settings, organization: Organization) -> list[Check]:
    """Check the organization's key, and describe the build of Cal.com if it accepts the key."""
    try:
        async with reading(settings, organization) as reader:
            key = await _key(reader, organization)
            if not key.ok:
                return [key]
            pages_teams = await reader.pages_teams()
    except RemoteError as error:
        return [Check(f"organization {organization.name}", False, str(error))]
    traits = await _traits(settings, organization.name)
    build = describe(organization.api_url, traits, pages_teams=pages_teams)
    return [key, Check(f"Cal.com of {organization.name}", True, str(build))]


async def _key(reader: Reader, organization: Organization) -> Check:
    what = f"organization {organization.name}"
    whose = ""
    try:
        me = await reader.me()
        whose = (
            f"; the key's user {me.email} must be an ADMIN or OWNER of organization "
            f"{organization.organization_id}"
        )
        people = await reader.people()
        astray = await _attributes(reader, organization)
    except RemoteError as error:
        return Check(what, False, f"{error}{whose if error.kind is RemoteKind.AUTH else ''}")
    if isinstance(people, Incomplete):
        return Check(what, False, people.reason)
    mine = people.value.get(me.user)
    if mine is None:
        return Check(
            what,
            False,
            f"the key's user {me.email} is not in organization {organization.organization_id}: "
            "correct organization_id, or use a key of one of its owners",
        )
    if mine.role is Role.MEMBER:
        return Check(
            what,
            False,
            f"the key's user {me.email} is only a MEMBER: use a key of an ADMIN or OWNER",
        )
    warning = ""
    if me.organization_id not in {None, organization.organization_id}:
        warning = f"the key belongs to organization {me.organization_id} first"
    warning = "; ".join(filter(None, (warning, astray)))
    count = len(people.value)
    detail = f"{organization.api_url}, key of {me.email} ({mine.role.value}), {count} people"
    return Check(what, True, detail, warning)


async def _attributes(reader: Reader, organization: Organization) -> str:
    """Return the problems of the organization's table of attributes."""
    if not organization.attributes:
        return ""
    found = await reader.attributes()
    if isinstance(found, Incomplete):
        return f"calscim leaves people's attributes as they are: {found.reason}"
    named = (find_attribute(found.value, rule.to) for rule in organization.attributes)
    return "; ".join(one for one in named if isinstance(one, str))
