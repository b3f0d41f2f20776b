"""``calscim run``: a daemon that needs no preparation, to try calscim or to develop against it.

It has a bundled Postgres and a simulated Cal.com, which keep their data in one folder, and one directory with two
mappings. If an organization is configured, it replaces the simulation.

Each run writes its choices to a configuration file in the folder, for all other verbs. If a configuration exists
already, the choices are variables to export instead.
"""

import json
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from calscim import admin, logs
from calscim.admin.console_access import ConsoleRole, create_link, link_url
from calscim.admin.teams import reading
from calscim.app.daemon import Serving, serve
from calscim.app.playground_lock import locked
from calscim.clock import SystemClock
from calscim.config import Console, Ops, Organization, Scim, Settings, Tcp, address, load
from calscim.errors import ConfigError, Problem
from calscim.planner.modes import Mode
from calscim.planner.observed_state import Incomplete
from calscim.planner.roles import Role
from calscim.postgres.pool import Database
from calscim.testing.calcom import calcom as simulated
from calscim.tracing.environment import started

ORGANIZATION = "acme"
ORGANIZATION_ID = 42
DIRECTORY = "Okta"
TEAMS = ("Sales", "Engineering")
_FILE = "calscim.toml"
_KEY = "calcom.key"
_NOTE = "# With CALSCIM_CONFIG=this file, every verb works with the running daemon."
_LISTEN = {
    "CALSCIM_SCIM_LISTEN": Scim().listen,
    "CALSCIM_OPS_LISTEN": Ops().listen,
    "CALSCIM_CONSOLE_LISTEN": Console().listen,
}


@dataclass(frozen=True, slots=True)
class Playground:
    """What an operator needs to begin. ``exports``: variables that let every verb work with the running daemon."""

    base_url: str
    token: str
    organization: str
    calcom: str | None  # the address of the simulated Cal.com, None for a real one
    groups: tuple[str, ...]  # mapped to teams of the same name
    ops: str
    console: str | None  # a link that signs in to the console once
    exports: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Options:
    """The options of ``calscim run``.

    ``configuration`` None: there is none yet. ``port``: of the SCIM listener; 0: any free port.
    """

    folder: Path
    configuration: Path | None
    environ: Mapping[str, str]
    port: int | None = None

    @property
    def written(self) -> Path:
        """The configuration that a run writes."""
        return self.folder.absolute() / _FILE

    @property
    def is_prepared(self) -> bool:
        """Return True if there is a configuration that no earlier run wrote."""
        return self.configuration is not None and not _is_from_a_run(self.configuration)


def _origin(path: Path) -> str:
    """Return the first line of a configuration that a run writes to the path. A copy elsewhere is the user's own."""
    return f"# Written to {path} by `calscim run`, each time it starts: copy it to keep changes."


def _is_from_a_run(path: Path) -> bool:
    try:
        return path.read_text(encoding="utf-8").startswith(_origin(path.absolute()))
    except (OSError, UnicodeDecodeError):
        return False


@dataclass(frozen=True, slots=True)
class _Configuration:
    """A configuration file, and variables in addition to those of the process."""

    path: Path
    variables: Mapping[str, str]
    environ: Mapping[str, str]

    def settings(self) -> Settings:
        return load(self.path, {**self.environ, **self.variables})

    @property
    def exports(self) -> dict[str, str]:
        return {"CALSCIM_CONFIG": str(self.path.absolute()), **self.variables}


async def run(options: Options, show: Callable[[Playground], None]) -> None:
    """Serve until a signal. ``show`` is called once, when everything answers.

    Raise UsageError if another run uses the folder.
    """
    options.folder.mkdir(parents=True, exist_ok=True)
    used = options.configuration if options.is_prepared else None
    async with AsyncExitStack() as stack:
        stack.enter_context(locked(options.folder, used or options.written, SystemClock().now()))
        calcom = await stack.enter_async_context(_calcom(options))
        configuration = _configuration(options, calcom)
        settings = configuration.settings()
        logs.configure(
            settings.log.level, settings.log.format, personal_data=settings.log.personal_data
        )

        async def ready(serving: Serving) -> None:
            cipher = settings.journal.cipher()
            async with await Database.open(serving.dsn, size=2, cipher=cipher) as db:
                show(
                    await _prepare(
                        db, settings, calcom, options.folder, serving, configuration.exports
                    )
                )

        try:
            with started(options.environ) as tracing:
                await serve(
                    settings,
                    ready=ready,
                    read=configuration.settings,
                    configuration=configuration.path,
                    tracing=tracing,
                )
        except ConfigError as error:
            raise ConfigError([_with_hint(problem) for problem in error.problems]) from error


