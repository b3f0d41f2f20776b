"""The SCIM server: client addresses, methods, request ids, and clients that are slow or disconnect."""

import asyncio
import gzip
import ipaddress
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from multidict import CIMultiDict
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs
from yarl import URL

from calscim.clock import SystemClock
from calscim.config import Scim
from calscim.scim import bodies
from calscim.scim import server as door
from calscim.scim.metrics import Metrics
from tests.scim.conftest import Provider

LOOPBACK = "127.0.0.1"


@asynccontextmanager
async def served(provider, **settings):
    """Serve the same directory by another server."""
    made = door.app(provider.db, Scim(**settings), SystemClock(), Metrics(CollectorRegistry()))
    async with TestServer(made) as server:
        base = str(server.make_url(f"/scim/v2/{provider.directory.id}"))
        yield Provider(provider.session, base, provider.token, provider.directory, provider.db)


async def remote_of(provider, forwarded, *trusted):
    """Return the client address in the journal row of a change."""
    async with served(provider, trusted_proxies=trusted) as behind:
        answer = await behind("POST", "/Users", {"userName": "ann"}, X_Forwarded_For=forwarded)
        assert answer.status == 201
        assert (await behind("DELETE", f"/Users/{answer.body['id']}")).status == 204
    return (await provider.journal())[-2]["remote"]


# -------------------------------------------------------------------- X-Forwarded-For


async def test_a_forwarded_address_of_an_untrusted_client_is_ignored(provider):
    assert await remote_of(provider, "203.0.113.7") == LOOPBACK
    assert await remote_of(provider, "203.0.113.7", "10.0.0.1") == LOOPBACK


@pytest.mark.parametrize(
    ("forwarded", "remote"),
    [
        ("203.0.113.7", "203.0.113.7"),
        (" 203.0.113.7 ", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::7"),
        (
            "198.51.100.9, 203.0.113.7",
            "203.0.113.7",
        ),  # what the caller wrote itself stands further left
        ("203.0.113.7, 10.0.0.1", "203.0.113.7"),  # past proxies that are trusted too
        ("203.0.113.7, 10.0.0.1, 127.0.0.1", "203.0.113.7"),
        ("203.0.113.7, nonsense", LOOPBACK),  # no further than what can be read
        ("10.0.0.1", LOOPBACK),
        ("unknown", LOOPBACK),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("203.0.113.7, 10.0.0.1:443", "203.0.113.7"),
        ("203.0.113.7, 10.1.2.3, 10.0.0.1", "203.0.113.7"),
        (",,,", LOOPBACK),
        ("", LOOPBACK),
    ],
)
async def test_a_trusted_proxy_names_the_client(provider, forwarded, remote):
    assert await remote_of(provider, forwarded, "127.0.0.0/8", "10.0.0.0/8") == remote


async def test_several_lines_of_addresses_are_one_list(provider):
    forged = [("X-Forwarded-For", "198.51.100.9"), ("X-Forwarded-For", "203.0.113.7, 10.0.0.1")]
    async with served(provider, trusted_proxies=("127.0.0.1", "10.0.0.0/8")) as behind:
        sent = [
            ("Authorization", f"Bearer {provider.token}"),
            ("Content-Type", "application/json"),
            *forged,
        ]
        async with provider.session.post(
            f"{behind.base}/Users", data=b'{"userName": "ann"}', headers=CIMultiDict(sent)
        ) as answer:
            assert answer.status == 201, await answer.text()

    assert (await provider.journal())[-1]["remote"] == "203.0.113.7"


async def test_a_very_long_chain_of_addresses_is_read_from_the_right(provider):
    chain = ", ".join(str(ipaddress.ip_address(number)) for number in range(1, 400))

    assert await remote_of(provider, f"{chain}, 203.0.113.7", LOOPBACK) == "203.0.113.7"


async def test_guessers_behind_a_proxy_do_not_lock_each_other_out(provider):
    async with served(provider, trusted_proxies=(LOOPBACK,)) as behind:
        for _ in range(31):
            guess = await behind(
                "GET", "/Users", Authorization="Bearer x", X_Forwarded_For="203.0.113.7"
            )

        other = await behind(
            "GET", "/Users", Authorization="Bearer x", X_Forwarded_For="203.0.113.8"
        )

    assert (guess.status, other.status) == (429, 401)


# -------------------------------------------------------------------- methods


async def test_head_is_answered_like_get_without_a_body(provider):
    ann = await provider.user("ann@acme.com")

    got, head = [await provider(method, f"/Users/{ann}") for method in ("GET", "HEAD")]

    assert (head.status, head.body) == (200, None)
    for name in ("ETag", "Content-Type", "Content-Length"):
        assert head.headers[name] == got.headers[name]
    assert (await provider("HEAD", "/Users/nobody")).status == 404
    assert (await provider("HEAD", "/Users", Authorization="Bearer x")).status == 401


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("OPTIONS", "/Users", "GET, POST, HEAD"),
        ("OPTIONS", "/Groups/x", "GET, PUT, PATCH, DELETE, HEAD"),
        ("OPTIONS", "/Schemas", "GET, HEAD"),
        ("OPTIONS", "/Bulk", "POST"),
        ("TRACE", "/Users", "GET, POST, HEAD"),
        ("DELETE", "/Users", "GET, POST, HEAD"),
        ("POST", "/Users/x", "GET, PUT, PATCH, DELETE, HEAD"),
        ("HEAD", "/Bulk", "POST"),
        ("PUT", "", "GET, HEAD"),
    ],
)
async def test_any_other_method_is_405_with_the_supported_methods(provider, method, path, allow):
    answer = await provider(method, path)

    assert (answer.status, answer.headers.get("Allow")) == (405, allow)


