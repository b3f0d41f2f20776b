"""The address of the client, also behind reverse proxies.

Only trusted proxies may set X-Forwarded-For. It is one list, however many header lines it has (RFC 9110 section 5.3),
and is read from the right: a proxy appends the address that it sees, and everything to the left of the first address
that is not a trusted proxy may be forged.
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

UNIX = "unix"  # the address of a client that connects by a Unix socket
MAX_REMEMBERED = 1024  # peers; there are few proxies
# Bits that all addresses of one client have in common: a customer gets at least this network (RFC 6177).
_IPV6_SITE = 64
_WITH_PORT = re.compile(r"(?P<v4>[0-9.]+)(?::[0-9]+)?|\[(?P<v6>[0-9A-Fa-f:.]+)\](?::[0-9]+)?")


def parse(text: str) -> Address | None:
    """Return an address of X-Forwarded-For, which may have a port or brackets, or None for other texts."""
    text = text.strip().strip('"')
    found = _WITH_PORT.fullmatch(text)
    if found is not None:
        text = found["v4"] or found["v6"]
    try:
        return normal(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return None


def normal(address: Address) -> Address:
    """Return the IPv4 address of an IPv4-mapped IPv6 address, and any other address unchanged."""
    return getattr(address, "ipv4_mapped", None) or address


def client_network(remote: str) -> str:
    """Return the network of a client: an IPv4 address, or the /64 of an IPv6 address."""
    if ":" not in remote:
        return remote
    try:
        address = ipaddress.IPv6Address(remote.partition("%")[0])
    except ValueError:
        return remote
    return str(ipaddress.IPv6Network((address, _IPV6_SITE), strict=False))


@dataclass(slots=True)
class TrustedProxies:
    """The proxies of ``scim.trusted_proxies``: addresses, networks, and "unix"."""

    networks: tuple[Network, ...]
    unix: bool
    _known: dict[str, bool] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Iterable[str]) -> "TrustedProxies":
        entries = tuple(entries)
        networks = tuple(
            ipaddress.ip_network(entry, strict=False) for entry in entries if entry.lower() != UNIX
        )
        return cls(networks, any(entry.lower() == UNIX for entry in entries))

    def __bool__(self) -> bool:
        return self.unix or bool(self.networks)

    def trusts(self, peer: str) -> bool:
        """Return True for the address of a trusted proxy, or for "unix" if that is trusted."""
        if peer == UNIX:
            return self.unix
        known = self._known.get(peer)
        if known is None:
            address = parse(peer)
            known = address is not None and any(address in network for network in self.networks)
            if len(self._known) >= MAX_REMEMBERED:
                self._known.clear()
            self._known[peer] = known
        return known

    def client(self, peer: str | None, forwarded: Sequence[str]) -> str:
        """Return the client's address. ``forwarded``: the X-Forwarded-For lines in order."""
        nearest = UNIX if not peer else _normalized(peer)
        if not forwarded or not self.trusts(nearest):
            return nearest
        for text in reversed(",".join(forwarded).split(",")):
            if not text.strip():
                continue
            address = parse(text)
            if address is None:
                break
            if not any(address in network for network in self.networks):
                return str(address)
        return nearest


def _normalized(peer: str) -> str:
    if ":" not in peer:
        return peer
    address = parse(peer)
    return peer if address is None else str(address)