def _with_hint(problem: Problem) -> Problem:
    if not problem.where.endswith(".listen"):
        return problem
    return Problem(
        problem.where,
        f"{problem.message}; `calscim run --port 0` (`make run PORT=0`) takes a free one",
    )


# ------------------------------------------------------------------ the configuration


def _configuration(options: Options, calcom: str | None) -> _Configuration:
    """Return the configuration with this run's choices: in a file, or in variables beside an existing file."""
    if options.is_prepared:
        assert options.configuration is not None
        variables = {} if calcom is None else _organization_variables(options.folder, calcom)
        listen = _with_free_ports(
            _listeners(options, load(options.configuration, {**options.environ, **variables}))
        )
        return _Configuration(options.configuration, variables | listen, options.environ)
    listen = _with_free_ports(_listeners(options, None))
    kept = {name: text for name, text in options.environ.items() if listen.get(name, text) == text}
    options.written.touch(mode=0o600)
    options.written.write_text(_toml(options, calcom, listen), encoding="utf-8")
    return _Configuration(options.written, {}, kept)


def _listeners(options: Options, settings: Settings | None) -> dict[str, str]:
    """Return where SCIM and the operators' endpoint listen, as variables, unless the configuration says the same."""
    if options.port is not None:
        scim = str(Tcp("127.0.0.1", options.port))
        variables = {
            "CALSCIM_SCIM_LISTEN": scim,
            "CALSCIM_OPS_LISTEN": "127.0.0.1:0",
            "CALSCIM_CONSOLE_LISTEN": "127.0.0.1:0",
        }
        if settings is not None and settings.console is None:
            del variables["CALSCIM_CONSOLE_LISTEN"]
        return variables | ({} if settings is None else {"CALSCIM_SCIM_PUBLIC_URL": ""})
    if settings is None:
        return {name: options.environ.get(name) or otherwise for name, otherwise in _LISTEN.items()}
    listens = {
        "CALSCIM_SCIM_LISTEN": settings.scim.listen,
        "CALSCIM_OPS_LISTEN": settings.ops.listen,
    }
    if settings.console is not None:
        listens["CALSCIM_CONSOLE_LISTEN"] = settings.console.listen
    return {name: at for name, at in listens.items() if at.endswith(":0")}


def _with_free_ports(listen: Mapping[str, str]) -> dict[str, str]:
    """Replace port 0 with a free port: the base URL must be known before the daemon listens."""
    with ExitStack() as stack:
        found = {name: _with_port(at, stack) for name, at in listen.items()}
    if "CALSCIM_SCIM_PUBLIC_URL" in found:
        found["CALSCIM_SCIM_PUBLIC_URL"] = f"http://{found['CALSCIM_SCIM_LISTEN']}"
    return found


def _with_port(listen: str, stack: ExitStack) -> str:
    try:
        at = address(listen)
    except ValueError:  # loading the configuration reports it
        return listen
    if not isinstance(at, Tcp) or at.port:
        return listen
    family = socket.AF_INET6 if ":" in at.host else socket.AF_INET
    bound = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
    bound.bind((at.host, 0))
    return str(Tcp(at.host, bound.getsockname()[1]))


def _toml(options: Options, calcom: str | None, listen: Mapping[str, str]) -> str:
    tables: dict[str, dict[str, object]] = {
        "[scim]": {
            "listen": listen["CALSCIM_SCIM_LISTEN"],
            "trusted_proxies": ["127.0.0.1", "::1"],
        },
        "[ops]": {"listen": listen["CALSCIM_OPS_LISTEN"]},
        "[console]": {"listen": listen["CALSCIM_CONSOLE_LISTEN"]},
    }
    if not any(
        options.environ.get(f"CALSCIM_DATABASE_{key}") for key in ("DSN", "DSN_FILE", "EMBEDDED")
    ):
        tables["[database]"] = {"embedded": str(options.folder.absolute() / "postgres")}
    if calcom is not None:
        tables["[[organization]]"] = {
            "name": ORGANIZATION,
            "organization_id": ORGANIZATION_ID,
            "api_url": calcom,
            "api_key_file": _KEY,
        }
    lines = [_origin(options.written), _NOTE]
    for header, keys in tables.items():
        # Texts, numbers and lists in JSON are TOML as well, once DEL is escaped.
        lines += [
            "",
            header,
            *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in keys.items()),
        ]
    return "\n".join(lines).replace("\x7f", "\\u007f") + "\n"


