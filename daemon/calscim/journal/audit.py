"""Operators' edits: the transaction, the journal row, and the request for a full pass.

An edit that changes the desired state (a directory, a mapping, the end of a pause) requests a full pass in its own
transaction, so that the operator sees the effect before the next periodic pass.
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
    """The operator who edits. ``by`` goes into the journal's column remote; all edits of a command share a request id.

    ``cipher`` has no default, so that no body is stored unencrypted by oversight.
    """

    by: str
    cipher: Cipher
    request_id: str = field(default_factory=_request_id)

    @property
    def person(self) -> str:
        """Return the person without account and machine: ``ann`` for ``ann via calscim@host``."""
        return self.by.partition(" via ")[0].partition("@")[0]

    async def write(
        self,
        connection: Connection,
        organization: str,
        action: str,
        resource: tuple[str, str],
        edit: dict[str, Any],
    ) -> int:
        """Append the journal row in the caller's transaction and return its sequence number. ``edit`` has no secret."""
        kind, key = resource
        effect = orjson.dumps({"action": action, **edit})
        body = self.cipher.encrypt(effect)
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
        """Append the row, and request a full pass once the transaction is committed."""
        seq = await self.write(connection, organization, action, resource, edit)
        await connection.execute(sql("sync_requests.request_once"), organization)
        return seq


@asynccontextmanager
async def transaction(db: "Database | Connection") -> AsyncIterator[Connection]:
    """Run an edit in a transaction; on a connection, as part of its present transaction."""
    if isinstance(db, Database):
        async with db.connection() as connection, connection.transaction():
            yield connection
    else:
        async with db.transaction():
            yield db
