"""Records the progress of a long pass for `calscim status` and the log."""

from dataclasses import dataclass, field

import structlog

from calscim.calcom.rate_budget import Budget
from calscim.clock import Clock
from calscim.postgres.pool import Database
from calscim.reconciler.state import passes

log = structlog.get_logger()

SAVE_EVERY = 2.0  # seconds
TELL_EVERY = 30.0


@dataclass(slots=True)
class Progress:
    """The progress of one pass. ``before``: changes that interrupted passes have made of the same work."""

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
        self._saved = self._began - SAVE_EVERY  # save at once, to show the total

    async def come_to(self, done: int, of: int) -> None:
        """Record that this pass has attempted ``done`` of its changes."""
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
        await passes.store_progress(self.db, self.pass_id, {"progress": progress})
        if now - self._told >= TELL_EVERY:
            self._told = now
            log.info(
                "reconcile.progress",
                organization=self.organization,
                pass_id=self.pass_id,
                **progress,
            )

    def seconds_left(self, now: float, changes: int) -> int:
        """Estimate the seconds left from the rate limit, or from the speed so far if that is slower."""
        if not changes:
            return 0
        so_far = changes * (now - self._began) / self.done if self.done else 0.0
        return round(max(self.budget.estimate(now, changes), so_far))
