"""Limits on removals and additions within a window of time."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import floor
from typing import Annotated

from pydantic import PlainValidator

from calscim.option_types import Count, Duration, or_off, percentage, text
from calscim.planner.actions import Kind
from calscim.planner.ids import TeamId

_COUNT = re.compile(r"^\d{1,9}$")
ROUNDING = 1e-9  # a percentage is a float and may be slightly less than a whole number


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit as ``count``, ``percent``, or both; with both, the lower one applies."""

    count: int | None = None
    percent: float | None = None

    def __post_init__(self) -> None:
        if self.count is None and self.percent is None:
            raise ValueError('a limit is "N", "N%" or "N or N%": give at least one of them')

    def of(self, size: int, min_size: int) -> int:
        """Return the limit for ``size``. A percentage applies to at least ``min_size`` and gives at least 1."""
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


def parse_limit(value: object) -> Limit:
    """Return the limit written as "N", "N%" or "N or N%", in either order; raise ValueError for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    count: int | None = None
    percent: float | None = None
    for part in (part.strip() for part in text(value).split(" or ")):
        if _COUNT.match(part) and count is None:
            count = int(part)
        elif (found := percentage(part)) is not None and percent is None:
            percent = found
        else:
            raise ValueError(f'{value!r} is not a limit: write "5", "30%" or "5 or 30%"')
    if percent is not None and percent > 100:
        raise ValueError(f"is over 100% ({percent:g}%): write a percentage from 0 to 100")
    return Limit(count, percent)


LimitOption = Annotated[Limit, PlainValidator(parse_limit)]
"""limit"""
LimitOrOff = Annotated[Limit | None, or_off(parse_limit)]
"""limit or "off\""""


@dataclass(frozen=True, slots=True)
class Guards:
    """The section ``[guards]``: limits on removals. A set of removals over a limit is held until it is approved."""

    max_removals_per_team: LimitOption = Limit(percent=30)
    """Of a team's members."""
    max_removals_per_organization: LimitOption = Limit(percent=20)
    """Of the memberships of all mapped teams."""
    max_deprovisions: LimitOption = Limit(percent=5)
    """Of the organization's people: removals from the organization."""
    drift_removals: LimitOption = Limit(percent=10)
    """Of a team's members: removals without a journal row behind them."""
    window: Duration = 86400.0
    """The time over which limits count removals. Approved removals do not count."""
    min_team_size: Count = 5
    """A percentage of a team is taken of at least this many members."""
    min_organization_size: Count = 20
    """A percentage of the organization is taken of at least this many people or memberships."""
    approvals: Count = 1
    """The number of different operators who must approve a held set."""
    max_new_people: LimitOrOff = None
    """Additions to the organization within the window."""


@dataclass(slots=True)
class WindowUsage:
    """What was removed and added within the window, before the planned pass.

    What an operator approved does not count towards a limit. The fields that begin with ``all`` count that too, to
    compute the size at the start of the window. Counters count team memberships; numbers count people.
    """

    removals: Counter[TeamId] = field(default_factory=Counter)
    drift_removals: Counter[TeamId] = field(default_factory=Counter)
    demotions: Counter[TeamId] = field(default_factory=Counter)
    all_removals: Counter[TeamId] = field(default_factory=Counter)
    all_additions: Counter[TeamId] = field(default_factory=Counter)
    deprovisions: int = 0
    org_demotions: int = 0
    new_people: int = 0
    all_deprovisions: int = 0
    all_new_people: int = 0

    def count_removal(
        self,
        kind: Kind,
        team: TeamId | None,
        teams: Iterable[TeamId],
        *,
        drift: bool,
        approved: bool,
    ) -> None:
        """Count one removal or demotion. ``teams``: the teams whose memberships a deprovision ended."""
        counts = int(not approved)
        if kind is Kind.DEPROVISION:
            self.deprovisions += counts
            self.all_deprovisions += 1
            for one in teams:
                self.all_removals[one] += 1
                self.removals[one] += counts
        elif kind is Kind.ROLE and team is None:
            self.org_demotions += counts
        elif kind is Kind.ROLE and team is not None:
            self.demotions[team] += counts
        elif team is not None:
            self.all_removals[team] += 1
            self.removals[team] += counts
            self.drift_removals[team] += counts if drift else 0

    def count_addition(self, team: TeamId | None, people: int, *, approved: bool) -> None:
        """Count people who joined a team, or the organization (None)."""
        if team is not None:
            self.all_additions[team] += people
            return
        self.all_new_people += people
        self.new_people += 0 if approved else people


def size_at_start(present: int, gone: int, joined: int, min_size: int) -> int:
    """Return the size at the start of the window, computed from the current size.

    If there was hardly any member at the start, the largest possible size since then is used: otherwise a team that
    was filled today would allow no removals.
    """
    start = present + gone - joined
    return start if start >= min_size else present + gone
