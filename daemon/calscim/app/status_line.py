"""The line that ``systemctl status`` shows: how each organization is, as "acme: in sync; 2 held".

The line follows each pass and each outage of the database, and is read again after REFRESH, because another daemon on
the same database may have made a pass. Without a service manager nothing is read.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from calscim import systemd
from calscim.app.stored_state import OrganizationState, StateReader, StoredState
from calscim.clock import Clock
from calscim.postgres.outages import STORE_ERRORS
from calscim.wording import counted

REFRESH = 60.0  # seconds
PAUSE = 1.0  # seconds between two readings; more with many organizations
NAMED = 4  # organizations, up to which the line names each, and beyond which it names those with something to do
LONGEST = 240  # characters
_OUTAGES = {
    "key_refused": "Cal.com refuses the API key",
    "rate_limit": "the rate limit of Cal.com is used up",
    "unreachable": "Cal.com cannot be reached",
}


@dataclass(slots=True)
class StatusLine:
    """The status line of a daemon."""

    reader: StateReader
    unready: Callable[[], Awaitable[str | None]]
    clock: Clock
    notify: Callable[[str], None] = systemd.notify
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _shown: str = ""
    _is_last: bool = False

    def wake(self) -> None:
        """Note that the line may have changed."""
        self._changed.set()

    def stop(self) -> None:
        """Show that the daemon stops, and nothing after that."""
        self._show("stopping: finishing what is under way")
        self._is_last = True

    async def run(self) -> None:
        """Keep the line up to date until cancelled."""
        if not systemd.is_manager() or not self.reader.organizations:
            return
        pause = max(PAUSE, len(self.reader.organizations) / 20)
        while True:
            self._changed.clear()
            self._show(await self._read())
            await self.clock.sleep(pause)
            with suppress(TimeoutError):
                async with asyncio.timeout(REFRESH):
                    await self._changed.wait()

    async def _read(self) -> str:
        try:
            if (reason := await self.unready()) is not None:
                return f"SCIM answers 503: {reason}"
            return line(await self.reader.read())
        except (*STORE_ERRORS, OSError) as error:
            return f"the database does not answer: {error}"

    def _show(self, text: str) -> None:
        if text != self._shown and not self._is_last:
            self.notify(f"STATUS={_shortened(text)}")
            self._shown = text


def line(found: StoredState) -> str:
    """Return the state of all organizations in at most LONGEST characters."""
    paused = {one.organization for one in found.directories if one.paused_since is not None}
    said = {one.name: _words(one, is_paused=one.name in paused) for one in found.organizations}
    if len(said) <= NAMED:
        return _joined([f"{name}: {words}" for name, words in said.items()])
    notable = [f"{name}: {words}" for name, words in said.items() if words != "in sync"]
    well = len(said) - len(notable)
    rest = f"{counted(well, 'organization')} in sync" if well else ""
    return _joined(notable, rest)


def _words(one: OrganizationState, *, is_paused: bool) -> str:
    return "; ".join((_base(one), *_waiting(one, is_paused=is_paused)))


def _base(one: OrganizationState) -> str:
    if one.outage is not None:
        return _OUTAGES[one.outage]
    if one.last_complete is None:
        return "no complete pass yet"
    if one.failing_passes:
        return "part of Cal.com cannot be read"
    if one.pending:
        return f"{counted(one.pending, 'change')} to make"
    return "in sync"


def _waiting(one: OrganizationState, *, is_paused: bool) -> Iterator[str]:
    if one.held_actions:
        yield f"{one.held_actions:,} held"
    if one.parked_actions:
        yield f"{one.parked_actions:,} parked"
    if one.waiting_people:
        yield f"{one.waiting_people:,} waiting"
    if is_paused:
        yield "paused"


def _joined(parts: Sequence[str], last: str = "") -> str:
    """Join as many parts as fit, and say how many are left out."""
    for count in range(len(parts), 0, -1):
        left = len(parts) - count
        more = f"{left:,} more in `calscim status`" if left else ""
        text = " | ".join(filter(None, (*parts[:count], more, last)))
        if len(text) <= LONGEST:
            return text
    return last or f"{counted(len(parts), 'organization')}: see `calscim status`"


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
