"""The limit on requests per second of a directory: off by default, and never below what identity providers send."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from calscim import admin
from calscim.app.throttling import exchange
from calscim.clock import SystemClock
from calscim.config import Scim
from calscim.directory.directory_names import DirectoryNames
from calscim.directory.rates import NONE
from calscim.encryption import PLAIN
from calscim.errors import ScimError
from calscim.scim.admission import ADMISSION, Admission
from calscim.scim.metrics import Metrics
from calscim.scim.rates import Rates
from tests.support.views import status

EDITOR = admin.Editor(by="test", cipher=PLAIN)


class Clock(SystemClock):
    """A limit that is set."""

    now_at = 0.0

    def monotonic(self) -> float:
        return self.now_at


def sent(rates: Rates, count: int, directory: str = "a") -> int:
    """Return how many of a number of requests pass."""
    passed = 0
    for _ in range(count):
        try:
            rates.count(directory)
        except ScimError as error:
            assert error.status == 429
            assert error.headers["Retry-After"] == "1"
        else:
            passed += 1
    return passed


def test_without_a_limit_every_request_passes() -> None:
    assert sent(Rates(Clock(), None), 10_000) == 10_000


def test_a_steady_provider_is_never_refused_wherever_its_seconds_begin() -> None:
    clock = Clock()
    rates = Rates(clock, 25)

    passed = 0
    for second in range(10):
        clock.now_at = second + (0.9 if second % 2 == 0 else 0.0)
        passed += sent(rates, 25)

    assert passed == 250


def test_beyond_the_limit_429_says_when_to_come_again() -> None:
    clock = Clock()
    rates = Rates(clock, 25)
    assert sent(rates, 200) == 50

    clock.now_at = 1.0

    assert sent(rates, 200) == 25


def test_directories_are_counted_separately_and_their_own_limit_takes_precedence() -> None:
    rates = Rates(Clock(), 25)
    rates.set({"b": 100, "c": None})

    assert [sent(rates, 1000, name) for name in "abc"] == [50, 200, 1000]


async def test_a_limit_that_is_set_is_kept_and_refusals_are_shown(provider: Any) -> None:
    assert provider.application is not None
    admission = provider.application[ADMISSION]
    await admin.set_rate(provider.db, EDITOR, provider.directory, 25)
    await exchange(provider.db, admission, DirectoryNames())

    answers = [await provider("GET", "/ServiceProviderConfig") for _ in range(300)]
    refused = [answer for answer in answers if answer.status == 429]
    await exchange(provider.db, admission, DirectoryNames())

    assert refused
    assert refused[0].headers["Retry-After"] == "1"
    assert refused[0].headers["Content-Type"].startswith("application/scim+json")
    assert "25 requests per second" in refused[0].body["detail"]
    shown = (await status(provider.db, []))["directories"][0]
    assert (shown["requests_per_second"], shown["throttled"]) == (25, len(refused))
    assert shown["throttled_at"] is not None

    await admin.set_rate(provider.db, EDITOR, provider.directory, NONE)
    await exchange(provider.db, admission, DirectoryNames())

    assert (await provider("GET", "/Users")).status == 200
    assert (await status(provider.db, []))["directories"][0]["requests_per_second"] == "off"


async def test_the_database_takes_no_limit_below_25(provider: Any) -> None:
    with pytest.raises(Exception, match="directories_rate"):
        await admin.set_rate(provider.db, EDITOR, provider.directory, 24)


def test_a_count_that_cannot_be_written_is_written_the_next_time() -> None:
    registry = CollectorRegistry()
    admission = Admission.of(Scim(), SystemClock(), Metrics(registry))
    admission.refuse("a", "rate")

    counts = admission.take_refused()
    assert admission.take_refused() == {}
    admission.put_refused(counts)

    assert admission.take_refused() == {"a": 1}
    labels = {"directory": "a", "reason": "rate"}
    assert registry.get_sample_value("calscim_scim_throttled_total", labels) == 1
