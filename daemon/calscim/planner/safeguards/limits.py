"""How much may be taken away, and added, within a window of time."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import floor

from calscim.planner.model import Kind, TeamId

ROUNDING = 1e-9  # a percentage may be a float that misses a whole number by less


@dataclass(frozen=True, slots=True)
class Limit:
    """``count``, ``percent``, or both: then the lower holds."""

    count: int | None = None
    percent: float | None = None

    def __post_init__(self) -> None:
        if self.count is None and self.percent is None:
            raise ValueError('a limit is "N", "N%" or "N or N%": give at least one of them')

    def of(self, size: int, min_size: int) -> int:
        """How many of ``size``: a percentage is taken of at least ``min_size``, and is at least 1."""
        limits = []
        if self.count is not None:
            limits.append(self.count)
        if self.percent is not None:
            share = self.percent * max(size, min_size) / 100
            limits.append(max(1, floor(share + ROUNDING)))
        return min(limits)

    def __str__(self) -> str:
        count = None if self.count is None else str(self.count)
        percent = None if self.percent is None else f"{self.percent:g}%"
        return " or ".join(one for one in (count, percent) if one is not None)


@dataclass(frozen=True, slots=True)
class GuardPolicy:
    """The limits of the configuration's ``[guards]``."""

    max_removals_per_team: Limit = Limit(percent=30)
    max_removals_per_organization: Limit = Limit(percent=20)
    max_deprovisions: Limit = Limit(percent=5)
    drift_removals: Limit = Limit(percent=10)
    min_team_size: int = 5
    min_organization_size: int = 20
    max_new_people: Limit | None = None  # None: no limit
    window: float = 86400.0  # seconds; 0: each pass is judged by itself


@dataclass(slots=True)
class WindowUsage:
    """What was taken away and added within the window, before the pass that is planned.

    ``left``, ``drift``, ``demoted``: memberships of teams that count towards a limit; what an operator
    approved does not. ``gone`` and ``joined``: all of them, for the size at the window's start.
    """

    left: Counter[TeamId] = field(default_factory=Counter)
    drift: Counter[TeamId] = field(default_factory=Counter)
    demoted: Counter[TeamId] = field(default_factory=Counter)
    gone: Counter[TeamId] = field(default_factory=Counter)
    joined: Counter[TeamId] = field(default_factory=Counter)
    deprovisioned: int = 0
    demoted_people: int = 0
    new_people: int = 0
    gone_people: int = 0
    joined_people: int = 0

    def took(
        self,
        kind: Kind,
        team: TeamId | None,
        teams: Iterable[TeamId],
        *,
        drift: bool,
        approved: bool,
    ) -> None:
        """Count one removal or demotion. ``teams``: those that a deprovision ended with it."""
        counts = int(not approved)
        if kind is Kind.DEPROVISION:
            self.deprovisioned += counts
            self.gone_people += 1
            for one in teams:
                self.gone[one] += 1
                self.left[one] += counts
        elif kind is Kind.ROLE and team is None:
            self.demoted_people += counts
        elif kind is Kind.ROLE and team is not None:
            self.demoted[team] += counts
        elif team is not None:
            self.gone[team] += 1
            self.left[team] += counts
            self.drift[team] += counts if drift else 0

    def brought(self, team: TeamId | None, people: int, *, approved: bool) -> None:
        """Count people who came onto a team, or into the organization (None)."""
        if team is not None:
            self.joined[team] += people
            return
        self.joined_people += people
        self.new_people += 0 if approved else people


def size_at_start(present: int, gone: int, joined: int, min_size: int) -> int:
    """Return how many there were when the window began, from those who are there now.

    What hardly had anybody then is measured by the most it can have had since: a team that was filled today
    would allow nothing otherwise.
    """
    start = present + gone - joined
    return start if start >= min_size else present + gone


@dataclass(frozen=True, slots=True)
class Sizes:
    """What percentages are taken of where a pass did not look at everything."""

    people: int | None = None
    memberships: int | None = None  # of all mapped teams together