@pytest.mark.parametrize(
    "path", ["/Users/%0A", "/%0a/x", "//%0D%0Ax", "/%00", "/%2F%2e%2e", "/Users/a/b"]
)
async def test_a_path_of_any_letters_gets_a_scim_error(provider, path):
    answer = await provider("GET", path)

    assert answer.status == 404
    assert answer.body["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]


@pytest.mark.parametrize("path", [b"/Users/%ff", b"/Users/%00", b"/Users/%ed%a0%80"])
async def test_invalid_utf8_in_a_path_gets_a_scim_error_and_a_journal_row(provider, path):
    head = head_of(provider, 0).replace(b"POST", b"DELETE").replace(b"/Users", path)
    reader, writer = await connected(provider)

    writer.write(head)
    answer = await asyncio.wait_for(reader.readuntil(b"}"), 10)
    writer.close()
    await writer.wait_closed()

    assert answer.startswith(b"HTTP/1.1 404 ")
    [row] = await provider.journal()
    assert (row["kind"], row["status"]) == ("refused", 404)


async def test_a_path_of_any_letters_outside_gets_a_scim_error(provider):
    root = provider.base.partition("/scim")[0]

    async with provider.session.get(URL(f"{root}/a%0Ab", encoded=True)) as answer:
        assert answer.status == 404
        assert "/scim/v2/" in (await answer.json(content_type=None))["detail"]


# -------------------------------------------------------------------- request ids


@pytest.mark.parametrize("given", ["abc", "a.b_c:d/e+f=g-1", "x" * 100])
async def test_a_request_id_is_in_the_response_the_journal_and_the_log(provider, given):
    with capture_logs() as logs:
        answer = await provider("POST", "/Users", {"userName": "ann"}, X_Request_Id=given)

    assert answer.headers["X-Request-Id"] == given
    assert (await provider.journal())[-1]["request_id"] == given
    assert [entry["request_id"] for entry in logs if entry["event"] == "scim.request"] == [given]


@pytest.mark.parametrize("given", ["x" * 101, "a b", "é", "a;b", '"', "$(id)"])
async def test_an_invalid_request_id_is_replaced(provider, given):
    answers = [await provider("GET", "/Users", X_Request_Id=given) for _ in range(2)]

    ids = {answer.headers["X-Request-Id"] for answer in answers}
    assert len(ids) == 2
    assert given not in ids


async def test_refusals_have_a_request_id_too(provider):
    for answer in (
        await provider("GET", "/Users", Authorization="Bearer x", X_Request_Id="a"),
        await provider("GET", "/Nothing", X_Request_Id="a"),
        await provider("POST", "/Users", raw=b"{", X_Request_Id="a"),
    ):
        assert answer.status >= 400
        assert answer.headers["X-Request-Id"] == "a"


# -------------------------------------------------------------------- slow clients, and those who leave


def head_of(provider, length):
    path = provider.base.partition("//")[2].partition("/")[2]
    return (
        f"POST /{path}/Users HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n"
        f"Authorization: Bearer {provider.token}\r\n\r\n"
    ).encode()


async def connected(provider):
    host, _, port = provider.base.partition("//")[2].partition("/")[0].partition(":")
    return await asyncio.open_connection(host, int(port))


async def test_a_body_that_does_not_arrive_is_408(provider, monkeypatch):
    monkeypatch.setattr(bodies, "SLOW_BODY", 0.05)
    reader, writer = await connected(provider)

    writer.write(head_of(provider, 1000) + b'{"userName": ')
    answer = await asyncio.wait_for(reader.readuntil(b"}"), 10)
    writer.close()
    await writer.wait_closed()

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"status": "408"' in answer
    assert await provider.db.fetchval("SELECT count(*) FROM calscim.users") == 0


async def test_a_client_that_disconnects_within_its_body_is_not_a_server_error(provider):
    made = door.app(provider.db, Scim(), SystemClock(), Metrics(CollectorRegistry()))
    runner = web.AppRunner(made)  # as the daemon has it: a handler outlives its client
    await runner.setup()
    await web.TCPSite(runner, LOOPBACK, 0).start()
    port = runner.addresses[0][1]
    with capture_logs() as logs:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
        writer.write(head_of(provider, 1000) + b'{"userName": ')
        await writer.drain()
        async with provider.session.get(f"http://{LOOPBACK}:{port}/") as other:
            assert other.status == 404  # so the request above is being read by now
        writer.close()
        await writer.wait_closed()
        await runner.cleanup()

    assert [entry["status"] for entry in logs if entry.get("method") == "POST"] == [400]
    assert not [entry for entry in logs if entry["log_level"] in ("error", "critical")]
    assert await provider.db.fetchval("SELECT count(*) FROM calscim.users") == 0


async def test_a_body_in_pieces_is_one_body(provider):
    async def pieces():
        for piece in (b'{"user', b'Name": "', b"ann", b'"}'):
            yield piece

    sent = {"Authorization": f"Bearer {provider.token}", "Content-Type": "application/json"}
    async with provider.session.post(
        f"{provider.base}/Users", data=pieces(), headers=sent
    ) as answer:
        assert answer.status == 201


@pytest.mark.parametrize(
    ("encoding", "raw"),
    [
        ("Content-Encoding: gzip", b"no gzip at all"),
        ("Content-Encoding: deflate", b"\xff" * 100),
        ("Transfer-Encoding: chunked", b"zz\r\nabc\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked", b"5\r\nabcdefgh\r\n0\r\n\r\n"),
    ],
)
async def test_a_body_that_cannot_be_decoded_is_400(provider, encoding, raw):
    head = head_of(provider, len(raw)).decode()
    if "chunked" in encoding:
        head = head.replace(f"Content-Length: {len(raw)}\r\n", "")
    head = head.replace("\r\n\r\n", f"\r\n{encoding}\r\n\r\n")
    with capture_logs() as logs:
        reader, writer = await connected(provider)
        writer.write(head.encode() + raw)
        line = await asyncio.wait_for(reader.readline(), 10)
        writer.close()
        await writer.wait_closed()

    assert line.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    assert not [entry for entry in logs if entry["log_level"] in ("error", "critical")]
    assert (await provider("GET", "/Users")).status == 200


async def test_a_body_that_is_too_large_after_decompression_is_413(provider):
    raw = gzip.compress(b'{"userName": "' + b"x" * 50_000_000 + b'"}')
    sent = {
        "Authorization": f"Bearer {provider.token}",
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
    }

    async with provider.session.post(f"{provider.base}/Users", data=raw, headers=sent) as answer:
        assert answer.status == 413


async def test_a_compressed_request_is_accepted(provider):
    raw = gzip.compress(b'{"userName": "ann"}')

    answer = await provider("POST", "/Users", raw=raw, Content_Encoding="gzip")

    assert answer.status == 201


async def test_headers_that_are_too_long_are_refused(provider):
    async with provider.session.get(
        f"{provider.base}/Users", headers={"X-Long": "x" * 100_000}
    ) as answer:
        assert answer.status == 400

    assert (await provider("GET", "/Users")).status == 200


async def test_a_connection_that_speaks_no_http_is_closed(provider):
    reader, writer = await connected(provider)

    writer.write(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello over TLS\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await writer.wait_closed()

    assert answer.startswith(b"HTTP/1.") and b" 400 " in answer.partition(b"\r\n")[0]
    assert (await provider("GET", "/Users")).status == 200


async def test_two_responses_on_one_connection_are_not_mixed_up(provider):
    ann = await provider.user("ann@acme.com")
    connector = aiohttp.TCPConnector(limit=1)

    async with aiohttp.ClientSession(connector=connector) as session:
        alone = Provider(session, provider.base, provider.token, provider.directory, provider.db)
        for _ in range(3):
            assert (await alone("POST", "/Users", raw=b"{")).status == 400
            assert (await alone("HEAD", f"/Users/{ann}")).status == 200
            assert (await alone("GET", f"/Users/{ann}")).body["id"] == ann
