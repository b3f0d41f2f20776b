"""How far a long pass has come, for `calscim status` and the log."""

from dataclasses import dataclass, field

import structlog

from calscim.calcom.rate_budget import Budget
from calscim.clock import Clock
from calscim.postgres.pool import Database
from calscim.reconciler.state import runs

log = structlog.get_logger()

SAVE_EVERY = 2.0  # seconds
TELL_EVERY = 30.0


@dataclass(slots=True)
class Progress:
    """Of one pass's changes. ``before``: what passes that made room for a push have done of the same work."""

    db: Database
    organization: str
    pass_id: int
    budget: Budget
    clock: Clock
    before: int = 0
    done: int = 0
    _began: float = field(init=False)
    _saved: float = field(init=False)
    _told: float = field(init=False)

    def __post_init__(self) -> None:
        self._began = self._told = self.clock.monotonic()
        self._saved = self._began - SAVE_EVERY  # a first sign at once: it says how much there is

    async def come_to(self, done: int, of: int) -> None:
        """So many of this pass's changes were attempted."""
        self.done = done
        now = self.clock.monotonic()
        if now - self._saved < SAVE_EVERY:
            return
        self._saved = now
        left = self.seconds_left(now, of - done)
        progress = {
            "done": self.before + done,
            "of": self.before + of,
            "seconds_left": left,
        }
        await runs.progress(self.db, self.pass_id, {"progress": progress})
        if now - self._told >= TELL_EVERY:
            self._told = now
            log.info(
                "reconcile.progress",
                organization=self.organization,
                pass_id=self.pass_id,
                **progress,
            )

    def seconds_left(self, now: float, changes: int) -> int:
        """By the rate limit, or by how fast it went so far where that is slower."""
        if not changes:
            return 0
        so_far = changes * (now - self._began) / self.done if self.done else 0.0
        return round(max(self.budget.estimate(now, changes), so_far))
