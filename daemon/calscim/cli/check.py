"""calscim check: check the configuration, the database and Cal.com. Changes nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from calscim.admin.checks import Check, Connect, run_checks
from calscim.cli import hazards
from calscim.cli.command import Command
from calscim.cli.database import connected
from calscim.cli.output import table
from calscim.cli.verbs import Verbs
from calscim.config import Settings
from calscim.postgres import embedded
from calscim.postgres.pool import Connection


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of `calscim check`."""

    ok: bool
    checks: tuple[Check, ...]


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
    found = await all_checks(command, settings)
    for check in found:
        if check.warning:
            command.output.warn(f"{check.what}: {check.warning}")
    result = CheckResult(all(check.ok for check in found), tuple(found))
    shown = table(
        ("check", "state", "detail"),
        ((check.what, "ok" if check.ok else "failed", check.detail) for check in found),
    )
    command.output.data(result, shown)
    return 0 if result.ok else 1


async def all_checks(command: Command, settings: Settings) -> list[Check]:
    """Run the checks of the command's configuration."""
    return await run_checks(
        settings,
        command.configuration,
        hazards.found(command, settings),
        partial(_connection, settings),
        _operators(settings),
    )


def _operators(settings: Settings) -> Connect | None:
    dsn = settings.database.operator_dsn
    return None if dsn is None else partial(connected, dsn, "database.operator_dsn")


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
