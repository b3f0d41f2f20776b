"""``calscim run``: everything with nothing prepared, to try calscim or to develop against it.

A bundled Postgres in a folder, a simulated Cal.com that remembers its state there as well, one directory
and two mappings. Where an organization is configured, that one is used instead of the simulation.

What is decided here is left where every other verb reads it: in a configuration file in the folder, written anew by
each run, or, beside a configuration that is there already, in variables to export.
"""

import json
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from calscim import admin, logs
from calscim.admin.plan_preview import reading
from calscim.app.daemon import Serving, serve
from calscim.config import Ops, Organization, Scim, Settings, Tcp, address, load
from calscim.errors import ConfigError, Problem
from calscim.planner.model import Incomplete, Mode, Role
from calscim.postgres.pool import Database
from calscim.testing.calcom import calcom as simulated

ORGANIZATION = "acme"
NUMBER = 42
DIRECTORY = "Okta trial"
TEAMS = ("Sales", "Engineering")
_FILE = "calscim.toml"
_KEY = "calcom.key"
_NOTE = "# With CALSCIM_CONFIG=this file, every verb works beside the running daemon."
_LISTEN = {"CALSCIM_SCIM_LISTEN": Scim().listen, "CALSCIM_OPS_LISTEN": Ops().listen}


@dataclass(frozen=True, slots=True)
class Trial:
    """What a person needs to begin. ``exports``: the variables with which every verb works beside it."""

    base_url: str
    token: str
    organization: str
    calcom: str | None  # the simulation's address, if it is one
    groups: tuple[str, ...]  # mapped to teams of the same name
    ops: str
    exports: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """``configuration`` None: none is there yet. ``port``: where SCIM answers; 0: any that is free."""

    folder: Path
    configuration: Path | None
    environ: Mapping[str, str]
    port: int | None = None

    @property
    def written(self) -> Path:
        """The configuration that a run leaves behind."""
        return self.folder.absolute() / _FILE

    @property
    def is_prepared(self) -> bool:
        """Whether there is a configuration, other than one that an earlier run left behind."""
        return self.configuration is not None and not _is_left_behind(self.configuration)


def _origin(path: Path) -> str:
    """The first line of a configuration that a run leaves at that path; a copy of it elsewhere is a user's own."""
    return f"# Written to {path} by `calscim run`, each time it starts: copy it to keep changes."


def _is_left_behind(path: Path) -> bool:
    try:
        return path.read_text(encoding="utf-8").startswith(_origin(path.absolute()))
    except (OSError, UnicodeDecodeError):
        return False


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A configuration, and variables that are more than those of the process."""

    path: Path
    variables: Mapping[str, str]
    environ: Mapping[str, str]

    def settings(self) -> Settings:
        return load(self.path, {**self.environ, **self.variables})

    @property
    def exports(self) -> dict[str, str]:
        return {"CALSCIM_CONFIG": str(self.path.absolute()), **self.variables}


async def run(wanted: Wanted, tell: Callable[[Trial], None]) -> None:
    """Serve until a signal; ``tell`` is called once, when everything answers."""
    wanted.folder.mkdir(parents=True, exist_ok=True)
    async with _calcom(wanted) as calcom:
        chosen = _chosen(wanted, calcom)
        settings = chosen.settings()
        logs.configure(settings.log.level, settings.log.format)

        async def ready(serving: Serving) -> None:
            cipher = settings.journal.cipher()
            async with await Database.open(serving.dsn, size=2, cipher=cipher) as db:
                tell(await _prepare(db, settings, calcom, wanted.folder, serving, chosen.exports))

        try:
            await serve(settings, ready=ready, read=chosen.settings)
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


def _chosen(wanted: Wanted, calcom: str | None) -> _Chosen:
    """The configuration with what is decided here: in a file, or in variables beside a file that is there."""
    if wanted.is_prepared:
        assert wanted.configuration is not None
        variables = {} if calcom is None else _variables_of(wanted.folder, calcom)
        listen = _free(
            _listening(wanted, load(wanted.configuration, {**wanted.environ, **variables}))
        )
        return _Chosen(wanted.configuration, variables | listen, wanted.environ)
    listen = _free(_listening(wanted, None))
    kept = {name: text for name, text in wanted.environ.items() if listen.get(name, text) == text}
    wanted.written.touch(mode=0o600)
    wanted.written.write_text(_toml(wanted, calcom, listen), encoding="utf-8")
    return _Chosen(wanted.written, {}, kept)


def _listening(wanted: Wanted, settings: Settings | None) -> dict[str, str]:
    """Where SCIM and the operator's endpoint are to listen, as variables; those that need not be said are left out."""
    if wanted.port is not None:
        scim = str(Tcp("127.0.0.1", wanted.port))
        found = {"CALSCIM_SCIM_LISTEN": scim, "CALSCIM_OPS_LISTEN": "127.0.0.1:0"}
        return found | ({} if settings is None else {"CALSCIM_SCIM_PUBLIC_URL": ""})
    if settings is None:
        return {name: wanted.environ.get(name) or otherwise for name, otherwise in _LISTEN.items()}
    listens = {
        "CALSCIM_SCIM_LISTEN": settings.scim.listen,
        "CALSCIM_OPS_LISTEN": settings.ops.listen,
    }
    return {name: at for name, at in listens.items() if at.endswith(":0")}