def _organization_variables(folder: Path, calcom: str) -> dict[str, str]:
    """Return the simulated organization as variables, for a configuration that has none."""
    prefix = f"CALSCIM_ORGANIZATION_{ORGANIZATION.upper()}"
    return {
        f"{prefix}_ORGANIZATION_ID": str(ORGANIZATION_ID),
        f"{prefix}_API_URL": calcom,
        f"{prefix}_API_KEY_FILE": str(folder.absolute() / _KEY),
    }


# ------------------------------------------------------------------ Cal.com, directory and mappings


@asynccontextmanager
async def _calcom(options: Options) -> AsyncIterator[str | None]:
    """Yield the address of a simulated Cal.com, or None if an organization is configured."""
    if _has_organization(options):
        yield None
        return
    folder = options.folder
    key = _stored(folder / _KEY, lambda: f"cal_{secrets.token_hex(16)}")
    world = simulated.World.remembered(
        folder / "calcom.json", organization_id=ORGANIZATION_ID, api_key=key
    )
    if not world.accounts:
        world.add_person("owner@acme.example", name="Olive Owner", role="OWNER")
        for name in TEAMS:
            world.add_team(name, slug=name.lower())
    async with simulated.serve(world) as url:
        yield url


def _has_organization(options: Options) -> bool:
    if options.is_prepared:
        return bool(load(options.configuration, options.environ).organizations)
    prefix, suffix = "CALSCIM_ORGANIZATION_", "_ORGANIZATION_ID"
    return any(
        name.startswith(prefix) and name.endswith(suffix) and text
        for name, text in options.environ.items()
    )


async def _prepare(
    db: Database,
    settings: Settings,
    calcom: str | None,
    folder: Path,
    serving: Serving,
    exports: Mapping[str, str],
) -> Playground:
    """Create one directory with a token, and a mapping for each of two teams, unless an earlier run did."""
    organization = settings.organizations[0]
    existing = {directory.name: directory for directory in await admin.directories(db)}
    if DIRECTORY in existing:
        directory = existing[DIRECTORY].id
        token = _stored(folder / "token", str)
    else:
        editor = admin.Editor(by="calscim run", cipher=db.cipher)
        created = await admin.create_directory(
            db, editor, organization=organization.name, name=DIRECTORY, provider="okta-scim-v2"
        )
        _, new_token = await admin.create_token(db, editor, created, name="run")
        directory, token = created.id, _stored(folder / "token", lambda: new_token)
        for team in await _teams(settings, organization):
            await admin.add_mapping(
                db,
                editor,
                admin.draft(
                    created, group=team.name, team=team, role=Role.MEMBER, mode=Mode.MANAGED
                ),
            )
    return Playground(
        base_url=f"{settings.scim.public_url}/scim/v2/{directory}",
        token=token,
        organization=organization.name,
        calcom=calcom,
        groups=tuple(mapping.group_name for mapping in await admin.mappings(db)),
        ops=serving.ops,
        console=await _console_link(db, settings),
        exports=exports,
    )


async def _console_link(db: Database, settings: Settings) -> str | None:
    if settings.console is None:
        return None
    secret = await create_link(db, "calscim run", ConsoleRole.ADMIN)
    return link_url(settings.console, secret)


async def _teams(settings: Settings, organization: Organization) -> list[admin.TeamRef]:
    """Return the first two teams."""
    async with reading(settings, organization) as reader:
        found = await reader.teams()
    if isinstance(found, Incomplete):
        return []
    teams = sorted(found.value.values(), key=lambda team: team.id)
    return [admin.TeamRef(team.id, team.name) for team in teams[: len(TEAMS)]]


def _stored(path: Path, create: Callable[[], str]) -> str:
    """Return the secret in a file that only its owner can read; create it at the first call."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(create(), encoding="utf-8")
    return path.read_text(encoding="utf-8").strip()
