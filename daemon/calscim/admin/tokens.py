"""Create, rotate, revoke, and list the bearer tokens of directories.

A directory can have several tokens, so that a new one can replace an old one without a gap. The scope of a token never
changes: ``read`` allows GET and searches, ``write`` allows everything. A rotation creates a token and lets the old one
expire after an overlap, in one transaction.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from calscim.admin import names
from calscim.admin.as_json import INTERNAL
from calscim.admin.directories import Directory
from calscim.errors import UsageError
from calscim.journal.audit import Editor, transaction
from calscim.postgres.pool import Connection, Database
from calscim.postgres.queries import sql

TokenScope: TypeAlias = Literal["read", "write", "events"]
TOKEN_SCOPES: tuple[TokenScope, ...] = ("read", "write")  # of a directory


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token without its secret. ``state``: valid, expired, revoked.

    A token of the scope ``events`` reads the change feed of its organization and belongs to no directory.
    """

    id: int
    name: str
    directory: str | None
    scope: TokenScope = "write"
    state: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = None  # up to a minute late: daemons record uses in batches
    replaced_by: int | None = None  # the token that a rotation created
    directory_id: str | None = field(metadata=INTERNAL)
    organization: str = field(metadata=INTERNAL)

    @property
    def owner(self) -> str:
        """Return what the token belongs to, for a sentence: its directory, or its organization's change feed."""
        return self.directory or f"the change feed of {self.organization}"

    @property
    def lifetime(self) -> float | None:
        """Return the seconds from creation to expiry; None if the token does not expire."""
        if self.expires_at is None:
            return None
        return (self.expires_at - self.created_at).total_seconds()


def digest(token: str) -> bytes:
    """Return the digest of a token, which is all that the database stores."""
    return hashlib.sha256(token.encode()).digest()


async def create_token(
    db: Database,
    editor: Editor,
    directory: Directory,
    *,
    name: str,
    seconds: float | None = None,
    scope: TokenScope = "write",
) -> tuple[Token, str]:
    """Create a token. Return its row, and its secret, which cannot be read again. ``seconds``: until it expires."""
    return await _create(db, editor, directory, name, seconds, scope)


async def create_events_token(
    db: Database, editor: Editor, organization: str, *, name: str, seconds: float | None = None
) -> tuple[Token, str]:
    """Create a token that reads the change feed of an organization. Return and ``seconds``: as in create_token."""
    return await _create(db, editor, organization, name, seconds, "events")


async def _create(
    db: Database,
    editor: Editor,
    of: Directory | str,
    name: str,
    seconds: float | None,
    scope: TokenScope,
) -> tuple[Token, str]:
    name = names.clean("a token", name)
    async with transaction(db) as connection:
        made, token = await _insert(connection, of, name, seconds, scope)
        resource = ("Token", str(made.id))
        await editor.write(connection, made.organization, "token.create", resource, _edit(made))
    return made, token


async def rotate_token(
    db: Database,
    editor: Editor,
    directory: Directory,
    old: Token,
    *,
    overlap: float,
    seconds: float | None = None,
) -> tuple[Token, str, datetime]:
    """Replace ``old`` with a new token of the same name and scope; ``old`` expires after ``overlap`` seconds.

    Return the new row, the new secret, and when the old token expires. Raise UsageError if the old token is no longer
    valid, or was rotated before.
    """
    async with transaction(db) as connection:
        made, token = await _insert(connection, directory, old.name, seconds, old.scope)
        ends = await connection.fetchval(sql("tokens.replace"), old.id, made.id, overlap)
        if ends is None:
            raise UsageError(
                f"token {old.id} ({old.name}) has been revoked, has expired or has been rotated: "
                "see `calscim token list`"
            )
        edit = {**_edit(made), "replaces": old.id, "replaced_expires_at": ends}
        resource = ("Token", str(made.id))
        await editor.write(connection, directory.organization, "token.rotate", resource, edit)
    return made, token, ends


async def _insert(
    connection: Connection,
    of: Directory | str,
    name: str,
    seconds: float | None,
    scope: TokenScope,
) -> tuple[Token, str]:
    """Insert a token of a directory, or of the change feed of the organization with that name."""
    token = secrets.token_urlsafe(32)
    target = (None, of) if isinstance(of, str) else (of.id, None)
    row = await connection.fetchrow(
        sql("tokens.create"), *target, name, digest(token), seconds, scope
    )
    assert row is not None, "an insert returns its row"
    directory, organization = (None, of) if isinstance(of, str) else (of.name, of.organization)
    return Token(**row, directory=directory, organization=organization, state="valid"), token


def _edit(made: Token) -> dict[str, Any]:
    return {
        "id": made.id,
        "directory": made.directory_id,
        "name": made.name,
        "expires_at": made.expires_at,
        "scope": made.scope,
    }


async def tokens(db: "Database | Connection", directory: Directory | None = None) -> list[Token]:
    """Return the tokens of a directory, or of all, including revoked and expired ones."""
    rows = await db.fetch(sql("tokens.list"), directory.id if directory else None)
    return [Token(**row) for row in rows]


async def token_to_rotate(db: Database, directory: Directory, wanted: str | None) -> Token:
    """Return the named token, or the directory's only valid token that was not rotated.

    Raise UsageError if that is not exactly one.
    """
    rotatable = [token for token in await tokens(db, directory) if _may_rotate(token)]
    if wanted is not None:
        return _chosen(wanted, rotatable)
    if len(rotatable) == 1:
        return rotatable[0]
    if not rotatable:
        raise UsageError(
            f"{directory.name} has no valid token to rotate: create one with "
            f"`calscim token create {directory.name}`"
        )
    listed = ", ".join(f"{token.id} ({token.name})" for token in rotatable)
    raise UsageError(f"{directory.name} has several tokens, {listed}: name one with --token")


def _may_rotate(token: Token) -> bool:
    return token.state == "valid" and token.replaced_by is None


async def find_token(db: Database, wanted: str, directory: Directory | None = None) -> Token:
    """Return the token with that number or name. Raise UsageError if that is not exactly one.

    A revoked token is found only by its number.
    """
    return _chosen(wanted, await tokens(db, directory))


def _chosen(wanted: str, every: list[Token]) -> Token:
    found = [row for row in every if wanted == str(row.id)] or [
        row for row in every if row.name == wanted and row.state != "revoked"
    ]
    if len(found) == 1:
        return found[0]
    if found:
        numbers = ", ".join(str(row.id) for row in found)
        raise UsageError(
            f"{len(found)} tokens are called {wanted!r}: type the id of one ({numbers})"
        )
    raise UsageError(
        names.missing("token", wanted, (row.name for row in every), "see `calscim token list`")
    )


async def revoke_token(db: Database, editor: Editor, token: Token) -> bool:
    """Revoke a token: daemons refuse it from the next request on. Return False if it was revoked before."""
    async with transaction(db) as connection:
        if await connection.fetchval(sql("tokens.revoke"), token.id) is None:
            return False
        edit = {"id": token.id, "directory": token.directory_id, "name": token.name}
        resource = ("Token", str(token.id))
        await editor.write(connection, token.organization, "token.revoke", resource, edit)
    return True
