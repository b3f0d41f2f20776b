"""How much may be taken away in one pass."""

from dataclasses import dataclass
from math import floor

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


@dataclass(frozen=True, slots=True)
class Sizes:
    """What percentages are taken of where a pass did not look at everything."""

    people: int | None = None
    memberships: int | None = None  # of all mapped teams together
