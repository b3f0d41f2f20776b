"""The address of the client, also behind reverse proxies.

X-Forwarded-For is believed only of trusted proxies. It is one list, however many header lines it came in
(RFC 9110 section 5.3), and it is read from the right: a proxy appends the address that it sees, and everything to the
left of the first address that is no trusted proxy may be forged.
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

UNIX = "unix"  # what stands for a client that connects by a Unix socket
REMEMBERED = 1024  # peers whose trust is known; proxies are few
# Bits that all addresses of one client have in common: what one customer has at least (RFC 6177).
_IPV6_SITE = 64
_WITH_PORT = re.compile(r"(?P<v4>[0-9.]+)(?::[0-9]+)?|\[(?P<v6>[0-9A-Fa-f:.]+)\](?::[0-9]+)?")


def parse(text: str) -> Address | None:
    """Return an address as it stands in X-Forwarded-For: bare, with a port, or in brackets; None for other texts."""
    text = text.strip().strip('"')
    found = _WITH_PORT.fullmatch(text)
    if found is not None:
        text = found["v4"] or found["v6"]
    try:
        return normal(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return None


def normal(address: Address) -> Address:
    """Return the IPv4 address that an IPv4-mapped IPv6 address stands for; other addresses as they are."""
    return getattr(address, "ipv4_mapped", None) or address


def client_network(remote: str) -> str:
    """Return what all addresses of one client have in common: an IPv4 address, or the /64 of an IPv6 address."""
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
            ipaddress.ip_network(one, strict=False) for one in entries if one.lower() != UNIX
        )
        return cls(networks, any(one.lower() == UNIX for one in entries))

    def __bool__(self) -> bool:
        return self.unix or bool(self.networks)

    def trusts(self, peer: str) -> bool:
        """Return True for the address of a trusted proxy, or for "unix" if that is trusted."""
        if peer == UNIX:
            return self.unix
        known = self._known.get(peer)
        if known is None:
            address = parse(peer)
            known = address is not None and any(address in one for one in self.networks)
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[peer] = known
        return known

    def client(self, peer: str | None, forwarded: Sequence[str]) -> str:
        """Return the client's address. ``forwarded``: the X-Forwarded-For lines in the order in which they came."""
        nearest = UNIX if not peer else _shown(peer)
        if not forwarded or not self.trusts(nearest):
            return nearest
        for text in reversed(",".join(forwarded).split(",")):
            if not text.strip():
                continue
            address = parse(text)
            if address is None:
                break
            if not any(address in one for one in self.networks):
                return str(address)
        return nearest


def _shown(peer: str) -> str:
    if ":" not in peer:
        return peer
    address = parse(peer)
    return peer if address is None else str(address)
