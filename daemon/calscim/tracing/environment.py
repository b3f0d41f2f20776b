"""Turns tracing on if the standard variables of OpenTelemetry ask for it; without them nothing is imported.

Source: OpenTelemetry, "Environment Variable Specification" and "OpenTelemetry Protocol Exporter". The SDK reads the
other variables itself: sampler, headers, timeouts, resource attributes.
"""

import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec

import structlog

from calscim import __version__
from calscim.tracing import Tracing

log = structlog.get_logger()

INSTALL = "pip install 'calscim[otel]'"
SHUTDOWN = 3.0  # seconds that the last spans may take when the daemon stops
PROTOCOL = "http/protobuf"
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_EXPORTER = "OTEL_TRACES_EXPORTER"


@contextmanager
def started(environ: Mapping[str, str] = os.environ) -> Iterator[Tracing | None]:
    """Yield the tracing of the process; None if it is off, or cannot be started, which is logged.

    At the end the last spans are exported, within a few seconds.
    """
    problem = _problem(environ) if is_wanted(environ) else None
    if problem is not None:
        log.warning("tracing.unavailable", detail=problem)
    if problem is not None or not is_wanted(environ):
        yield None
        return
    tracing, shutdown = _start(environ)
    try:
        yield tracing
    finally:
        _stop(shutdown)


def is_wanted(environ: Mapping[str, str]) -> bool:
    """Return True if the variables ask for traces."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = environ.get(_EXPORTER, "").strip().lower()
    if exporter:
        return exporter != "none"
    return any(environ.get(name, "").strip() for name in _ENDPOINTS)


def _problem(environ: Mapping[str, str]) -> str | None:
    exporter = environ.get(_EXPORTER, "").strip().lower() or "otlp"
    if exporter != "otlp":
        return f"{_EXPORTER}={exporter} is not supported: write otlp, or none for no traces"
    for name in _PROTOCOLS:
        protocol = environ.get(name, "").strip().lower()
        if protocol and protocol != PROTOCOL:
            return f"{name}={protocol} is not supported: write {PROTOCOL}"
        if protocol:
            break
    # find_spec and not an import: a missing package is not a broken one.
    if not _is_installed():
        return f"OTEL_* variables ask for traces, but OpenTelemetry is not installed: {INSTALL}"
    return None


def _is_installed() -> bool:
    names = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
    try:
        return all(find_spec(name) is not None for name in names)
    except ModuleNotFoundError:  # of a parent package
        return False


def _start(environ: Mapping[str, str]) -> tuple[Tracing, Callable[[], None]]:
    """Start tracing, and return it with the function that ends it."""
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - only with tracing
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    from calscim.tracing.export import LoggedExporter  # noqa: PLC0415
    from calscim.tracing.spans import OpenTelemetry  # noqa: PLC0415

    attributes = {
        "service.version": __version__,
        "service.instance.id": f"{socket.gethostname()}/{os.getpid()}",
    }
    if not environ.get("OTEL_SERVICE_NAME"):
        attributes["service.name"] = "calscim"
    exporter = LoggedExporter()
    provider = TracerProvider(resource=Resource.create(attributes))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    log.info("tracing.started", endpoint=exporter.endpoint)
    tracer = provider.get_tracer("calscim", __version__)
    return OpenTelemetry(tracer), provider.shutdown


def _stop(shutdown: Callable[[], None]) -> None:
    """Export the last spans. A collector that does not answer does not hold the process."""
    thread = threading.Thread(target=shutdown, name="tracing", daemon=True)
    thread.start()
    thread.join(SHUTDOWN)
