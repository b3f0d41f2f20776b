"""Spans of the actions of a pass: each continues the trace of the SCIM request that asked for it."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from calscim.planner.actions import Action, Provenance
from calscim.postgres.pool import Database
from calscim.reconciler.state.attempts import traceparents
from calscim.tracing import NO_SPAN, Span, Tracing, span_of


@dataclass(frozen=True, slots=True)
class ActionTraces:
    """Opens the spans of actions. ``requests``: the span of the request behind each journal row, where there is one."""

    tracing: Tracing | None = None
    pass_span: Span = NO_SPAN
    organization: str = ""
    requests: Mapping[Provenance, str] = field(default_factory=dict)

    @classmethod
    async def of(
        cls, db: Database, pass_span: Span, organization: str, causes: Iterable[Provenance]
    ) -> "ActionTraces":
        """Read the spans behind the journal rows, and link the pass to them."""
        if db.tracing is None:
            return cls()
        requests = await traceparents(db, causes)
        pass_span.link(sorted(set(requests.values())))
        return cls(db.tracing, pass_span, organization, requests)

    def open(self, action: Action) -> AbstractContextManager[Span]:
        """Open the span of an action: in the trace of its request, with a link to the pass, or else in the pass."""
        cause = action.provenance
        parent = None if cause is None else self.requests.get(cause)
        return span_of(
            self.tracing,
            "reconcile.action",
            parent=parent,
            links=() if parent is None else (self.pass_span.traceparent,),
            organization=self.organization,
            kind=action.kind.value,
            stream=None if cause is None else cause.stream,
            seq=None if cause is None else cause.seq,
        )
