"""The span of a pass."""

from collections.abc import Awaitable

from calscim.reconciler.reconcile import Reconciler
from calscim.reconciler.report import Report
from calscim.tracing import span_of


async def traced_pass(reconciler: Reconciler, scope: str, run: Awaitable[Report]) -> Report:
    """Await a pass within its span, and return its report."""
    organization = reconciler.organization
    with span_of(
        reconciler.db.tracing, "reconcile.pass", parent="", organization=organization, scope=scope
    ) as span:
        reconciler.span = span
        report = await run
        span.set(
            in_sync=report.in_sync,
            complete=report.complete,
            held=report.held,
            pending=report.pending,
        )
        if report.unreachable is not None:
            span.fail(report.unreachable_kind.value)
        return report
