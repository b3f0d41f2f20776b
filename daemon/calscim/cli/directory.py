"""calscim directory: manage directories (connections from identity providers)."""

from argparse import ArgumentTypeError

from calscim import admin
from calscim.admin.directory_views import (
    CreatedDirectory,
    DeletedDirectory,
    DirectoryRate,
    base_url,
    directory_view,
    rate_shown,
)
from calscim.admin.organizations import find_organization
from calscim.admin.provider_steps import ProviderStep, provider_steps
from calscim.cli.command import Command
from calscim.cli.confirmation import confirm, yes_option
from calscim.cli.database import opened
from calscim.cli.output import record, table
from calscim.cli.pausing import Target, for_option, pause, resume, state
from calscim.cli.verbs import Verbs
from calscim.config.values import LOWEST_RATE, rate
from calscim.directory.rates import EVERY, NONE
from calscim.option_types import VariableText
from calscim.postgres.pool import Database
from calscim.terminal import printable
from calscim.wording import counted


def register(verbs: Verbs) -> None:
    nouns = verbs.group("directory")
    create = nouns.add(
        "create",
        _create,
        "create a directory and its first token",
        examples=(
            "calscim directory create --name Okta --provider okta-scim-v2",
            "calscim directory create --name Okta --provider okta-scim-v2 --paused",
        ),
    )
    create.add_argument("--organization", metavar="ORG", help="needed if there are several")
    create.add_argument("--name", required=True, help="a name of your choice")
    create.add_argument(
        "--provider",
        required=True,
        choices=admin.PROVIDERS,
        metavar="P",
        help=", ".join(admin.PROVIDERS),
    )
    create.add_argument(
        "--paused",
        action="store_true",
        help="change nothing in Cal.com until `calscim directory resume`: to adopt an existing organization",
    )
    nouns.add(
        "list",
        _list,
        "list the directories",
        examples=("calscim directory list", "calscim directory list --json"),
    )
    show = nouns.add(
        "show",
        _show,
        "show one directory",
        examples=("calscim directory show Okta", "calscim directory show Okta --json"),
    )
    pausing = nouns.add(
        "pause",
        _pause,
        "stop changing Cal.com; pushed changes are still accepted",
        examples=("calscim directory pause Okta", "calscim directory pause Okta --for 2h"),
    )
    for_option(pausing)
    resuming = nouns.add(
        "resume",
        _resume,
        "end a pause",
        examples=("calscim directory resume Okta", "calscim directory resume Okta --json"),
    )
    change = nouns.add(
        "set",
        _set,
        "change a setting of a directory",
        examples=(
            "calscim directory set Okta requests_per_second=50",
            "calscim directory set Okta requests_per_second=default --dry-run",
        ),
    )
    delete = nouns.add(
        "delete",
        _delete,
        "revoke all tokens of the directory and stop syncing it",
        details="Its people stay in Cal.com as they are, and its journal is kept.",
        examples=("calscim directory delete Okta", "calscim directory delete Okta --json"),
    )
    yes_option(delete)
    for parser in (show, pausing, resuming, change, delete):
        parser.add_argument("directory", metavar="DIRECTORY", help="id or name")
    change.add_argument(
        "rate",
        type=_rate,
        metavar="KEY=VALUE",
        help=f"requests_per_second=N: at least {LOWEST_RATE}, 0 for no limit, or default for the value of "
        "scim.requests_per_second",
    )
    change.add_argument(
        "--dry-run", action="store_true", help="say what would change; save nothing"
    )


def _rate(text: str) -> int | None:
    """Read ``requests_per_second=VALUE`` as the table stores it: None for the default, 0 for no limit."""
    key, equals, value = text.partition("=")
    if key != "requests_per_second" or not equals:
        raise ArgumentTypeError(
            f"{text!r} is not a setting of a directory: write requests_per_second=N"
        )
    if value == "default":
        return None
    try:
        return rate(VariableText(value)) or NONE
    except ValueError as error:
        raise ArgumentTypeError(f"requests_per_second {error}") from error


