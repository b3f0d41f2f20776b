"""Spreads the team reads of a periodic pass over the time before it: one at a time, teams with most drift first.

Reads wait while all calls together have used more than the reads' share of the minute's calls. This module plans
nothing. The pass at the end reads the remaining teams at once.
"""

from collections import Counter, deque
from dataclasses import dataclass, field

from calscim.calcom.rate_budget import Budget
from calscim.calcom.reader import Reader
from calscim.clock import Clock
from calscim.planner.ids import TeamId
from calscim.reconciler.observed_cache import ObservedCache


@dataclass(slots=True)
class PacedReader:
    """Reads teams ahead of a full pass with at most ``share`` of each minute's calls."""

    view: ObservedCache
    reader: Reader
    budget: Budget
    clock: Clock
    share: float
    began: float | None = None  # None: inactive; later reads count for the next pass
    left: deque[TeamId] = field(default_factory=deque)
    drifting: Counter[TeamId] = field(default_factory=Counter)  # drift of the last full pass
    _due: float = 0.0

    @property
    def is_active(self) -> bool:
        return bool(self.left)

    def is_worth_it(self) -> bool:
        """Return True if a full read takes more calls than reads may use in a minute."""
        people = self.view.pages_of_people() + 2  # the API key's user and the names of the teams
        teams = sum(self.view.pages(team) for team in self.view.teams)
        return people + teams > self.share * self.budget.limit

    def begin(self) -> None:
        """Queue all teams: the most drift first, then the oldest read."""
        self.began = self._due = self.clock.monotonic()
        order = sorted(
            self.view.teams.keys() - self.view.gone,
            key=lambda team: (-self.drifting[team], self.view.read_at.get(team, 0.0), team),
        )
        self.left = deque(order)

    def end(self) -> None:
        self.began = None
        self.left.clear()

    def wait(self) -> float:
        """Return the seconds until the next team may be read."""
        if not self.left:
            return 0.0
        return max(self._due - self.clock.monotonic(), self.delay(self.view.pages(self.left[0])))

    def delay(self, calls: int = 1) -> float:
        """Return the seconds until reads may make so many calls."""
        others = round(self.budget.limit * (1 - self.share))
        keep = others + calls - 1
        return max(0.0, self.budget.delay(self.clock.monotonic(), keep=keep))

    async def step(self, until: float) -> None:
        """Read one team if its turn has come, and spread the rest over the time ``until`` the pass."""
        if not self.left or self.wait() > 0:
            return
        team = self.left.popleft()
        began = self.began or 0.0
        if self.view.read_at.get(team, 0.0) < began or team in self.view.stale:
            await self.view.read_team(self.reader, team)
        now = self.clock.monotonic()
        self._due = now + max(0.0, until - now) / (len(self.left) + 1)
