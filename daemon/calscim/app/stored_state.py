"""Reads from Postgres what the metrics show. Every daemon on the same database reads the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from calscim.admin.notifications import ChannelStatus, channel_status
from calscim.notify.conditions import LEAST_REQUESTS, LEAST_SILENCE
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql

REASONS = ("key_refused", "rate_limit", "unreachable")
_REASON_BY_KIND = {"auth": "key_refused", "throttled": "rate_limit"}


@dataclass(frozen=True, slots=True)
class OrganizationState:
    """What waits in one organization. ``outage``: one of ``REASONS`` if Cal.com did not serve the last pass.

    ``pending``: the changes that the last pass left to make.
    """

    name: str
    held_sets: int
    held_actions: int
    parked_actions: int
    parked_since: datetime | None
    last_complete: datetime | None
    waiting_people: int
    waiting_mappings: int
    outage: str | None = None
    failing_passes: int = 0
    pending: int = 0


@dataclass(frozen=True, slots=True)
class DirectoryState:
    """One directory. ``paused_since``: of its own pause or its organization's, whichever is older."""

    id: str
    name: str
    organization: str
    provider: str
    paused_since: datetime | None
    last_request: datetime | None
    valid_tokens: int


@dataclass(frozen=True, slots=True)
class StoredState:
    """Everything that one reading finds."""

    organizations: Sequence[OrganizationState] = ()
    directories: Sequence[DirectoryState] = ()
    channels: Sequence[ChannelStatus] = ()


@dataclass(frozen=True, slots=True)
class StateReader:
    """Reads what the metrics show. ``organizations`` and ``channels``: the names in the configuration."""

    db: Database
    organizations: Sequence[str]
    channels: Sequence[str] = field(default=())

    async def read(self) -> StoredState:
        """Return the present state. Raise StoreError or a PostgresError if the database does not answer."""
        names = list(self.organizations)
        passes = {row["organization"]: row for row in await self.db.fetch(_PASSES, names)}
        organizations = []
        for row in await self.db.fetch(sql("metrics.list_organizations"), names):
            last = passes.get(row["name"])
            outage = None
            if last is not None and last["unreachable"] is not None:
                outage = _REASON_BY_KIND.get(last["unreachable_kind"] or "", "unreachable")
            failing, pending = (0, 0) if last is None else (last["failing"], last["pending"])
            organizations.append(
                OrganizationState(**row, outage=outage, failing_passes=failing, pending=pending)
            )
        return StoredState(
            organizations,
            [DirectoryState(**row) for row in await self.db.fetch(_DIRECTORIES)],
            await channel_status(self.db, self.channels) if self.channels else (),
        )

    async def read_silence_limits(self) -> Mapping[str, float]:
        """Return the seconds without a request after which each directory counts as silent.

        A directory with few requests so far has no limit.
        """
        rows = await self.db.fetch(
            sql("metrics.list_silence_limits"), LEAST_REQUESTS, LEAST_SILENCE
        )
        return {row["id"]: row["seconds"] for row in rows}


_PASSES = sql("notify.list_passes")
_DIRECTORIES = sql("metrics.list_directories")
