"""Failed authentications: what counts as one client, and that an attacker cannot empty the counters."""

import ipaddress

import pytest

from calscim.scim import failed_attempts
from calscim.scim.client_address import TrustedProxies, client_network, parse
from calscim.scim.failed_attempts import MAX_FAILURES, WINDOW, Failures


class Clock:
    seconds = 1000.0

    def monotonic(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def counted(clock):
    return Failures(clock)


def fail(counted, remote, times=MAX_FAILURES):
    for _ in range(times):
        counted.count(remote)


def test_a_client_that_failed_too_often_waits_until_its_minute_is_over(counted, clock):
    fail(counted, "203.0.113.7", MAX_FAILURES - 1)
    assert counted.wait("203.0.113.7") is None

    counted.count("203.0.113.7")

    assert counted.wait("203.0.113.7") == WINDOW + 1
    assert counted.wait("203.0.113.8") is None
    clock.seconds += WINDOW
    assert counted.wait("203.0.113.7") is None


def test_all_addresses_of_an_ipv6_network_are_one_client(counted):
    for number in range(MAX_FAILURES):
        counted.count(f"2001:db8::{number:x}")

    assert counted.wait("2001:db8::ffff:ffff:ffff:ffff") is not None
    assert counted.wait("2001:db8:0:1::1") is None


def test_cycling_through_addresses_does_not_empty_the_counters(counted, monkeypatch):
    monkeypatch.setattr(failed_attempts, "MAX_CLIENTS", 100)
    fail(counted, "203.0.113.7")

    for number in range(1000):
        counted.count(str(ipaddress.IPv4Address(number + 1)))

    assert counted.wait("203.0.113.7") is not None
    assert counted.wait("198.51.100.1") is not None  # there is no room for it: it shares a counter


def test_counters_are_dropped_after_a_minute(counted, clock, monkeypatch):
    monkeypatch.setattr(failed_attempts, "MAX_CLIENTS", 3)
    for number in range(1, 100):
        counted.count(str(ipaddress.IPv4Address(number)))

    clock.seconds += WINDOW + 1
    counted.count("203.0.113.7")

    assert len(counted._counts) == 1
    assert counted.wait("198.51.100.1") is None


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:80", "203.0.113.7"),
        ("[2001:db8::1]:80", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ('"[2001:db8::1]:80"', "2001:db8::1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("unknown", None),
        ("_hidden", None),
        ("203.0.113.7:http", None),
        ("203.0.113.300", None),
        ("", None),
    ],
)
def test_addresses_are_read_in_each_of_their_spellings(text, address):
    found = parse(text)

    assert (None if found is None else str(found)) == address


@pytest.mark.parametrize(
    ("entries", "peer", "trusted"),
    [
        (("127.0.0.0/8",), "127.0.0.1", True),
        (("127.0.0.1",), "127.0.0.2", False),
        (("127.0.0.1",), "::ffff:127.0.0.1", True),
        (("::1",), "::1", True),
        (("2001:db8::/32",), "2001:db8:1::5", True),
        (("10.0.0.5/8",), "10.9.9.9", True),
        (("unix",), "unix", True),
        (("127.0.0.1",), "unix", False),
        (("unix",), "127.0.0.1", False),
        ((), "127.0.0.1", False),
    ],
)
def test_proxies_are_matched_as_networks(entries, peer, trusted):
    assert TrustedProxies.of(entries).trusts(peer) is trusted


@pytest.mark.parametrize(
    ("remote", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8::1:2:3:4", "2001:db8::/64"),
        ("unix", "unix"),
        ("no:address", "no:address"),
    ],
)
def test_a_client_is_an_address_or_an_ipv6_network(remote, network):
    assert client_network(remote) == network
