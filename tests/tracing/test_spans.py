"""One trace leads from a SCIM request over its journal row to the call to Cal.com."""

import json

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from calscim.reconciler.pass_span import traced_pass
from calscim.testing.calcom.calcom import Fault
from calscim.tracing.spans import OpenTelemetry
from tests.support.stage import address, assigned, staged

CLIENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE = 0x0AF7651916CD43DD8448EB211C80319C


class Spans:
    """The spans that ended, by name."""

    def __init__(self):
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracing = OpenTelemetry(provider.get_tracer("test"))

    def named(self, name):
        return [span for span in self.exporter.get_finished_spans() if span.name.startswith(name)]

    def one(self, name):
        (span,) = self.named(name)
        return span


@pytest.fixture
def spans():
    return Spans()


@pytest.fixture
async def stage(db, spans):
    db.tracing = spans.tracing
    async with staged(db) as made:
        made.okta.session.headers["traceparent"] = CLIENT
        yield made


def authorized(stage):
    return {"Authorization": f"Bearer {stage.okta.token}"}


async def passed(stage, scope="incremental"):
    """Run the pass that follows a push."""
    run = stage.push() if scope == "incremental" else stage.full()
    return await traced_pass(stage.reconciler, scope, run)


async def test_a_push_its_journal_row_and_the_call_to_calcom_are_one_trace(stage, spans):
    await passed(stage, "full")
    spans.exporter.clear()

    await assigned(stage, "ann")
    await passed(stage)

    request = spans.one("POST /scim/v2/{directory}/Users")
    row = spans.one("journal.append")
    action = spans.one("reconcile.action")
    (call,) = [
        one for one in spans.named("POST Cal.com") if one.parent.span_id == action.context.span_id
    ]
    assert request.context.trace_id == TRACE
    assert request.parent.span_id == 0xB7AD6B7169203331
    assert row.parent.span_id == request.context.span_id
    assert action.parent.span_id == request.context.span_id
    assert {one.context.trace_id for one in (row, action, call)} == {TRACE}
    assert (request.kind, call.kind) == (SpanKind.SERVER, SpanKind.CLIENT)


async def test_the_pass_and_the_request_are_linked(stage, spans):
    await passed(stage, "full")
    spans.exporter.clear()

    await assigned(stage, "ann")
    await passed(stage)

    passing, action = spans.one("reconcile.pass"), spans.one("reconcile.action")
    request = spans.one("POST /scim")
    assert passing.context.trace_id != TRACE
    assert [link.context.span_id for link in passing.links] == [request.context.span_id]
    assert [link.context.span_id for link in action.links] == [passing.context.span_id]


async def test_the_journal_row_has_the_span_of_its_request(stage, spans):
    await assigned(stage, "ann")

    request = spans.one("POST /scim")
    stored = await stage.db.fetchval(
        "SELECT traceparent FROM calscim.journal WHERE stream = $1 AND seq = 1", stage.directory.id
    )
    assert stored == f"00-{TRACE:032x}-{request.context.span_id:016x}-01"


async def test_a_refused_change_s_row_has_the_span_too(stage, spans):
    url = f"{stage.okta.base_url}/Users"
    async with stage.session.post(url, json={"userName": ""}, headers=authorized(stage)) as answer:
        assert answer.status == 400

    row = await stage.db.fetchrow(
        "SELECT kind, traceparent FROM calscim.journal WHERE kind = 'refused'"
    )
    assert row["traceparent"].split("-")[1] == f"{TRACE:032x}"
    assert spans.one("POST /scim").status.status_code is StatusCode.UNSET


async def test_a_request_without_a_trace_begins_one(stage, spans):
    del stage.okta.session.headers["traceparent"]

    await assigned(stage, "ann")

    assert spans.one("POST /scim").parent is None


@pytest.mark.parametrize("given", ["", "nonsense", "00-0-0-00", f"ff{CLIENT[2:]}"])
async def test_an_invalid_traceparent_begins_a_trace(stage, spans, given):
    stage.okta.session.headers["traceparent"] = given

    await assigned(stage, "ann")

    assert spans.one("POST /scim").context.trace_id != TRACE


async def test_an_action_behind_an_old_row_belongs_to_its_pass(stage, spans, database):
    import asyncpg

    await assigned(stage, "ann")
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute("ALTER TABLE calscim.journal DISABLE TRIGGER USER")
    await owner.execute("UPDATE calscim.journal SET at = at - interval '2 hours'")
    await owner.close()

    await passed(stage, "full")

    action, passing = spans.one("reconcile.action"), spans.one("reconcile.pass")
    assert action.parent.span_id == passing.context.span_id


async def test_a_failed_call_fails_its_spans(stage, spans):
    await passed(stage, "full")
    await assigned(stage, "ann")
    stage.simulation.faults = [Fault(method="POST", status=400, times=-1)]

    await passed(stage)

    action = spans.one("reconcile.action")
    call = spans.named("POST Cal.com")[-1]
    assert (action.status.status_code, action.attributes["error.type"]) == (
        StatusCode.ERROR,
        "rejected",
    )
    assert (call.status.status_code, call.attributes["error.type"]) == (StatusCode.ERROR, "400")
    assert call.attributes["http.response.status_code"] == 400


async def test_a_request_that_fails_has_no_message_in_its_span(stage, spans, monkeypatch):
    from calscim.scim import users

    async def fail(*_):
        raise LookupError(address("ann"))

    monkeypatch.setattr(users, "read", fail)
    async with stage.session.get(f"{stage.okta.base_url}/Users/1", headers=authorized(stage)):
        pass

    request = spans.one("GET /scim/v2/{directory}/Users/{id}")
    assert (request.status.status_code, request.events) == (StatusCode.ERROR, ())


async def test_no_span_has_personal_data(stage, spans):
    await stage.map("Sales", stage.team_id("Sales"), "managed")
    await assigned(stage, "ann")
    await stage.okta.push_group("Sales", [address("ann")])
    url = f'{stage.okta.base_url}/Users?filter=userName eq "{address("ann")}"'
    async with stage.session.get(url, headers=authorized(stage)) as answer:
        assert answer.status == 200
    async with stage.session.get(
        f"{stage.okta.base_url}/Users/{address('ann')}", headers=authorized(stage)
    ):
        pass
    await passed(stage, "full")

    shown = json.dumps([json.loads(span.to_json()) for span in spans.exporter.get_finished_spans()])
    assert len(spans.named("reconcile.action")) == 2
    assert "@" not in shown
    assert "ann" not in shown.lower().replace("channel", "")
    assert "Sales" not in shown
