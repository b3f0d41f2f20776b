"""calscim token: manage the bearer tokens of directories."""

import math
from datetime import datetime, timedelta

from calscim import admin
from calscim.admin.directories import only_directory
from calscim.admin.directory_views import CreatedToken, RevokedToken, RotationPreview
from calscim.admin.organizations import find_organization
from calscim.cli.command import Command
from calscim.cli.confirmation import confirm, yes_option
from calscim.cli.database import opened
from calscim.cli.output import record, table
from calscim.cli.places import chosen_directory
from calscim.cli.times import a_duration
from calscim.cli.verbs import Verbs
from calscim.clock import SystemClock
from calscim.config import Settings
from calscim.errors import UsageError
from calscim.wording import moment

# The old token stays valid for a day: time to put the new one into the identity provider and to see it used.
OVERLAP = 86400.0


def register(verbs: Verbs) -> None:
    nouns = verbs.group("token")
    create = nouns.add(
        "create",
        _create,
        "create a token, and show it once",
        examples=(
            "calscim token create Okta --expires 90d",
            "calscim token create Okta --name import --scope read",
            "calscim token create --events",
        ),
    )
    create.add_argument("--name", default="token", help="a name of your choice (default: token)")
    kind = create.add_mutually_exclusive_group()
    kind.add_argument(
        "--events",
        action="store_true",
        help="a token that only reads the change feed of the organization, /v1/events",
    )
    create.add_argument(
        "--organization", metavar="ORG", help="with --events: needed if there are several"
    )
    kind.add_argument(
        "--scope",
        choices=admin.TOKEN_SCOPES,
        default="write",
        help="read: GET and searches only, enough for an import; write: everything (default)",
    )
    rotate = nouns.add(
        "rotate",
        _rotate,
        "replace a token; the old one stays valid for the overlap",
        examples=(
            "calscim token rotate Okta --overlap 24h",
            "calscim token rotate Okta --token first --expires 180d",
        ),
    )
    rotate.add_argument(
        "--overlap",
        type=a_duration,
        default=OVERLAP,
        metavar="24h",
        help="how long the old token stays valid (default: 24h; 0s ends it at once)",
    )
    rotate.add_argument(
        "--token", metavar="TOKEN", help="id or name of the old token; needed if there are several"
    )
    rotate.add_argument(
        "--dry-run", action="store_true", help="say which token would be replaced; create nothing"
    )
    for parser in (create, rotate):
        parser.add_argument(
            "--expires",
            type=a_lifetime,
            metavar="90d",
            help="how long the token is valid, or never (default: tokens.lifetime)",
        )
    listing = nouns.add(
        "list",
        _list,
        "list the tokens; the secret itself is never shown",
        examples=("calscim token list", "calscim token list Okta"),
    )
    revoke = nouns.add(
        "revoke",
        _revoke,
        "revoke a token; requests with it are refused at once",
        examples=("calscim token revoke 3", "calscim token revoke first --directory Okta"),
    )
    revoke.add_argument("token", metavar="TOKEN", help="id or name")
    yes_option(revoke)
    for parser in (create, rotate, listing):
        parser.add_argument("where", metavar="DIRECTORY", nargs="?", help="id or name")
    for parser in (create, rotate, listing, revoke):
        parser.add_argument("--directory", metavar="D", help="id or name")


def a_lifetime(text: str) -> float:
    """Read ``--expires``: seconds, infinite for ``never``."""
    return math.inf if text == "never" else a_duration(text)


def lifetime(settings: Settings, *given: float | None) -> float | None:
    """Return the first lifetime that is given, else tokens.lifetime; None for a token that never expires."""
    chosen = next((one for one in given if one is not None), settings.tokens.lifetime)
    return None if chosen is None or math.isinf(chosen) else chosen


async def _create(command: Command) -> None:
    settings, arguments = command.settings(), command.arguments
    wanted = arguments.directory or arguments.where
    if arguments.events and wanted is not None:
        raise UsageError(
            f"a token for the change feed belongs to no directory: leave {wanted!r} or --events out"
        )
    if arguments.organization is not None and not arguments.events:
        raise UsageError("--organization needs --events: a directory has its organization")
    seconds = lifetime(settings, arguments.expires)
    async with opened(settings) as db:
        if arguments.events:
            organization = find_organization(settings, arguments.organization)
            made, token = await admin.create_events_token(
                db, command.editor(), organization.name, name=arguments.name, seconds=seconds
            )
        else:
            made, token = await admin.create_token(
                db,
                command.editor(),
                await only_directory(db, wanted),
                name=arguments.name,
                seconds=seconds,
                scope=arguments.scope,
            )
    created = CreatedToken(made.id, made.name, made.directory, made.scope, made.expires_at, token)
    command.output.data(created, record(created))
    command.output.say("The token is shown only now.")


async def _rotate(command: Command) -> None:
    """Replace a token. Without --expires, the new token has the lifetime of the old one."""
    settings = command.settings()
    async with opened(settings) as db:
        wanted = command.arguments.directory or command.arguments.where
        directory = await only_directory(db, wanted)
        old = await admin.token_to_rotate(db, directory, command.arguments.token)
        if command.arguments.dry_run:
            ends = SystemClock().now() + timedelta(seconds=command.arguments.overlap)
            _preview_rotation(command, old, min(filter(None, (ends, old.expires_at))))
            return
        made, token, ends = await admin.rotate_token(
            db,
            command.editor(),
            directory,
            old,
            overlap=command.arguments.overlap,
            seconds=lifetime(settings, command.arguments.expires, old.lifetime),
        )
    created = CreatedToken(
        made.id, made.name, made.directory, made.scope, made.expires_at, token, old.id, ends
    )
    command.output.data(created, record(created))
    command.output.say(
        f"The token is shown only now. Put it into the identity provider before token {old.id} ends; "
        f"`calscim token list {directory.name}` shows when each was last used."
    )


def _preview_rotation(command: Command, old: admin.Token, ends: datetime) -> None:
    value = RotationPreview(old.directory, old.id, ends)
    command.output.data(
        value,
        f"a new token would replace token {old.id} ({old.name}) of {old.directory}, which would end at {moment(ends)}; "
        "nothing was created",
    )


async def _list(command: Command) -> None:
    async with opened(command.settings()) as db:
        wanted = command.arguments.directory or command.arguments.where
        directory = await admin.find_directory(db, wanted) if wanted else None
        found = await admin.tokens(db, directory)
    shown = table(
        ("id#", "name", "directory", "scope", "state", "created", "expires", "last used"),
        (
            (
                row.id,
                row.name,
                row.directory,
                row.scope,
                row.state,
                row.created_at,
                row.expires_at,
                row.last_used_at or "never",
            )
            for row in found
        ),
    )
    command.output.data(
        found, shown if found else "no token yet: see `calscim token create --help`"
    )


async def _revoke(command: Command) -> None:
    async with opened(command.settings()) as db:
        directory = await chosen_directory(db, command)
        token = await admin.find_token(db, command.arguments.token, directory)
        if token.state == "valid":
            used = (
                f"last used at {moment(token.last_used_at)}" if token.last_used_at else "never used"
            )
            await confirm(
                command,
                f"This revokes token {token.id} ({token.name}) of {token.owner}, {used}: requests with it are "
                "refused at once.",
            )
        now = await admin.revoke_token(db, command.editor(), token)
    value = RevokedToken(token.id, token.name, token.directory)
    said = "is revoked" if now else "was already revoked"
    command.output.data(value, f"token {token.id} ({token.name}) of {token.owner} {said}")
