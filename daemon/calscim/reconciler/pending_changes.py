"""Reports changes that wait: in the metrics, in ``calscim status``, and in one warning for each cause."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from calscim.clock import Clock
from calscim.errors import RemoteKind
from calscim.postgres.pool import Database
from calscim.reconciler.backoff import Notice
from calscim.reconciler.metrics import Metrics
from calscim.reconciler.state import passes

log = structlog.get_logger()


@dataclass(slots=True)
class PendingChanges:
    """The unprocessed pushes of one organization. ``oldest``: the time of the first of them."""

    db: Database
    organization: str
    clock: Clock
    metrics: Metrics
    oldest: datetime | None = None
    count: int = 0
    _carried: int = 0  # of these, pushes that the next pass tries again
    _unreachable: Notice = field(default_factory=Notice)
    _delayed: Notice = field(default_factory=Notice)

    async def count_all(self) -> None:
        """Count the unprocessed pushes, also while no pass can run."""
        self.count_pushes(*await passes.count_pending(self.db, self.organization))

    def count_pushes(self, pushes: int, oldest: datetime | None) -> None:
        """Count so many new pushes. ``oldest``: the time of the first one, or None without pushes."""
        if oldest is None:
            return
        self.oldest = oldest if self.oldest is None else min(self.oldest, oldest)
        self.count = self._carried + pushes
        self.metrics.pending(self.organization, self.oldest)

    def note_unreachable(self, kind: RemoteKind, reason: str) -> None:
        """Log that Cal.com is unreachable or refuses the key."""
        is_news = self._unreachable.is_news(kind.value, self.clock.monotonic())
        say = log.error if is_news else log.debug
        say(
            "reconcile.unreachable",
            organization=self.organization,
            kind=kind.value,
            reason=reason,
        )

    def note_reachable(self) -> None:
        """Log that Cal.com answers again, if the outage was logged."""
        if self._unreachable.end():
            log.info("reconcile.recovered", organization=self.organization)

    async def note_unread(self, unread: tuple[str, ...], seconds: float) -> None:
        """Log and store that a pass could not read what it needed. ``seconds``: until the next try."""
        await self.carry(seconds)
        objects = "; ".join(sorted(reason.partition(": ")[0] for reason in unread))
        if self._delayed.is_news(objects, self.clock.monotonic()):
            log.warning(
                "reconcile.delayed",
                organization=self.organization,
                unread=list(unread),
                changes=self.count,
                next_try_seconds=round(seconds),
            )

    async def carry(self, seconds: float) -> None:
        """Keep the changes for the next try, and store when it is."""
        self._carried = self.count
        await self.store_next_try(seconds)

    async def store_next_try(self, seconds: float) -> None:
        """Store how many seconds are left until the next try, for ``calscim status``."""
        next_try = self.clock.now() + timedelta(seconds=seconds)
        await passes.store_retry(
            self.db,
            self.organization,
            {
                "next_try": next_try.isoformat(),
                "since": None if self.oldest is None else self.oldest.isoformat(),
                "changes": self.count,
            },
        )

    def note_processed(self, *, is_everything_done: bool) -> None:
        """Log that no change waits for another try, if a delay was logged."""
        if self._delayed.end():
            log.info("reconcile.caught_up", organization=self.organization)
        self._carried = 0
        if is_everything_done:
            self.oldest, self.count = None, 0
            self.metrics.pending(self.organization, None)
