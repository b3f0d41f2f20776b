"""SCIM as a directory source: its listener, and the loops that carry limits and the use of tokens to the database."""

import asyncio
import ssl

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry

from calscim.app import throttling
from calscim.app.connections import (
    MAX_CONNECTIONS_PER_CLIENT,
    Connections,
    Runner,
    connection_limit,
    raise_descriptor_limit,
)
from calscim.app.databases import Databases
from calscim.app.listeners import bound, listen
from calscim.app.token_watch import Metrics as TokenMetrics
from calscim.app.token_watch import TokenWatch
from calscim.clock import Clock
from calscim.config import Scim
from calscim.config.hazards import UNTRUSTED, hides_clients
from calscim.scim.admission import ADMISSION
from calscim.scim.client_address import TrustedProxies
from calscim.scim.metrics import Metrics
from calscim.scim.responses import error_response
from calscim.scim.server import DIRECTORY_NAMES, app
from calscim.scim.token_uses import TokenUses

log = structlog.get_logger()

DRAIN = 10.0  # seconds that requests under way may take when the daemon stops


class ScimSource:
    """The SCIM server: identity providers push users and groups to it."""

    name = "scim"

    def __init__(
        self,
        settings: Scim,
        databases: Databases,
        clock: Clock,
        registry: CollectorRegistry,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._passes = databases.passes
        self._tls = tls
        uses = TokenUses()
        self._token_watch = TokenWatch(self._passes, uses, clock, TokenMetrics(registry))
        self._application = app(databases.requests, settings, clock, Metrics(registry), uses)
        connections = Connections(
            connection_limit(raise_descriptor_limit()),
            MAX_CONNECTIONS_PER_CLIENT,
            TrustedProxies.of(settings.trusted_proxies),
        )
        self._runner = Runner(
            self._application, connections, error_response, shutdown_timeout=DRAIN
        )
        self._site: web.BaseSite | None = None

    @property
    def address(self) -> str:
        """Where the server answers."""
        assert self._site is not None, "the source has been started"
        return bound(self._site)

    async def start(self) -> None:
        """Listen. Raise ConfigError or AddressUnavailable if the address cannot be used."""
        await self._runner.setup()
        self._site = await listen(self._runner, self._settings.listen, name="scim", tls=self._tls)
        if hides_clients(self._settings):  # now, as a start is tried again until it can listen
            log.warning("scim.no_trusted_proxies", listen=self._settings.listen, hint=UNTRUSTED)

    async def run(self) -> None:
        """Exchange limits and the use of tokens with the database, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(
                throttling.run(
                    self._passes,
                    self._application[ADMISSION],
                    self._application[DIRECTORY_NAMES],
                    self._clock,
                )
            )
            group.create_task(self._token_watch.run())

    async def stop(self) -> None:
        """Answer the requests under way and close the listener."""
        await self._runner.cleanup()
