"""Bearer tokens of a directory: several at a time, so that one can follow another without a gap."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from calscim.errors import UsageError
from calscim.store.admin import names
from calscim.store.admin.directories import Directory
from calscim.store.admin.edits import Editor, transaction
from calscim.store.pool import Database
from calscim.store.sql import sql


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token; the token itself only its holder knows. ``state``: valid, expired, revoked."""

    id: int
    name: str
    directory_id: str
    directory: str
    organization: str
    state: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


def digest(token: str) -> bytes:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).digest()


async def create_token(
    db: Database, editor: Editor, directory: Directory, *, name: str, seconds: float | None = None
) -> tuple[Token, str]:
    """The token's row, and the token: it is not to be had again. ``seconds`` until it expires."""
    name = names.clean("a token", name)
    token = secrets.token_urlsafe(32)
    async with transaction(db) as connection:
        row = await connection.fetchrow(
            sql("admin.create_token"), directory.id, name, digest(token), seconds
        )
        assert row is not None, "an insert returns its row"
        edit = {
            "id": row["id"],
            "directory": directory.id,
            "name": name,
            "expires_at": row["expires_at"],
        }
        resource = ("Token", str(row["id"]))
        await editor.write(connection, directory.organization, "token.create", resource, edit)
    made = Token(
        **row, directory=directory.name, organization=directory.organization, state="valid"
    )
    return made, token


async def tokens(db: Database, directory: Directory | None = None) -> list[Token]:
    """Also those that are revoked or expired."""
    rows = await db.fetch(sql("admin.tokens"), directory.id if directory else None)
    return [Token(**row) for row in rows]


async def find_token(db: Database, wanted: str, directory: Directory | None = None) -> Token:
    """By number, or by the name of one that is not revoked. UsageError when that is not exactly one."""
    every = await tokens(db, directory)
    found = [row for row in every if wanted == str(row.id)] or [
        row for row in every if row.name == wanted and row.state != "revoked"
    ]
    if len(found) == 1:
        return found[0]
    if found:
        numbers = ", ".join(str(row.id) for row in found)
        raise UsageError(
            f"{len(found)} tokens are called {wanted!r}: give the number of one ({numbers})"
        )
    raise UsageError(
        names.missing("token", wanted, (row.name for row in every), "see `calscim token list`")
    )


async def revoke_token(db: Database, editor: Editor, token: Token) -> bool:
    """From the next request on it is refused. False when it was revoked before."""
    async with transaction(db) as connection:
        if await connection.fetchval(sql("admin.revoke_token"), token.id) is None:
            return False
        edit = {"id": token.id, "directory": token.directory_id, "name": token.name}
        resource = ("Token", str(token.id))
        await editor.write(connection, token.organization, "token.revoke", resource, edit)
    return True
