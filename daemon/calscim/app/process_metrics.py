"""The metrics of the process: version, resources, event loop, pools of connections, certificate."""

import platform
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from prometheus_client import CollectorRegistry, Gauge, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from calscim import __version__
from calscim.clock import Clock
from calscim.notify.local_conditions import certificate_end
from calscim.postgres.pool import Database

SAMPLE_EVERY = 0.5  # seconds between two samples of the event loop's lag


class ProcessMetrics:
    """Collects the metrics of the process. ``pools``: by the name that the metrics show."""

    def __init__(self, registry: CollectorRegistry, pools: Mapping[str, Database]) -> None:
        ProcessCollector(registry=registry)
        build = Gauge(
            "calscim_build_info",
            "1, with the version of calscim and of Python",
            ["version", "python"],
            registry=registry,
        )
        build.labels(__version__, platform.python_version()).set(1)
        self._lag = Histogram(
            "calscim_event_loop_lag_seconds",
            "How much later than asked the event loop runs a timer, sampled twice a second",
            registry=registry,
            buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
        )
        size, in_use, waiting = (
            Gauge(f"calscim_database_pool_{name}", meaning, ["pool"], registry=registry)
            for name, meaning in (
                ("size", "Connections that the pool may open"),
                ("in_use", "Connections of the pool that are lent"),
                ("waiting", "Requests and passes that wait for a connection of the pool"),
            )
        )
        for name, pool in pools.items():
            size.labels(name).set(pool.size)
            in_use.labels(name).set_function(partial(_in_use, pool))
            waiting.labels(name).set_function(partial(_waiting, pool))

    async def sample(self, clock: Clock) -> None:
        """Sample the event loop's lag until cancelled."""
        while True:
            asked = clock.monotonic()
            await clock.sleep(SAMPLE_EVERY)
            self._lag.observe(max(0.0, clock.monotonic() - asked - SAMPLE_EVERY))


def _in_use(pool: Database) -> float:
    return pool.in_use


def _waiting(pool: Database) -> float:
    return pool.waiting


class CertificateMetrics(Collector):
    """When the certificate of the SCIM listener ends. ``served`` returns its content, None without TLS.

    A renewed file counts only once the daemon has loaded it.
    """

    def __init__(self, registry: CollectorRegistry, served: Callable[[], bytes | None]) -> None:
        self._served = served
        self._known: tuple[bytes, float | None] | None = None
        registry.register(self)

    def describe(self) -> Iterable[Metric]:
        """Return the metric without samples."""
        return [self._family()]

    def collect(self) -> Iterable[Metric]:
        """Return the end of the certificate; no sample without one."""
        family = self._family()
        pem = self._served()
        if pem is not None and (end := self._end(pem)) is not None:
            family.add_metric((), end)
        return [family]

    def _end(self, pem: bytes) -> float | None:
        if self._known is None or self._known[0] != pem:
            end = certificate_end(pem)
            self._known = (pem, None if end is None else end.timestamp())
        return self._known[1]

    @staticmethod
    def _family() -> GaugeMetricFamily:
        return GaugeMetricFamily(
            "calscim_certificate_expires_timestamp_seconds",
            "When the certificate that the SCIM listener serves ends; absent without TLS",
            labels=(),
        )
