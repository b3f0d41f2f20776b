"""The span of a SCIM request. Only used if there is tracing."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from calscim.directory.directory_names import DirectoryNames
from calscim.scim.request import TRACEPARENT
from calscim.tracing import Tracing

Handler = Callable[[web.Request], Awaitable[web.Response]]

BASE = "/scim/v2/{directory}"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_RESOURCES = {
    name.lower(): name
    for name in ("Users", "Groups", "Bulk", "Me", "Schemas", "ResourceTypes", ".search")
} | {"serviceproviderconfig": "ServiceProviderConfig"}


def traced(handle: Handler, tracing: Tracing, names: DirectoryNames) -> Handler:
    """Return the handler with a span around each request."""

    async def handle_traced(request: web.Request) -> web.Response:
        method = request.method if request.method in _METHODS else "_OTHER"
        route = route_of(request.match_info["rest"])
        headers = request.headers
        with tracing.request(
            f"{method} {route}", headers.get("traceparent"), headers.get("tracestate")
        ) as span:
            TRACEPARENT.set(span.traceparent)
            response = await handle(request)
            directory = request.match_info["directory"]
            named = names.fields(directory)
            span.set(
                method=method,
                route=route,
                status_code=response.status,
                request_id=response.headers["X-Request-Id"],
                directory=directory if named else None,
                organization=named.get("organization"),
            )
            if response.status >= 500:
                span.fail(str(response.status))
            return response

    return handle_traced


def route_of(rest: str) -> str:
    """Return the path with placeholders: no id, name or filter of a request becomes part of a span."""
    first, *more = [part for part in rest.split("/") if part] or [""]
    resource = _RESOURCES.get(first.lower())
    if resource is None:
        return BASE
    if not more:
        return f"{BASE}/{resource}"
    return f"{BASE}/{resource}/{'.search' if more[0] == '.search' else '{id}'}"
