"""Journal rows of refused changes, and the outcome of a request whose connection was lost.

Changes append their own rows (directory/writes).
"""

from dataclasses import dataclass
from datetime import datetime

from calscim.encryption import NOTHING, StoredBody
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql


@dataclass(frozen=True, slots=True)
class Origin:
    """The request behind a change, as a journal row stores it. ``body`` contains no password.

    Retries of a request share one Origin: if the body were encrypted again, ``find_outcome`` would not recognize it.
    """

    stream: str  # the directory's id
    request_id: str
    method: str = ""
    path: str = ""
    remote: str = ""
    token_id: int | None = None
    body: StoredBody = NOTHING
    kind: str = "scim"
    traceparent: str | None = None  # the span of the request, outside the hash chain

    def arguments(self) -> tuple[object, ...]:
        """Return the fields in the order of the type calscim.request_origin."""
        return (
            self.stream,
            self.kind,
            self.request_id,
            self.method,
            self.path,
            self.remote,
            self.token_id,
            self.body,
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    status: int
    seq: int
    resource_type: str
    resource_id: str


async def refuse(
    db: Database, origin: Origin, status: int, resource_type: str, resource_id: str
) -> int | None:
    """Append the row of a refused change and return its sequence number.

    Return None, without a row, if the token of the request is no longer valid.
    """
    stream, _, *rest = origin.arguments()
    seq = await db.fetchval(
        sql("changes.append_refused"),
        stream,
        "refused",
        *rest,
        status,
        resource_type,
        resource_id,
        origin.traceparent,
    )
    return None if seq is None else int(seq)


async def outcome(db: Database, origin: Origin, since: datetime) -> Outcome | None:
    """Return the outcome of a request whose connection was lost, or None if it was not committed.

    Waits until the transaction of the request has ended, so that the answer is final.
    """
    row = await db.fetchrow(
        sql("changes.find_outcome"), origin.stream, origin.request_id, origin.body, since
    )
    return None if row is None else Outcome(**row)
