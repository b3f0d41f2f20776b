"""The exporter of spans. An outage of the collector is one line at its start and one at its end."""

import logging
from collections.abc import Sequence
from urllib.parse import urlsplit

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

log = structlog.get_logger()


class LoggedExporter(SpanExporter):
    """Sends spans to the collector over HTTP (OTLP), as the variables say."""

    def __init__(self) -> None:
        # OpenTelemetry logs every failed batch, with a traceback.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._exporter = OTLPSpanExporter()
        self._lost = 0

    @property
    def endpoint(self) -> str:
        """Return scheme, host and port of the collector; the rest of the URL may contain a secret."""
        parts = urlsplit(self._exporter._endpoint)  # noqa: SLF001 - it has no public name
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname}{port}"

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans. Spans that the collector does not accept are lost."""
        try:
            result = self._exporter.export(spans)
        except Exception as error:  # noqa: BLE001 - tracing must not fail the daemon
            return self._note_failure(len(spans), type(error).__name__)
        if result is not SpanExportResult.SUCCESS:
            return self._note_failure(len(spans), "the collector did not accept the spans")
        if self._lost:
            log.info("tracing.export_recovered", endpoint=self.endpoint, lost=self._lost)
            self._lost = 0
        return result

    def _note_failure(self, count: int, reason: str) -> SpanExportResult:
        if not self._lost:
            log.warning("tracing.export_failed", endpoint=self.endpoint, reason=reason)
        self._lost += count
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """Stop at the end of the process."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send everything; there is no buffer here."""
        return self._exporter.force_flush(timeout_millis)
