"""Spans of SCIM requests, journal rows, passes and calls to Cal.com.

Other rooms use ``Tracing``, which is None unless the environment asks for traces (OTEL_*, tracing/environment.py).
OpenTelemetry is imported only then. Attributes of spans are ids, counts and names of operations: never an address, a
name of a person, a body or a query string.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, TypeAlias

Attribute: TypeAlias = "str | int | float | bool | None"


class Span(Protocol):
    """An open span."""

    @property
    def traceparent(self) -> str:
        """Return the span as W3C Trace Context writes it."""
        ...

    def set(self, **attributes: Attribute) -> None:
        """Set attributes; None is left out."""
        ...

    def fail(self, reason: str) -> None:
        """Mark the span as failed. ``reason``: a fixed word, such as the kind of an error."""
        ...

    def link(self, traceparents: Iterable[str]) -> None:
        """Link the span to other spans."""
        ...


class Tracing(Protocol):
    """Records spans. The span of the present task is the parent of the next one."""

    def request(
        self, name: str, traceparent: str | None, tracestate: str | None
    ) -> AbstractContextManager[Span]:
        """Open the span of a received request, in the trace of its client if it sent one."""
        ...

    def span(
        self,
        name: str,
        *,
        parent: str | None = None,
        links: Sequence[str] = (),
        **attributes: Attribute,
    ) -> AbstractContextManager[Span]:
        """Open a span. ``parent``, ``links``: traceparents. ``parent`` "": the span begins a trace."""
        ...

    def call(self, method: str, path: str, host: str) -> AbstractContextManager[Span]:
        """Open the span of a sent request."""
        ...


class _NoSpan:
    """The span of a process without tracing."""

    traceparent = ""

    def set(self, **_: Attribute) -> None:
        """Do nothing."""

    def fail(self, _: str) -> None:
        """Do nothing."""

    def link(self, _: Iterable[str]) -> None:
        """Do nothing."""


NO_SPAN: Span = _NoSpan()


def span_of(
    tracing: Tracing | None,
    name: str,
    *,
    parent: str | None = None,
    links: Sequence[str] = (),
    **attributes: Attribute,
) -> AbstractContextManager[Span]:
    """Open a span if there is tracing."""
    if tracing is None:
        return nullcontext(NO_SPAN)
    return tracing.span(name, parent=parent, links=links, **attributes)
