"""Cal.com's teams, kept for a moment: a page must not wait for Cal.com each time, nor use up its rate limit."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from calscim.admin.teams import read_teams
from calscim.clock import Clock
from calscim.config import Organization, Settings
from calscim.errors import RemoteError
from calscim.planner.ids import TeamId
from calscim.planner.observed_state import Team

FRESH = 30.0  # seconds in which teams are not read again
_FAILED = 5.0  # seconds after a failure in which Cal.com is not asked again


@dataclass(frozen=True, slots=True)
class Teams:
    """The teams of an organization. ``problem``: why they could not be read just now; then they may be old, or none."""

    teams: Mapping[TeamId, Team]
    problem: str | None


@dataclass(slots=True)
class _Known:
    teams: Mapping[TeamId, Team]
    at: float
    problem: str | None = None


class KnownTeams:
    """Reads the teams of an organization at most once in a while. Requests that arrive meanwhile share one reading."""

    def __init__(self, running: Callable[[], Settings], clock: Clock) -> None:
        self._running = running
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def of(self, organization: Organization) -> Teams:
        """Return the teams, at most ``FRESH`` seconds old unless Cal.com does not answer."""
        async with self._locks.setdefault(organization.name, asyncio.Lock()):
            known = self._known.get(organization.name)
            lasts = FRESH if known is None or known.problem is None else _FAILED
            if known is None or self._clock.monotonic() - known.at > lasts:
                known = self._known[organization.name] = await self._read(organization, known)
        return Teams(known.teams, known.problem)

    def forget(self, organization: str) -> None:
        """Read the teams again at the next request."""
        self._known.pop(organization, None)

    async def _read(self, organization: Organization, before: _Known | None) -> _Known:
        try:
            teams = await read_teams(self._running(), organization)
        except RemoteError as error:
            old = {} if before is None else before.teams
            return _Known(old, self._clock.monotonic(), str(error))
        return _Known(teams, self._clock.monotonic())
