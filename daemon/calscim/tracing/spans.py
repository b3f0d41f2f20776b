"""``Tracing`` with OpenTelemetry. Only imported if the environment asks for traces and the extra is installed."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from structlog.contextvars import bound_contextvars

from calscim.tracing import Attribute, Span

_PROPAGATOR = TraceContextTextMapPropagator()
_PREFIX = "calscim."
_WORD = re.compile(r"[a-z0-9-]{0,36}")  # a word of an endpoint, or an id
# Attributes with a name of OpenTelemetry's semantic conventions.
_CONVENTIONS = {
    "method": "http.request.method",
    "route": "http.route",
    "status_code": "http.response.status_code",
    "host": "server.address",
    "path": "url.path",
}


@dataclass(frozen=True, slots=True)
class OpenSpan:
    """A span of OpenTelemetry."""

    _span: trace.Span

    @property
    def traceparent(self) -> str:
        """Return the span as W3C Trace Context writes it."""
        context = self._span.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"

    def set(self, **attributes: Attribute) -> None:
        """Set attributes; None is left out."""
        self._span.set_attributes(_named(attributes))

    def fail(self, reason: str) -> None:
        """Mark the span as failed."""
        self._span.set_attribute("error.type", reason)
        self._span.set_status(Status(StatusCode.ERROR))

    def link(self, traceparents: Iterable[str]) -> None:
        """Link the span to other spans."""
        for one in traceparents:
            if (found := _span_context(one)).is_valid:
                self._span.add_link(found)


@dataclass(frozen=True, slots=True)
class OpenTelemetry:
    """Records spans with a tracer."""

    tracer: Tracer

    @contextmanager
    def request(self, name: str, traceparent: str | None, tracestate: str | None) -> Iterator[Span]:
        """Open the span of a received request, in the trace of its client if it sent one."""
        with self._open(name, _context(traceparent, tracestate), SpanKind.SERVER) as span:
            yield span

    @contextmanager
    def span(
        self,
        name: str,
        *,
        parent: str | None = None,
        links: Sequence[str] = (),
        **attributes: Attribute,
    ) -> Iterator[Span]:
        """Open a span."""
        context = None if parent is None else _context(parent, None)
        with self._open(name, context, SpanKind.INTERNAL, links, attributes) as span:
            yield span

    @contextmanager
    def call(self, method: str, path: str, host: str) -> Iterator[Span]:
        """Open the span of a sent request."""
        attributes: dict[str, Attribute] = {
            "method": method,
            "path": _without_names(path),
            "host": host,
        }
        with self._open(f"{method} Cal.com", None, SpanKind.CLIENT, (), attributes) as span:
            yield span

    @contextmanager
    def _open(
        self,
        name: str,
        context: Context | None,
        kind: SpanKind,
        links: Sequence[str] = (),
        attributes: dict[str, Attribute] | None = None,
    ) -> Iterator[OpenSpan]:
        with self.tracer.start_as_current_span(
            name,
            context=context,
            kind=kind,
            attributes=_named(attributes or {}),
            links=[trace.Link(found) for one in links if (found := _span_context(one)).is_valid],
            record_exception=False,  # its message may quote personal data
            set_status_on_exception=False,
        ) as span:
            opened = OpenSpan(span)
            try:
                with bound_contextvars(trace_id=f"{span.get_span_context().trace_id:032x}"):
                    yield opened
            except BaseException as error:
                opened.fail(type(error).__name__)
                raise


def _context(traceparent: str | None, tracestate: str | None) -> Context:
    """Return the context of a traceparent; without a valid one, a context that begins a trace."""
    carrier = {"traceparent": traceparent or ""} | (
        {"tracestate": tracestate} if tracestate else {}
    )
    return _PROPAGATOR.extract(carrier, context=Context())


def _without_names(path: str) -> str:
    """Return a path with its ids, but without a part that may be a name."""
    return "/".join(part if _WORD.fullmatch(part) else "{name}" for part in path.split("/"))


def _span_context(traceparent: str) -> trace.SpanContext:
    return trace.get_current_span(_context(traceparent, None)).get_span_context()


def _named(attributes: dict[str, Attribute]) -> dict[str, str | int | float | bool]:
    return {
        _CONVENTIONS.get(name, _PREFIX + name): value
        for name, value in attributes.items()
        if value is not None
    }
