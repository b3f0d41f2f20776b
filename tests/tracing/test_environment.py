"""Tracing is on if the standard variables ask for it, and costs nothing otherwise."""

import subprocess
import sys

import pytest
from structlog.testing import capture_logs

from calscim.tracing import environment
from calscim.tracing.environment import is_wanted, started

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
# Everything that a daemon imports, and the names of its modules.
IMPORTS = "import sys; import calscim.app.daemon, calscim.cli.serve; {} print(*sys.modules)"


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "x"}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": "none"}, False),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "true"}, False),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "TRUE"}, False),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "false"}, True),
    ],
)
def test_the_standard_variables_decide(variables, wanted):
    assert is_wanted(variables) is wanted


def test_without_the_variables_nothing_is_imported_or_logged():
    with capture_logs() as lines, started({}) as tracing:
        assert tracing is None

    program = IMPORTS.format(
        "from calscim.tracing import environment; environment.started({}).__enter__();"
    )
    modules = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    assert lines == []
    assert [name for name in modules if name.startswith("opentelemetry")] == []


@pytest.mark.parametrize(
    ("variables", "detail"),
    [
        (
            {"OTEL_TRACES_EXPORTER": "zipkin"},
            "OTEL_TRACES_EXPORTER=zipkin is not supported: write otlp",
        ),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "=grpc is not supported: write http/protobuf"),
        (
            {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"},
            "is not supported: write http/protobuf",
        ),
    ],
)
def test_what_is_not_supported_is_logged_with_what_to_write(variables, detail):
    with capture_logs() as lines, started(ENDPOINT | variables) as tracing:
        assert tracing is None

    (line,) = lines
    assert (line["event"], line["log_level"]) == ("tracing.unavailable", "warning")
    assert detail in line["detail"]


def test_a_missing_extra_is_logged_with_the_command(monkeypatch):
    monkeypatch.setattr(environment, "find_spec", lambda _: None)

    with capture_logs() as lines, started(ENDPOINT) as tracing:
        assert tracing is None

    (line,) = lines
    assert "OpenTelemetry is not installed: pip install 'calscim[otel]'" in line["detail"]


def test_a_collector_that_does_not_answer_does_not_hold_the_end(monkeypatch):
    monkeypatch.setattr(environment, "SHUTDOWN", 0.1)
    import threading

    never = threading.Event()
    environment._stop(never.wait)

    assert not never.is_set()
    never.set()
