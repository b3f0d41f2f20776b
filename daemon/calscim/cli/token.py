"""calscim token: the bearer tokens of a directory."""

import math

from calscim import admin
from calscim.admin.directories import only_directory
from calscim.cli.call import Call, a_duration
from calscim.cli.database import opened
from calscim.cli.output import fields, table
from calscim.cli.verbs import Verbs
from calscim.config import Settings

# The old token stays valid for a day: time to put the new one into the identity provider and to see it used.
OVERLAP = 86400.0


def register(verbs: Verbs) -> None:
    nouns = verbs.group("token")
    create = nouns.add("create", _create, "one more token; shown only now")
    create.add_argument("--name", default="token", help="what you call it (default: token)")
    create.add_argument(
        "--scope",
        choices=admin.TOKEN_SCOPES,
        default="write",
        help="read: GET and searches only, enough for an import; write: everything (default)",
    )
    rotate = nouns.add(
        "rotate", _rotate, "a new token; the old one ends after the overlap; shown only now"
    )
    rotate.add_argument(
        "--overlap",
        type=a_duration,
        default=OVERLAP,
        metavar="24h",
        help="how long the old token stays valid (default: 24h; 0s ends it at once)",
    )
    rotate.add_argument(
        "--token", metavar="TOKEN", help="number or name of the old one, where there are several"
    )
    for parser in (create, rotate):
        parser.add_argument(
            "--expires",
            type=a_lifetime,
            metavar="90d",
            help="so long from now, or never (default: tokens.lifetime)",
        )
    listing = nouns.add("list", _list, "every token, never the token itself")
    revoke = nouns.add("revoke", _revoke, "refuse a token from the next request on")
    revoke.add_argument("token", metavar="TOKEN", help="number or name")
    for parser in (create, rotate, listing):
        parser.add_argument("where", metavar="DIRECTORY", nargs="?", help="id or name")
    for parser in (create, rotate, listing, revoke):
        parser.add_argument("--directory", metavar="D", help="id or name")


def a_lifetime(text: str) -> float:
    """The type of ``--expires``: seconds, infinite for ``never``."""
    return math.inf if text == "never" else a_duration(text)


def lifetime(settings: Settings, *given: float | None) -> float | None:
    """Return the first lifetime that is given, else tokens.lifetime; None for a token that never expires."""
    chosen = next((one for one in given if one is not None), settings.tokens.lifetime)
    return None if chosen is None or math.isinf(chosen) else chosen


async def _create(call: Call) -> None:
    settings = call.settings()
    async with opened(settings) as db:
        wanted = call.arguments.directory or call.arguments.where
        directory = await only_directory(db, wanted)
        made, token = await admin.create_token(
            db,
            call.editor(),
            directory,
            name=call.arguments.name,
            seconds=lifetime(settings, call.arguments.expires),
            scope=call.arguments.scope,
        )
    value = {
        "id": made.id,
        "name": made.name,
        "directory": made.directory,
        "scope": made.scope,
        "expires_at": made.expires_at,
        "token": token,
    }
    call.output.data(value, fields((name.replace("_", " "), text) for name, text in value.items()))
    call.output.say("The token is shown only now.")


async def _rotate(call: Call) -> None:
    """Without --expires the new token lives as long as the old one was made for."""
    settings = call.settings()
    async with opened(settings) as db:
        wanted = call.arguments.directory or call.arguments.where
        directory = await only_directory(db, wanted)
        old = await admin.token_to_rotate(db, directory, call.arguments.token)
        made, token, ends = await admin.rotate_token(
            db,
            call.editor(),
            directory,
            old,
            overlap=call.arguments.overlap,
            seconds=lifetime(settings, call.arguments.expires, old.lifetime),
        )
    value = {
        "id": made.id,
        "name": made.name,
        "directory": made.directory,
        "scope": made.scope,
        "expires_at": made.expires_at,
        "replaces": old.id,
        "replaced_expires_at": ends,
        "token": token,
    }
    call.output.data(value, fields((name.replace("_", " "), text) for name, text in value.items()))
    call.output.say(
        f"The token is shown only now. Put it into the identity provider before token {old.id} ends; "
        f"`calscim token list {directory.name}` shows when each was last used."
    )


async def _list(call: Call) -> None:
    async with opened(call.settings()) as db:
        wanted = call.arguments.directory or call.arguments.where
        directory = await admin.find_directory(db, wanted) if wanted else None
        found = await admin.tokens(db, directory)
    value = [
        {
            "id": row.id,
            "name": row.name,
            "directory": row.directory,
            "scope": row.scope,
            "state": row.state,
            "created_at": row.created_at,
            "expires_at": row.expires_at,
            "revoked_at": row.revoked_at,
            "last_used_at": row.last_used_at,
            "replaced_by": row.replaced_by,
        }
        for row in found
    ]
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
    call.output.data(value, shown if found else "no token yet: see `calscim token create`")


async def _revoke(call: Call) -> None:
    async with opened(call.settings()) as db:
        wanted = call.arguments.directory
        directory = await admin.find_directory(db, wanted) if wanted else None
        token = await admin.find_token(db, call.arguments.token, directory)
        now = await admin.revoke_token(db, call.editor(), token)
    value = {"id": token.id, "name": token.name, "directory": token.directory, "revoked": True}
    said = "is revoked" if now else "was revoked before"
    call.output.data(value, f"token {token.id} ({token.name}) of {token.directory} {said}")
