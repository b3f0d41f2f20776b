"""Sockets: host and port, a path, or one that systemd opened; TLS where certificate and key are configured."""

import errno
import socket
import ssl
from pathlib import Path

from aiohttp import web

from calscim import systemd
from calscim.errors import AddressUnavailable, ConfigError, Problem

BACKLOG = 512
_LATER = (errno.EADDRINUSE, errno.EADDRNOTAVAIL)


async def listen(
    runner: web.AppRunner, address: str, *, name: str, tls: ssl.SSLContext | None = None
) -> web.BaseSite:
    """Start answering on ``host:port``, ``unix:/path`` or ``systemd``.

    ConfigError when that cannot be, AddressUnavailable when it may be possible later.
    """
    try:
        site = _site(runner, address, name, tls)
        await site.start()
    except OSError as error:
        kind = AddressUnavailable if error.errno in _LATER else ConfigError
        raise kind(
            [Problem(f"{name}.listen", f"cannot listen on {address}: {error.strerror or error}")]
        ) from error
    return site


def _site(
    runner: web.AppRunner, address: str, name: str, tls: ssl.SSLContext | None
) -> web.BaseSite:
    if address == "systemd":
        return web.SockSite(runner, _activated(name), ssl_context=tls, backlog=BACKLOG)
    if address.startswith("unix:"):
        path = Path(address.removeprefix("unix:"))
        if path.is_socket():
            path.unlink()  # left behind by a process that was killed
        return web.UnixSite(runner, str(path), ssl_context=tls, backlog=BACKLOG)
    host, _, port = address.rpartition(":")
    return web.TCPSite(
        runner,
        host.strip("[]") or None,
        int(port),
        ssl_context=tls,
        backlog=BACKLOG,
        reuse_address=True,
    )


def _activated(name: str) -> socket.socket:
    """The socket of that name, else the only one, that systemd handed over (sd_listen_fds(3))."""
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
    """Where a site answers, as host:port or unix:/path; with port 0 the one that was given."""
    server = site._server  # noqa: SLF001 - aiohttp has no public way to the socket
    sockets = getattr(server, "sockets", None) or []
    name = sockets[0].getsockname() if sockets else ""
    if isinstance(name, str):
        return f"unix:{name}"
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def tls_context(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """A server context, or None without a certificate. ConfigError when the files do not do."""
    if certificate is None or key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_certificate(context, certificate, key)
    return context


def load_certificate(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Read the files (again): connections made from now on get the new certificate."""
    try:
        # A pair that does not belong together would spoil the context that serves: tried apart first.
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
