"""Connections: limits on number and time, and errors in the same form as all others."""

import asyncio
import json
import socket
from contextlib import asynccontextmanager

import pytest
import uvloop
from aiohttp import web
from prometheus_client import CollectorRegistry

from calscim.app import connections
from calscim.app.connections import Connections, Runner, connection_limit
from calscim.app.listeners import bound, listen
from calscim.clock import SystemClock
from calscim.config import Scim
from calscim.scim.client_address import TrustedProxies
from calscim.scim.metrics import Metrics
from calscim.scim.responses import error_response
from calscim.scim.server import app

ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


@asynccontextmanager
async def listening(application, most=10, of_a_client=10, proxies=()):
    limits = Connections(most, of_a_client, TrustedProxies.of(proxies))
    runner = Runner(application, limits, error_response)
    await runner.setup()
    try:
        site = await listen(runner, "127.0.0.1:0", name="scim")
        host, _, port = bound(site).rpartition(":")
        yield host, int(port)
    finally:
        await runner.cleanup()


@pytest.fixture
def application(db):
    return app(db, Scim(), SystemClock(), Metrics(CollectorRegistry()))


async def said(address, sent):
    """Return the answer to these bytes: status, headers, JSON."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(sent)
    answer = await asyncio.wait_for(reader.read(), 15)
    writer.close()
    return parsed(answer)


def parsed(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {line.partition(": ")[0]: line.partition(": ")[2] for line in lines}
    return int(first.split()[1]), headers, json.loads(body) if body else None


CLOSE = b"Host: x\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n" + CLOSE, 400),
        (b"GETT / HTTP/1.1\r\n" + CLOSE, 400),
        (b"GET / HTTP/1.1\r\nbad header\r\n" + CLOSE, 400),
        (b"GET / HTTP/1.1\r\nContent-Length: x\r\n" + CLOSE, 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 over TLS\r\n\r\n", 400),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n" + CLOSE, 414),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n" + CLOSE, 431),
        (b"OPTIONS * HTTP/1.1\r\n" + CLOSE, 404),
        (b"GET /scim/v2/x/Users HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
        (b"GET /scim/v2/x/Users HTTP/1.1\r\nHost: a\r\n" + CLOSE, 400),
        (b"GET /scim/v2/x/Users HTTP/1.1\r\nExpect: x\r\n" + CLOSE, 417),
        (b"GET /elsewhere HTTP/1.1\r\n" + CLOSE, 404),
    ],
)
async def test_every_refusal_is_a_scim_error(application, sent, status):
    async with listening(application) as address:
        answered, headers, body = await said(address, sent)

    assert answered == status
    assert headers["Content-Type"] == "application/scim+json"
    assert headers["Server"] == "calscim"
    assert body["schemas"] == [ERROR]
    assert body["status"] == str(status)
    assert "aiohttp" not in json.dumps(body) + json.dumps(headers)


async def test_missing_headers_end_the_connection(application, monkeypatch):
    monkeypatch.setattr(connections, "HEADERS_TIMEOUT", 0.05)
    async with listening(application) as address:
        silent = await said(address, b"")
        slow = await said(address, b"GET / HTTP/1.1\r\nHost: ")

    assert silent[0] == slow[0] == 408
    assert silent[2]["schemas"] == [ERROR]


def test_headers_that_arrive_together_with_the_connection_have_a_timeout(monkeypatch):
    monkeypatch.setattr(connections, "HEADERS_TIMEOUT", 0.05)

    async def late_answer():
        async with listening(web.Application()) as address:
            client = socket.create_connection(address)  # the kernel accepts it, and keeps the bytes
            client.sendall(b"GET / HTTP/1.1\r\nHo")
            reader, writer = await asyncio.open_connection(sock=client)
            answer = await asyncio.wait_for(reader.read(), 5)
            writer.close()
            return answer

    # The daemon's event loop reads a new connection before aiohttp waits for a request on it.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert parsed(runner.run(late_answer()))[0] == 408


async def test_the_headers_of_a_later_request_have_a_timeout(application, monkeypatch):
    monkeypatch.setattr(connections, "HEADERS_TIMEOUT", 0.1)
    async with listening(application) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b" 404 " in await reader.readline()
        await reader.readuntil(b"}")
        writer.write(b"GET / HTTP/1.1\r\nHo")
        late = await asyncio.wait_for(reader.read(), 15)
        writer.close()

    assert parsed(late)[0] == 408


async def test_an_idle_connection_has_no_headers_timeout(monkeypatch):
    monkeypatch.setattr(connections, "HEADERS_TIMEOUT", 0.02)
    later = asyncio.Event()

    async def answer(_):
        asyncio.get_running_loop().call_later(0.2, later.set)
        return web.Response(text="ok")

    application = web.Application()
    application.router.add_get("/", answer)
    async with listening(application) as address:
        reader, writer = await asyncio.open_connection(*address)
        for _ in range(2):
            later.clear()
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b" 200 " in await asyncio.wait_for(reader.readline(), 10)
            await reader.readuntil(b"ok")
            await later.wait()
        writer.close()


async def test_a_slow_body_has_no_headers_timeout(monkeypatch):
    monkeypatch.setattr(connections, "HEADERS_TIMEOUT", 0.02)
    begun = asyncio.Event()

    async def answer(request):
        begun.set()
        return web.Response(text=await request.text())

    application = web.Application()
    application.router.add_post("/", answer)
    async with listening(application) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab")
        await begun.wait()
        waited = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.1, waited.set_result, None)
        await waited
        writer.write(b"cd")
        assert b" 200 " in await asyncio.wait_for(reader.readline(), 10)
        writer.close()


async def test_a_connection_beyond_the_limit_gets_an_error_and_is_closed(application):
    async with listening(application, most=2) as address:
        held = [await asyncio.open_connection(*address) for _ in range(2)]
        for reader, writer in held:
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b" 404 " in await reader.readline()

        refused = await said(address, b"")
        held[0][1].close()
        await held[0][1].wait_closed()
        served = await said(address, b"GET / HTTP/1.1\r\n" + CLOSE)
        held[1][1].close()

    assert refused[0] == 503
    assert refused[1]["Retry-After"]
    assert served[0] == 404


@pytest.mark.parametrize(("proxies", "status"), [((), 503), (("127.0.0.0/8",), 404)])
async def test_a_proxy_can_have_all_connections_and_a_client_cannot(application, proxies, status):
    async with listening(application, of_a_client=1, proxies=proxies) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readline()

        answered = await said(address, b"GET / HTTP/1.1\r\n" + CLOSE)
        writer.close()

    assert answered[0] == status


@pytest.mark.parametrize(("descriptors", "most"), [(16_384, 2_000), (1_024, 334), (64, 16)])
def test_connections_leave_descriptors_for_everything_else(descriptors, most):
    assert connection_limit(descriptors) == most


async def test_a_method_that_the_router_does_not_know_is_answered_with_the_allowed_ones():
    async def handler(_):
        return web.Response(text="ok")

    application = web.Application()
    application.router.add_get("/healthz", handler)

    async with listening(application) as address:
        status, headers, body = await said(address, b"TRACE /healthz HTTP/1.1\r\n" + CLOSE)

    assert (status, headers["Allow"]) == (405, "GET, HEAD")
    assert body["detail"] == "TRACE is not supported here: use GET or HEAD"
