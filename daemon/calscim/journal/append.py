"""What a request leaves in its directory's journal besides the changes, which write their own rows."""

from dataclasses import dataclass
from datetime import datetime

from calscim.encryption import NOTHING, Sealed
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql


@dataclass(frozen=True, slots=True)
class Origin:
    """What a journal row says of the request behind a change. ``body`` carries no password any more.

    One of them a request, however often it is tried: sealed anew, the body would be another to ``outcome``.
    """

    stream: str  # the directory's id
    request_id: str
    method: str = ""
    path: str = ""
    remote: str = ""
    token_id: int | None = None
    body: Sealed = NOTHING
    kind: str = "scim"

    def arguments(self) -> tuple[object, ...]:
        """In the order of the type calscim.request_origin."""
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
    """Record a change that was asked for and not made; return the row's seq.

    None, and no row, if the token of the request is no longer valid.
    """
    stream, _, *rest = origin.arguments()
    seq = await db.fetchval(
        sql("changes.append_refused"), stream, "refused", *rest, status, resource_type, resource_id
    )
    return None if seq is None else int(seq)


async def outcome(db: Database, origin: Origin, since: datetime) -> Outcome | None:
    """Whether a request was committed whose connection was lost while it was under way.

    Waits for a transaction that still runs, so that the answer is final.
    """
    row = await db.fetchrow(
        sql("changes.find_outcome"), origin.stream, origin.request_id, origin.body, since
    )
    return None if row is None else Outcome(**row)
