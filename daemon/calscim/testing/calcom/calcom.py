"""A simulated Cal.com over HTTP, with authentication, rate limits, faults and a count of the calls."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from calscim.clock import SystemClock
from calscim.testing.calcom import shapes
from calscim.testing.calcom.admission import (
    TOO_MANY,
    check_key_form,
    check_key_state,
    check_permissions,
    is_api_key,
)
from calscim.testing.calcom.faults import Fault
from calscim.testing.calcom.manual_edits import ManualEdits
from calscim.testing.calcom.requests import json_refusal
from calscim.testing.calcom.routes import Routes
from calscim.testing.calcom.shapes import Refused
from calscim.testing.calcom.throttle import Limit, Throttle
from calscim.testing.calcom.world import World

__all__ = ["Call", "Fault", "Limit", "Simulation", "World", "run", "serve"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it was received."""

    method: str
    path: str
    body: Any
    request_id: str
    traceparent: str = ""


@dataclass(slots=True)
class Simulation:
    """A world over HTTP. ``calls`` counts by method and path, with ``#`` for numbers."""

    world: World
    limit: int | tuple[Limit, ...] | None = (
        None  # calls per minute, or several limits; None: no limit
    )
    faults: list[Fault] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    writes: list[Call] = field(default_factory=list)  # the calls that change something
    shuffled: bool = False  # each call returns the whole list in another order
    clock: Callable[[], float] = SystemClock().monotonic
    throttle: Throttle = field(init=False)
    token_throttle: Throttle = field(init=False)  # for access tokens

    def __post_init__(self) -> None:
        self.throttle = Throttle(self.limit, self.clock)
        self.token_throttle = Throttle(500 if self.limit else None, self.clock)

    @property
    def throttled(self) -> int:
        """Return the number of calls refused with 429."""
        return self.throttle.refused

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._answer], client_max_size=2**22)
        Routes(self.world, lambda: self.shuffled).add_to(app)
        ManualEdits(self).add_to(app)
        return app

    @web.middleware
    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/_sim/"):
            return await handler(request)
        await self._count(request)
        headers: dict[str, str] = {}
        try:
            await self._check_request(request)
            authorization = request.headers.get("Authorization")
            check_key_form(self.world, authorization)
            assert authorization is not None
            is_key = is_api_key(self.world, authorization)
            headers, is_allowed = (self.throttle if is_key else self.token_throttle).take()
            if not is_allowed:
                raise TOO_MANY
            check_key_state(self.world, authorization)
            return await self._with_faults(request, handler, headers)
        except Refused as refused:
            return shapes.failure(refused, request.path_qs, headers)

    async def _check_request(self, request: web.Request) -> None:
        """Raise Refused for an invalid body or path, which Cal.com checks before the key."""
        if request.content_type == "application/json":
            refused = json_refusal(await request.read())
            if refused is not None:
                raise refused
        if request.match_info.http_exception is not None:
            message = f"Cannot {request.method} {request.path}"
            raise Refused(404, "NotFoundException", message)

    async def _count(self, request: web.Request) -> None:
        template = "/".join("#" if part.isdecimal() else part for part in request.path.split("/"))
        self.calls[f"{request.method} {template}"] += 1
        if request.method != "GET":
            text = await request.read()
            try:
                body = orjson.loads(text)
            except orjson.JSONDecodeError:
                body = text.decode(errors="replace")
            request_id = request.headers.get("X-Request-Id", "")
            traceparent = request.headers.get("traceparent", "")
            self.writes.append(Call(request.method, request.path, body, request_id, traceparent))

    # ---------------------------------------------------------------- faults

    async def _with_faults(
        self, request: web.Request, handler: Handler, headers: dict[str, str]
    ) -> web.StreamResponse:
        fault = self._fault(request)
        if fault is not None and not fault.after:
            replacement = await self._apply_fault(fault, request)
            if replacement is not None:
                return replacement
        check_permissions(self.world, request.match_info.get("org"))
        response = await handler(request)
        if fault is not None and fault.effect == "twice":
            response = await handler(request)
        if fault is not None and fault.after:
            replacement = await self._apply_fault(fault, request)
            response = self._corrupt_list(fault, response) if replacement is None else replacement
        response.headers.update(headers)
        return response

    def _fault(self, request: web.Request) -> Fault | None:
        random = self.world.random
        return next(
            (one for one in self.faults if one.applies_to(request.method, request.path, random)),
            None,
        )

    async def _apply_fault(self, fault: Fault, request: web.Request) -> web.Response | None:
        """Return the faulty response, or None if the call continues."""
        match fault.effect:
            case "status":
                return shapes.uncaught_error(fault.status)
            case "malformed":
                return web.Response(text="<html>oops</html>", content_type="text/html")
            case "drop":
                if request.transport is not None:
                    request.transport.close()
                return web.Response()
            case "hang":
                await asyncio.sleep(fault.seconds)
        return None

    def _corrupt_list(self, fault: Fault, response: web.StreamResponse) -> web.StreamResponse:
        """Return a list with rows missing or repeated, and any other response unchanged."""
        if not isinstance(response, web.Response) or not isinstance(response.body, bytes):
            return response
        data = orjson.loads(response.body)["data"]
        if not isinstance(data, list) or not data:
            return response
        match fault.effect:
            case "empty":
                data = []
            case "short":
                data = data[: len(data) // 2]
            case "repeat":
                data = [*data[:-1], data[0]]
        return shapes.success(data, response.status)


@asynccontextmanager
async def serve(
    world: World, host: str = "127.0.0.1", port: int = 0, simulation: Simulation | None = None
) -> AsyncIterator[str]:
    """Serve a world, and yield its URL."""
    application = (simulation or Simulation(world)).application()
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        bound = runner.addresses[0]
        yield f"http://{bound[0]}:{bound[1]}"
    finally:
        await runner.cleanup()


async def run(listen: str, world: World, limit: int | None = 120) -> None:
    """Serve until cancelled."""
    host, _, port = listen.rpartition(":")
    async with serve(world, host, int(port), Simulation(world, limit=limit)):
        await asyncio.Event().wait()
