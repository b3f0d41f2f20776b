"""One edit: its transaction, its row in the journal, and the pass that it asks for.

An edit that changes what is wanted of Cal.com (a directory, a mapping, the end of a pause) asks for a full pass in
its own transaction, so that the operator sees what came of it without waiting for the periodic pass.
"""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

from calscim.encryption import Cipher
from calscim.postgres.pool import Connection, Database
from calscim.postgres.queries import sql


def _request_id() -> str:
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True)
class Editor:
    """Who edits. ``by`` stands in the journal's remote column; one request id for all of a command's edits.

    ``cipher`` has no default: an edit's body is never stored in the clear by oversight.
    """

    by: str
    cipher: Cipher
    request_id: str = field(default_factory=_request_id)

    @property
    def person(self) -> str:
        """The person in ``by``, whatever account and machine they used: ``ann`` of ``ann via calscim@host``."""
        return self.by.partition(" via ")[0].partition("@")[0]

    async def write(
        self,
        connection: Connection,
        organization: str,
        action: str,
        resource: tuple[str, str],
        edit: dict[str, Any],
    ) -> int:
        """Append the row, inside of the caller's transaction; returns its seq. ``edit`` holds no secret."""
        kind, key = resource
        effect = orjson.dumps({"action": action, **edit})
        body = self.cipher.seal(effect)
        arguments = (organization, self.request_id, action, self.by, kind, key, body, effect)
        return int(await connection.fetchval(sql("journal.append_edit"), *arguments))

    async def write_and_ask(
        self,
        connection: Connection,
        organization: str,
        action: str,
        resource: tuple[str, str],
        edit: dict[str, Any],
    ) -> int:
        """As ``write``, and ask the daemon for a full pass once the transaction is committed."""
        seq = await self.write(connection, organization, action, resource, edit)
        await connection.execute(sql("sync_requests.request_once"), organization)
        return seq


@asynccontextmanager
async def transaction(db: "Database | Connection") -> AsyncIterator[Connection]:
    """All of an edit or nothing of it. A connection: the edit is part of the transaction that it is in."""
    if isinstance(db, Database):
        async with db.connection() as connection, connection.transaction():
            yield connection
    else:
        async with db.transaction():
            yield db
