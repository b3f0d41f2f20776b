"""Composes the console of one daemon."""

from collections.abc import Callable, Sequence

import aiohttp
from aiohttp import web

from calscim.clock import Clock
from calscim.config import Console, EffectiveKey, Settings
from calscim.console.application import console_app
from calscim.console.calcom_reads import CalcomReads
from calscim.console.changes import Changes
from calscim.console.editor import ConsoleEditors
from calscim.console.oidc import Provider
from calscim.console.services import Services
from calscim.console.teams import KnownTeams
from calscim.postgres.pool import Database


def compose(
    console: Console,
    db: Database,
    http: aiohttp.ClientSession,
    clock: Clock,
    running: Callable[[], Settings],
    effective: Callable[[], Sequence[EffectiveKey]],
) -> web.Application:
    """Return the console, which has what its pages use as SERVICES.

    ``running``: the settings that the daemon runs with; ``effective``: their keys.
    """
    provider = (
        None if console.oidc is None else Provider(console.oidc, console.public_url, http, clock)
    )
    services = Services(
        running=running,
        effective=effective,
        console=console,
        db=db,
        clock=clock,
        editors=ConsoleEditors(db),
        teams=KnownTeams(running, clock),
        reads=CalcomReads(db, running),
        changes=Changes(db, clock),
        provider=provider,
    )
    return console_app(services)
