"""The metrics of the process: version, resources, event loop, pools, certificate."""

import asyncio
import platform
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from calscim import __version__
from calscim.app.process_metrics import CertificateMetrics, ProcessMetrics
from calscim.clock import SystemClock
from tests.support.driver import Hurried
from tests.support.waiting import until

LAG = "calscim_event_loop_lag_seconds"


@pytest.fixture
def registry():
    return CollectorRegistry()


def test_the_build_and_the_process_are_named_as_prometheus_names_them(registry):
    ProcessMetrics(registry, {})

    build = {"version": __version__, "python": platform.python_version()}
    value = registry.get_sample_value
    assert value("calscim_build_info", build) == 1
    for name in ("cpu_seconds_total", "resident_memory_bytes", "start_time_seconds"):
        assert value(f"process_{name}") > 0
    assert 0 < value("process_open_fds") <= value("process_max_fds")


async def test_a_pool_shows_its_size_what_is_lent_and_what_waits(registry, database):
    from calscim.postgres.pool import Database

    async with await Database.open(database.dsn, size=1, patience=5) as db:
        ProcessMetrics(registry, {"requests": db})

        def value(name):
            return registry.get_sample_value(f"calscim_database_pool_{name}", {"pool": "requests"})

        assert (value("size"), value("in_use"), value("waiting")) == (1, 0, 0)
        async with db.connection():
            second = asyncio.create_task(db.fetchval("SELECT 1"))
            await until(lambda: value("waiting") == 1)
            assert value("in_use") == 1
        assert await second == 1
        assert (value("in_use"), value("waiting")) == (0, 0)


class Late(Hurried):
    """A clock whose sleeps end 0.2 s late."""

    async def sleep(self, seconds):
        await super().sleep(seconds + 0.2)


@pytest.mark.parametrize(("clock", "lag"), [(Hurried(), 0.0), (Late(), 0.2)])
async def test_the_lag_of_the_event_loop_is_sampled(registry, clock, lag):
    sampling = asyncio.create_task(ProcessMetrics(registry, {}).sample(clock))
    await until(lambda: registry.get_sample_value(f"{LAG}_count") >= 3)
    sampling.cancel()

    mean = registry.get_sample_value(f"{LAG}_sum") / registry.get_sample_value(f"{LAG}_count")
    assert mean == pytest.approx(lag)


async def test_a_loop_that_is_blocked_shows(registry):
    clock = SystemClock()
    sampling = asyncio.create_task(ProcessMetrics(registry, {}).sample(clock))
    await asyncio.sleep(0)
    began = clock.monotonic()
    while clock.monotonic() - began < 0.8:
        pass  # blocks the loop past the timer

    await until(lambda: registry.get_sample_value(f"{LAG}_count") >= 1)
    sampling.cancel()

    assert registry.get_sample_value(f"{LAG}_bucket", {"le": "0.1"}) == 0


def certificate(days):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    built = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days))
    return built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_the_served_certificate_has_an_end_that_follows_a_renewal(registry):
    served = [certificate(3)]
    CertificateMetrics(registry, lambda: served[0])
    name = "calscim_certificate_expires_timestamp_seconds"
    days = (registry.get_sample_value(name) - datetime.now(UTC).timestamp()) / 86400
    assert days == pytest.approx(3, abs=0.01)

    served[0] = certificate(90)

    days = (registry.get_sample_value(name) - datetime.now(UTC).timestamp()) / 86400
    assert days == pytest.approx(90, abs=0.01)


def test_without_tls_there_is_no_certificate(registry):
    CertificateMetrics(registry, lambda: None)

    assert registry.get_sample_value("calscim_certificate_expires_timestamp_seconds") is None
