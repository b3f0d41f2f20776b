"""A collector of OpenTelemetry in the test process: it decodes the spans of OTLP/HTTP requests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass
class Collector:
    """The spans that arrived, and the attributes of their resource. ``status``: the status of each response."""

    url: str = ""
    status: int = 200
    spans: list[Any] = field(default_factory=list)
    resource: dict[str, Any] = field(default_factory=dict)

    async def handle(self, request: web.Request) -> web.Response:
        assert request.headers["Content-Type"] == "application/x-protobuf"
        if self.status == 200:
            found = ExportTraceServiceRequest.FromString(await request.read())
            for group in found.resource_spans:
                self.resource = {
                    one.key: one.value.string_value for one in group.resource.attributes
                }
                self.spans += [span for scope in group.scope_spans for span in scope.spans]
        return web.Response(status=self.status, content_type="application/x-protobuf")

    def named(self, name: str) -> list[Any]:
        """Return the spans whose name begins with these words."""
        return [span for span in self.spans if span.name.startswith(name)]


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    collector = Collector()
    application = web.Application(client_max_size=2**24)
    application.router.add_post("/v1/traces", collector.handle)
    server = TestServer(application)
    await server.start_server()
    collector.url = str(server.make_url("")).rstrip("/")
    yield collector
    await server.close()
