"""Composes the console of one daemon."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class ComposedConsole:
    """The application, and what its pages use."""

    application: web.Application
    services: Services


def compose(
    console: Console,
    db: Database,
    http: aiohttp.ClientSession,
    clock: Clock,
    running: Callable[[], Settings],
    effective: Callable[[], Sequence[EffectiveKey]],
) -> ComposedConsole:
    """Return the console. ``running``: the settings that the daemon runs with; ``effective``: their keys."""
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
    return ComposedConsole(console_app(services), services)