async def _create(command: Command) -> None:
    settings, editor = command.settings(), command.editor()
    organization = find_organization(settings, command.arguments.organization)
    async with opened(settings) as db:
        made = await admin.create_directory(
            db,
            editor,
            organization=organization.name,
            name=command.arguments.name,
            provider=command.arguments.provider,
            paused=command.arguments.paused,
        )
        _, token = await admin.create_token(
            db, editor, made, name="first", seconds=settings.tokens.lifetime
        )
    created = CreatedDirectory(
        made.id, made.name, made.organization, made.provider, base_url(settings, made.id), token
    )
    command.output.data(created, record(created))
    command.output.say(*_next_steps(made))


def _next_steps(made: admin.Directory) -> list[str]:
    steps = [*provider_steps(made.provider), _MAP]
    numbered = [
        line
        for number, step in enumerate(steps, 1)
        for line in (
            f"  {number}. {step.text}",
            *(f"       {field} = {value}" for field, value in step.fields),
        )
    ]
    last = _RESUME.format(name=printable(made.name)) if made.paused else _RUNNING
    return ["", "The token is shown only now. Next:", *numbered, *last.split("\n")]


_MAP = ProviderStep("calscim mapping add --group NAME --team TEAM --mode MODE, then calscim plan")

_RUNNING = """\
Everyone who is assigned in the identity provider gets an account in Cal.com right away. To see
the plan first: calscim directory pause now, or --paused when you create a directory."""

_RESUME = """\
The directory is paused: calscim changes nothing in Cal.com, whatever the identity provider pushes.
Once calscim plan shows what you want: calscim directory resume "{name}"."""


async def _list(command: Command) -> None:
    settings = command.settings()
    async with opened(settings) as db:
        found = await admin.directories(db)
    shown = table(
        ("id", "name", "organization", "provider", "users#", "groups#", "journal#", "state"),
        (
            (
                row.id,
                row.name,
                row.organization,
                row.provider,
                row.users,
                row.groups,
                row.journal_seq,
                state(row),
            )
            for row in found
        ),
    )
    value = [directory_view(settings, row) for row in found]
    command.output.data(
        value, shown if found else "no directory yet: see `calscim directory create`"
    )


async def _show(command: Command) -> None:
    settings = command.settings()
    async with opened(settings) as db:
        found = await admin.find_directory(db, command.arguments.directory)
    view = directory_view(settings, found)
    command.output.data(view, record(view))


async def _pause(command: Command) -> None:
    async with opened(command.settings()) as db:
        await pause(command, db, await _target(command, db))


async def _resume(command: Command) -> None:
    async with opened(command.settings()) as db:
        await resume(command, db, await _target(command, db))


async def _target(command: Command, db: Database) -> Target:
    found = await admin.find_directory(db, command.arguments.directory)
    return Target(found.organization, "directory", found.id, found.id, found.name)


async def _set(command: Command) -> None:
    settings, stored = command.settings(), command.arguments.rate
    async with opened(settings) as db:
        found = await admin.find_directory(db, command.arguments.directory)
        if not command.arguments.dry_run:
            await admin.set_rate(db, command.editor(), found, stored)
    value = DirectoryRate(
        found.id, found.name, rate_shown(stored), saved=not command.arguments.dry_run
    )
    limit = {
        None: "as many requests a second as scim.requests_per_second allows",
        NONE: "any number of requests",
    }
    said = limit.get(stored, f"{stored} requests a second")
    if command.arguments.dry_run:
        said = f"{found.name} could send {said}; nothing was saved"
    else:
        said = f"{found.name} may send {said}; daemons apply this within {EVERY:.0f} s"
    command.output.data(value, said)


async def _delete(command: Command) -> None:
    settings = command.settings()
    async with opened(settings) as db:
        found = await admin.find_directory(db, command.arguments.directory)
        valid = [token for token in await admin.tokens(db, found) if token.state == "valid"]
        await confirm(
            command,
            f"This deletes the directory {found.name}: it revokes {counted(len(valid), 'token')} at once, and stops "
            f"syncing {counted(found.users, 'user')} and {counted(found.groups, 'group')}. Cal.com stays as it is.",
        )
        revoked = await admin.delete_directory(db, command.editor(), found)
    value = DeletedDirectory(found.id, found.name, revoked)
    command.output.data(
        value,
        f"{found.name} is deleted and {counted(revoked, 'token')} revoked; Cal.com and the journal stay as they are",
    )
