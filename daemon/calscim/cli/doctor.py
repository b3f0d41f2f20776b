"""calscim doctor: examine everything that keeps an installation from working, or soon will."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from calscim.admin.doctor import Finding, State, examine, from_check
from calscim.cli import hazards
from calscim.cli.check import all_checks
from calscim.cli.command import Command
from calscim.cli.database import opened_or_none
from calscim.cli.output import table
from calscim.cli.progress import progress
from calscim.cli.verbs import Verbs
from calscim.config import Settings, secret_files


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What `calscim doctor` found. ``ok``: nothing failed."""

    ok: bool
    findings: tuple[Finding, ...]


def register(verbs: Verbs) -> None:
    parser = verbs.add(
        "doctor",
        _doctor,
        details="Does everything that `check` does, and examines clocks, certificates, permissions, free space, "
        "proxies, the durability of Postgres, the channels of notifications, and what answers at scim.public_url. "
        "Exits with 1 if something failed.",
        examples=("calscim doctor", "calscim doctor --test-call"),
    )
    parser.add_argument(
        "--test-call",
        action="store_true",
        help="also make the identity provider's test call, with a read token that is revoked afterwards",
    )
    hazards.strict_option(parser)


async def _doctor(command: Command) -> int:
    settings = command.settings()
    with progress(command.output, "examining"):
        found = await diagnose(command, settings, test_call=command.arguments.test_call)
    rows = ((one.what, one.state.value, _text(one)) for one in found.findings)
    command.output.data(found, table(("examined", "state", "found"), rows))
    return 0 if found.ok else 1


async def diagnose(command: Command, settings: Settings, *, test_call: bool = False) -> Diagnosis:
    """Return every finding about the command's configuration."""
    findings = [from_check(check) for check in await all_checks(command, settings)]
    findings += [one async for one in _more(command, settings, test_call=test_call)]
    return Diagnosis(all(one.state is not State.FAILED for one in findings), tuple(findings))


async def _more(command: Command, settings: Settings, *, test_call: bool) -> AsyncIterator[Finding]:
    files = secret_files(command.configuration, command.environ)
    editor = command.editor() if test_call else None
    async with opened_or_none(settings) as db:  # the check of the database reports why not
        async for finding in examine(
            settings, command.configuration, files, command.environ, db, editor
        ):
            yield finding


def _text(finding: Finding) -> str:
    return f"{finding.detail}: {finding.then}" if finding.then else finding.detail
