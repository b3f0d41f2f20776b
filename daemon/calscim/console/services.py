"""What every page of the console can use."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from calscim.admin.console_access import Session
from calscim.clock import Clock
from calscim.config import Console, EffectiveKey, Settings
from calscim.console.calcom_reads import CalcomReads
from calscim.console.editor import ConsoleEditors
from calscim.console.teams import KnownTeams
from calscim.postgres.pool import Database

if TYPE_CHECKING:
    from calscim.console.changes import Changes
    from calscim.console.oidc import Provider


@dataclass(frozen=True, slots=True)
class Services:
    """What the pages use.

    ``provider`` None: people sign in only with links. ``effective``: the keys that the daemon runs with.
    """

    running: Callable[[], Settings]
    console: Console
    db: Database
    clock: Clock
    editors: ConsoleEditors
    teams: KnownTeams
    reads: CalcomReads
    changes: "Changes"
    effective: Callable[[], Sequence[EffectiveKey]]
    provider: "Provider | None"

    @property
    def settings(self) -> Settings:
        """The settings that the daemon runs with, which a reload changes."""
        return self.running()


SERVICES = web.AppKey("services", Services)
_SESSION = web.RequestKey("session", Session)


def services(request: web.Request) -> Services:
    """Return the services of the application."""
    return request.app[SERVICES]


def session(request: web.Request) -> Session:
    """Return the session of a request that needs one."""
    return request[_SESSION]


def set_session(request: web.Request, found: Session) -> None:
    """Remember the session of a request."""
    request[_SESSION] = found


def forget_session(request: web.Request) -> None:
    """Show the rest of the answer as to a person who has not signed in."""
    request.pop(_SESSION, None)


def session_or_none(request: web.Request) -> Session | None:
    """Return the session; None on pages for people who have not signed in."""
    return request.get(_SESSION)
