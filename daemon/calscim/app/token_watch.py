"""Records the use of tokens every minute, the first use at once, and reports uses and expiries in metrics and log."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from prometheus_client import CollectorRegistry, Gauge

from calscim.admin import Token, tokens
from calscim.admin.expiry import Expiring, expiring
from calscim.clock import Clock
from calscim.directory import token_uses
from calscim.postgres.outages import STORE_ERRORS
from calscim.postgres.pool import Database
from calscim.scim.token_uses import TokenUses

log = structlog.get_logger()

# Seconds. Each daemon writes once a minute, and "last used" is as exact as operators need.
EVERY = 60.0
STATEMENT_TIMEOUT = 2.0  # seconds; the daemon waits for the last statement when it stops
REPEAT = timedelta(days=1)  # how often the log names a token that expires soon


class Metrics:
    """Metrics of the last use and the expiry of tokens. The labels ``directory`` and ``token`` are ids.

    A token that reads the change feed has the directory "".
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ["directory", "token"]
        self._expires = Gauge(
            "calscim_token_expires_timestamp_seconds",
            "When a valid token expires",
            labels,
            registry=registry,
        )
        self._used = Gauge(
            "calscim_token_last_used_timestamp_seconds",
            "When a valid token was last used, on any daemon",
            labels,
            registry=registry,
        )
        self._expiring = Gauge(
            "calscim_tokens_expiring",
            "Tokens of the directory that expire soon and are not replaced yet",
            ["directory"],
            registry=registry,
        )

    def show(self, known: list[Token], ending: list[Expiring]) -> None:
        """Replace all values, so that invalid tokens disappear."""
        for gauge in (self._expires, self._used, self._expiring):
            gauge.clear()
        for token in known:
            if token.state != "valid":
                continue
            self._expiring.labels(token.directory_id or "").inc(0)
            if token.expires_at is not None:
                ends = token.expires_at.timestamp()
                self._expires.labels(token.directory_id or "", str(token.id)).set(ends)
            if token.last_used_at is not None:
                used = token.last_used_at.timestamp()
                self._used.labels(token.directory_id or "", str(token.id)).set(used)
        for one in ending:
            self._expiring.labels(one.directory_id or "").inc()


@dataclass(slots=True)
class TokenWatch:
    """The watch of one daemon. The SCIM server fills ``uses``."""

    db: Database
    uses: TokenUses
    clock: Clock
    metrics: Metrics
    _logged: dict[int, datetime] = field(default_factory=dict)

    async def run(self) -> None:
        """Record and report every minute until cancelled, then record the last uses."""
        try:
            while True:
                self.uses.first.clear()
                await self.look()
                await self._wait()
        finally:
            await asyncio.shield(self._record())

    async def _wait(self) -> None:
        """Wait a minute, or until a token is used for the first time."""
        tasks = [
            asyncio.ensure_future(self.clock.sleep(EVERY)),
            asyncio.ensure_future(self.uses.first.wait()),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    async def look(self) -> None:
        """Record the uses, then report on all tokens. An unreachable database is tried again later."""
        await self._record()
        with suppress(*STORE_ERRORS):
            known = await tokens(self.db.within(STATEMENT_TIMEOUT))
            now = self.clock.now()
            ending = expiring(known, now)
            self.metrics.show(known, ending)
            self._log(ending, now)

    async def _record(self) -> None:
        taken = self.uses.take()
        if not taken:
            return
        try:
            await token_uses.record(self.db.within(STATEMENT_TIMEOUT), taken)
        except STORE_ERRORS as error:
            self.uses.give_back(taken)
            log.debug("token.use_unrecorded", reason=str(error))
        except asyncio.CancelledError:  # the daemon stops, and records them once more
            self.uses.give_back(taken)
            raise

    def _log(self, ending: list[Expiring], now: datetime) -> None:
        for one in ending:
            logged = self._logged.get(one.token_id)
            if logged is not None and now - logged < REPEAT:
                continue
            self._logged[one.token_id] = now
            log.warning(
                "token.expiring",
                directory=one.directory_id,
                directory_name=one.directory,
                organization=one.organization,
                token_id=one.token_id,
                expires_at=one.expires_at.isoformat(),
                detail=one.detail,
            )
