"""Connects to the host of a DSN that accepts writes, with a time limit per host.

asyncpg also tries the hosts of a DSN in order, but under one time limit: a first host that never answers would use it
up.
"""

import asyncio
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import asyncpg

from calscim.postgres import pgbouncer
from calscim.postgres.pgbouncer import Connection as Connection  # noqa: PLC0414 - part of the interface

# Whatever the defaults of the role or the database are: statements see what was committed before them, no lock is given
# up early, and only this module's time limit ends a statement.
_SETTINGS = {
    "default_transaction_isolation": "read committed",
    "lock_timeout": "0",
    # The server notices a dead client: a lock that a dead connection holds would block every later push.
    "idle_in_transaction_session_timeout": "10s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
_SINCE_14 = {"client_connection_check_interval": "2s"}
_SINCE_17 = {"transaction_timeout": "0"}
# PgBouncer also accepts this parameter of the start-up packet, and keeps it apart for each client.
_STARTUP = {
    "standard_conforming_strings": "on"
}  # the queries and functions have backslashes in literals
REST = 0.5  # seconds without another attempt after a server did not answer
_UNREACHABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


@dataclass(slots=True)
class Hosts:
    """The hosts of one database, with the host of the last connection first.

    If no host answers in time, attempts fail at once for a moment instead of waiting as well.
    """

    dsns: list[str]
    statement_timeout: float | None = None  # seconds, enforced by the server; None: no limit
    _silent: BaseException | None = None
    _pooled: bool = False  # the last connection went through PgBouncer

    async def connect(self, _: str | None = None, *, timeout: float, **options: Any) -> Connection:
        """Return a connection with these settings. Raise the error of the last host if no host accepts."""
        if self._silent is not None:
            raise TimeoutError("the server did not answer a moment ago") from self._silent
        ways = list(self.dsns)
        failure: BaseException = OSError("a DSN has at least one host")
        for dsn in ways:
            try:
                connection = await self._open(dsn, timeout / len(ways), options)
            except _UNREACHABLE as error:
                failure = error
                continue
            self.dsns.sort(key=dsn.__ne__)
            return connection
        if isinstance(failure, TimeoutError):
            self._silent = failure
            asyncio.get_running_loop().call_later(REST, self._listen_again)
        raise failure

    def _listen_again(self) -> None:
        self._silent = None

    async def _open(self, dsn: str, timeout: float, options: dict[str, Any]) -> Connection:
        """Open a connection to a server, or to PgBouncer in front of a server."""
        for pooled in (self._pooled, not self._pooled):
            try:
                connection, direct = await self._try(dsn, timeout, options, pooled)
            except pgbouncer.CONFUSED:  # asyncpg runs a query for target_session_attrs
                if pooled:
                    raise
                continue
            if direct is not pooled:
                self._pooled = pooled
                return connection
            connection.terminate()
        raise ConnectionError(
            "some connections of database.dsn go through a pooler, and others do not: "
            "let all of them go through it, or none"
        )

    async def _try(
        self, dsn: str, timeout: float, options: dict[str, Any], pooled: bool
    ) -> tuple[Connection, bool]:
        """Return a connection for one of the cases, and whether it is direct."""
        fit = {"server_settings": _STARTUP} | options | (pgbouncer.OPTIONS if pooled else {})
        connection: Connection = await asyncpg.connect(dsn, timeout=timeout, **fit)
        try:
            return connection, await pgbouncer.set_up(
                connection, self._settings(connection), timeout
            )
        except BaseException:
            connection.terminate()
            raise

    def _settings(self, connection: Connection) -> dict[str, str]:
        settings = dict(_SETTINGS)
        if connection.get_server_version() >= (14, 0):
            settings |= _SINCE_14
        if connection.get_server_version() >= (17, 0):
            settings |= _SINCE_17
        settings["statement_timeout"] = f"{int((self.statement_timeout or 0) * 1000)}ms"
        return settings


def hosts(dsn: str, statement_timeout: float | None = None) -> Hosts:
    """Split a DSN into one per host. With several hosts a host must accept writes, unless the DSN says otherwise."""
    parts = urlsplit(dsn)
    options = dict(parse_qsl(parts.query))
    role, at, places = parts.netloc.rpartition("@")
    found = places.split(",")
    if "host" in options:
        names = options.pop("host").split(",")
        ports = options.pop("port", "").split(",")
        ports = ports * len(names) if len(ports) == 1 else ports
        ways = [
            {"host": name} | ({"port": port} if port else {})
            for name, port in zip(names, ports, strict=True)
        ]
        found = [places] * len(ways)
    else:
        ways = [{}] * len(found)
    if len(ways) == 1:
        return Hosts([dsn], statement_timeout)
    options.setdefault("target_session_attrs", "read-write")
    return Hosts(
        [
            f"{parts.scheme}://{role}{at}{place}{parts.path}?{urlencode(way | options)}"
            for place, way in zip(found, ways, strict=True)
        ],
        statement_timeout,
    )
