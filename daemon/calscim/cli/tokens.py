"""calscim token: the bearer tokens of a directory."""

from calscim.cli.call import Call, Verbs, a_duration
from calscim.cli.chosen import the_directory
from calscim.cli.database import opened
from calscim.cli.output import fields, table
from calscim.store import admin


def register(verbs: Verbs) -> None:
    nouns = verbs.group("token", "bearer tokens of the directories")
    create = nouns.add("create", _create, "one more token; shown only now")
    create.add_argument("--name", default="token", help="what you call it (default: token)")
    create.add_argument("--expires", type=a_duration, metavar="90d", help="so long from now")
    listing = nouns.add("list", _list, "every token, never the token itself")
    revoke = nouns.add("revoke", _revoke, "refuse a token from the next request on")
    revoke.add_argument("token", metavar="TOKEN", help="number or name")
    for parser in (create, listing):
        parser.add_argument("where", metavar="DIRECTORY", nargs="?", help="id or name")
    for parser in (create, listing, revoke):
        parser.add_argument("--directory", metavar="D", help="id or name")


async def _create(call: Call) -> None:
    async with opened(call.settings()) as db:
        wanted = call.arguments.directory or call.arguments.where
        directory = await the_directory(db, wanted)
        made, token = await admin.create_token(
            db, call.editor(), directory, name=call.arguments.name, seconds=call.arguments.expires
        )
    value = {
        "id": made.id,
        "name": made.name,
        "directory": made.directory,
        "expires_at": made.expires_at,
        "token": token,
    }
    call.output.data(value, fields((name.replace("_", " "), text) for name, text in value.items()))
    call.output.say("The token is shown only now.")


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
            "state": row.state,
            "created_at": row.created_at,
            "expires_at": row.expires_at,
            "revoked_at": row.revoked_at,
        }
        for row in found
    ]
    shown = table(
        ("id#", "name", "directory", "state", "created", "expires"),
        (
            (row.id, row.name, row.directory, row.state, row.created_at, row.expires_at)
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