def _free(listen: Mapping[str, str]) -> dict[str, str]:
    """With a free port for each 0: the base URL has to be known before the daemon listens."""
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


def _toml(wanted: Wanted, calcom: str | None, listen: Mapping[str, str]) -> str:
    tables: dict[str, dict[str, object]] = {
        "[scim]": {
            "listen": listen["CALSCIM_SCIM_LISTEN"],
            "trusted_proxies": ["127.0.0.1", "::1"],
        },
        "[ops]": {"listen": listen["CALSCIM_OPS_LISTEN"]},
    }
    if not any(
        wanted.environ.get(f"CALSCIM_DATABASE_{key}") for key in ("DSN", "DSN_FILE", "EMBEDDED")
    ):
        tables["[database]"] = {"embedded": str(wanted.folder.absolute() / "postgres")}
    if calcom is not None:
        tables["[[organization]]"] = {
            "name": ORGANIZATION,
            "organization_id": NUMBER,
            "api_url": calcom,
            "api_key_file": _KEY,
        }
    lines = [_origin(wanted.written), _NOTE]
    for header, keys in tables.items():
        # Texts, numbers and lists in JSON are TOML as well, once DEL is escaped.
        lines += [
            "",
            header,
            *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in keys.items()),
        ]
    return "\n".join(lines).replace("\x7f", "\\u007f") + "\n"


def _variables_of(folder: Path, calcom: str) -> dict[str, str]:
    """The simulated organization, for a configuration that has none."""
    prefix = f"CALSCIM_ORGANIZATION_{ORGANIZATION.upper()}"
    return {
        f"{prefix}_ORGANIZATION_ID": str(NUMBER),
        f"{prefix}_API_URL": calcom,
        f"{prefix}_API_KEY_FILE": str(folder.absolute() / _KEY),
    }


# ------------------------------------------------------------------ what is there to try


@asynccontextmanager
async def _calcom(wanted: Wanted) -> AsyncIterator[str | None]:
    """The simulated Cal.com's address; None where an organization is configured."""
    if _has_organization(wanted):
        yield None
        return
    folder = wanted.folder
    key = _remembered(folder / _KEY, lambda: f"cal_{secrets.token_hex(16)}")
    world = simulated.World.remembered(folder / "calcom.json", organization_id=NUMBER, api_key=key)
    if not world.accounts:
        world.add_person("owner@acme.example", name="Olive Owner", role="OWNER")
        for name in TEAMS:
            world.add_team(name, slug=name.lower())
    async with simulated.serve(world) as url:
        yield url


def _has_organization(wanted: Wanted) -> bool:
    if wanted.is_prepared:
        return bool(load(wanted.configuration, wanted.environ).organizations)
    prefix, suffix = "CALSCIM_ORGANIZATION_", "_ORGANIZATION_ID"
    return any(
        name.startswith(prefix) and name.endswith(suffix) and text
        for name, text in wanted.environ.items()
    )


async def _prepare(
    db: Database,
    settings: Settings,
    calcom: str | None,
    folder: Path,
    serving: Serving,
    exports: Mapping[str, str],
) -> Trial:
    """One directory with a token, and where Cal.com is simulated a mapping for each team."""
    organization = settings.organizations[0]
    known = {directory.name: directory for directory in await admin.directories(db)}
    if DIRECTORY in known:
        directory = known[DIRECTORY].id
        token = _remembered(folder / "token", str)
    else:
        editor = admin.Editor(by="calscim run", cipher=db.cipher)
        made = await admin.create_directory(
            db, editor, organization=organization.name, name=DIRECTORY, provider="okta-scim-v2"
        )
        _, fresh = await admin.create_token(db, editor, made, name="run")
        directory, token = made.id, _remembered(folder / "token", lambda: fresh)
        for team in await _teams(settings, organization):
            await admin.add_mapping(
                db,
                editor,
                made,
                group=team.name,
                team=team,
                role=Role.MEMBER,
                mode=Mode.MANAGED,
            )
    return Trial(
        base_url=f"{settings.scim.public_url}/scim/v2/{directory}",
        token=token,
        organization=organization.name,
        calcom=calcom,
        groups=tuple(mapping.group_name for mapping in await admin.mappings(db)),
        ops=serving.ops,
        exports=exports,
    )


async def _teams(settings: Settings, organization: Organization) -> list[admin.TeamRef]:
    """The first two teams: each gets a mapping from a group of its name."""
    async with reading(settings, organization) as reader:
        found = await reader.teams()
    if isinstance(found, Incomplete):
        return []
    teams = sorted(found.value.values(), key=lambda team: team.id)
    return [admin.TeamRef(team.id, team.name) for team in teams[: len(TEAMS)]]


def _remembered(path: Path, make: Callable[[], str]) -> str:
    """The secret in a file that only its owner can read, made at the first call."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(make(), encoding="utf-8")
    return path.read_text(encoding="utf-8").strip()
