"""Listens on a host and port, a Unix socket, or a socket that systemd opened, with TLS if it is configured."""

import asyncio
import errno
import socket
import ssl
from pathlib import Path
from typing import Any

from aiohttp import web

from calscim import systemd
from calscim.config import Inherited, Tcp, Unix, address
from calscim.errors import AddressUnavailable, ConfigError, Problem

BACKLOG = 512
TLS_HANDSHAKE_TIMEOUT = 10.0  # seconds; uvloop would wait for 60
TLS_SHUTDOWN_TIMEOUT = 5.0  # seconds
# Whatever the umask is, the group may connect: with a setgid folder that is the group of the proxy.
# Until the mode is set only the owner can connect: connecting needs the right to write.
SOCKET_MODE = 0o660
_MAY_SUCCEED_LATER = (errno.EADDRINUSE, errno.EADDRNOTAVAIL)


async def listen(
    runner: web.AppRunner, where: str, *, name: str, tls: ssl.SSLContext | None = None
) -> web.BaseSite:
    """Start answering on ``host:port``, ``unix:/path`` or ``systemd``.

    Raise ConfigError if that is impossible, AddressUnavailable if it may be possible later.
    """
    try:
        site = Site(runner, where, name, tls)
        await site.start()
    except OSError as error:
        kind = AddressUnavailable if error.errno in _MAY_SUCCEED_LATER else ConfigError
        raise kind(
            [Problem(f"{name}.listen", f"cannot listen on {where}: {error.strerror or error}")]
        ) from error
    return site


class Site(web.BaseSite):
    """A listener with a time limit for TLS handshakes, which the sites of aiohttp do not have."""

    __slots__ = ("_address", "_option")

    def __init__(
        self, runner: web.AppRunner, address: str, option: str, tls: ssl.SSLContext | None
    ) -> None:
        super().__init__(runner, ssl_context=tls, backlog=BACKLOG)
        self._address = address
        self._option = option

    @property
    def name(self) -> str:
        return self._address

    async def start(self) -> None:
        await super().start()
        assert self._runner.server is not None, "the runner has been set up"
        loop, factory = asyncio.get_running_loop(), self._runner.server
        options: dict[str, Any] = {"ssl": self._ssl_context, "backlog": BACKLOG}
        if self._ssl_context is not None:
            options |= {
                "ssl_handshake_timeout": TLS_HANDSHAKE_TIMEOUT,
                "ssl_shutdown_timeout": TLS_SHUTDOWN_TIMEOUT,
            }
        match address(self._address):
            case Inherited():
                self._server = await loop.create_server(
                    factory, sock=_activated(self._option), **options
                )
            case Unix(path):
                if path.is_socket():
                    path.unlink()  # left behind by a process that was killed
                self._server = await loop.create_unix_server(factory, str(path), **options)
                path.chmod(SOCKET_MODE)
            case Tcp(host, port):
                self._server = await loop.create_server(
                    factory, host, port, reuse_address=True, **options
                )


def _activated(name: str) -> socket.socket:
    """Return the socket of that name, or the only one, that systemd handed over (sd_listen_fds(3))."""
    sockets = systemd.listen_fds()
    number = sockets.get(name)
    if number is None and len(sockets) == 1:
        number = next(iter(sockets.values()))
    if number is None:
        raise ConfigError(
            [
                Problem(
                    f"{name}.listen",
                    f"systemd handed over no socket called {name}: start calscim.socket "
                    f"(FileDescriptorName={name}), or write host:port here",
                )
            ]
        )
    return socket.socket(fileno=number)


def bound(site: web.BaseSite) -> str:
    """Return where a site answers, as host:port or unix:/path. Port 0 is replaced by the actual port."""
    server = site._server  # noqa: SLF001 - aiohttp has no public way to the socket
    sockets = getattr(server, "sockets", None) or []
    name = sockets[0].getsockname() if sockets else ""
    if isinstance(name, str):
        return f"unix:{name}"
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def tls_context(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """Return a server context, or None without a certificate. Raise ConfigError if the files cannot be used."""
    if certificate is None or key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_certificate(context, certificate, key)
    return context


def load_certificate(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Read the files again: new connections get the new certificate. Raise ConfigError if they cannot be used."""
    try:
        # A mismatched pair would break the context that serves, so it is loaded into another one first.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            [
                Problem(
                    "scim.tls_certificate_file",
                    f"{certificate} and {key} cannot be used: {error}; both must be readable PEM "
                    "files that belong together",
                )
            ]
        ) from error
