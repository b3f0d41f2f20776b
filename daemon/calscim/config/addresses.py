"""Addresses of listeners: ``host:port``, ``unix:/path``, or ``systemd`` for an inherited socket."""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

_TCP = re.compile(r"^(?:\[(?P<six>[0-9a-fA-F:.%]+)\]|(?P<host>[^\s:\[\]/]+)):(?P<port>\d{1,5})$")


@dataclass(frozen=True, slots=True)
class Tcp:
    host: str
    port: int  # 0: any free port

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Unix:
    path: Path

    def __str__(self) -> str:
        return f"unix:{self.path}"


@dataclass(frozen=True, slots=True)
class Inherited:
    """A socket that systemd opened and hands over (sd_listen_fds(3))."""

    def __str__(self) -> str:
        return "systemd"


# The loopback address that listening on every address includes.
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound

Address: TypeAlias = Tcp | Unix | Inherited


def is_local(host: str) -> bool:
    """Return True for a loopback address or name, or the folder of a socket. Names are not looked up."""
    if host.startswith(("/", "@")):
        return True
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):  # RFC 6761, section 6.3
        return True
    try:
        found = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_loopback


def is_for_a_proxy(listen: str) -> bool:
    """Return True if only programs on this machine can connect: to loopback, or to a Unix socket."""
    at = address(listen)
    return isinstance(at, Unix) or (isinstance(at, Tcp) and is_local(at.host))


def address(text: str) -> Address:
    """Return the address; raise ValueError for anything else."""
    if text == "systemd":
        return Inherited()
    if text.startswith("unix:"):
        path = Path(text.removeprefix("unix:"))
        if not path.is_absolute():
            raise ValueError(f'write the full path of the socket, as in "unix:/run/calscim/{path}"')
        return Unix(path)
    found = _TCP.match(text)
    if found is None:
        hint = f'"127.0.0.1{text}"' if re.match(r"^:\d+$", text) else '"127.0.0.1:8085"'
        raise ValueError(
            f'{text!r} is not an address: write host:port as in {hint}, "unix:/path" or "systemd"'
        )
    port = int(found["port"])
    if port > 65535:
        raise ValueError(f"there is no port {port}: write a port between 1 and 65535")
    return Tcp(found["six"] or found["host"], port)


def url_of(listen: str, scheme: str) -> str | None:
    """Return the URL under which this machine reaches its own listener, or None if the address does not tell."""
    at = address(listen)
    if not isinstance(at, Tcp) or at.port == 0:
        return None
    host = _LOOPBACK.get(at.host, at.host)
    return f"{scheme}://{Tcp(host, at.port)}"
