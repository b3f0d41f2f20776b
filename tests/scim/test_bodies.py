"""Compressed bodies are decompressed after authentication, step by step, and never beyond the limit."""

import asyncio
import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calscim.errors import ScimError
from calscim.scim import bodies

BODY = b'{"userName": "ann"}'
MOST = 1024 * 1024  # of the fixture's server


def packed(content):
    return gzip.compress(content, mtime=0)  # the names of tests must not depend on the time


def raw_deflate(content):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(content) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", packed(BODY)),
        ("x-gzip", packed(BODY)),
        ("GZip", packed(BODY)),
        ("identity, gzip", packed(BODY)),
        ("gzip", packed(BODY[:5]) + packed(BODY[5:])),
        ("deflate", zlib.compress(BODY)),
        ("deflate", raw_deflate(BODY)),
        ("identity", BODY),
        ("", BODY),
    ],
)
async def test_each_content_coding_of_http_is_decompressed(provider, coding, body):
    answer = await provider("POST", "/Users", raw=body, Content_Encoding=coding)

    assert answer.status == 201
    assert answer.body["userName"] == "ann"


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "compress", "nonsense"])
async def test_another_coding_is_415_and_the_response_names_the_supported_ones(provider, coding):
    answer = await provider("POST", "/Users", raw=BODY, Content_Encoding=coding)

    assert answer.status == 415
    assert answer.body["status"] == "415"
    assert answer.headers["Accept-Encoding"] == "gzip, deflate"


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b"no gzip at all"),
        ("gzip", packed(BODY)[:-3]),
        ("gzip", packed(BODY)[:12]),
        ("gzip", packed(BODY) + b"more"),
        ("gzip", packed(b"") * 20_000),
        ("gzip", zlib.compress(BODY)),
        ("deflate", b"\xff" * 100),
        ("deflate", zlib.compress(BODY)[:-2]),
        ("deflate", zlib.compress(BODY) * 2),
    ],
)
async def test_a_body_that_cannot_be_decompressed_is_400_with_a_detail(provider, coding, body):
    answer = await provider("POST", "/Users", raw=body, Content_Encoding=coding)

    assert answer.status == 400
    assert answer.body["detail"].startswith("the body does not match its Content-Encoding")


@pytest.mark.parametrize("pack", [packed, zlib.compress, raw_deflate])
async def test_a_body_that_swells_is_413(provider, pack):
    coding = "gzip" if pack is packed else "deflate"

    answer = await provider("POST", "/Users", raw=pack(bytes(50_000_000)), Content_Encoding=coding)

    assert answer.status == 413


@pytest.mark.parametrize("token", ["wrong", "", None])
async def test_no_body_of_an_unauthenticated_client_is_decompressed(provider, monkeypatch, token):
    unpacked = []
    monkeypatch.setattr(zlib, "decompressobj", lambda *_: unpacked.append(1))
    bomb = packed(bytes(5_000_000))

    answer = await provider(
        "POST",
        "/Users",
        raw=bomb,
        Content_Encoding="gzip",
        Authorization="" if token is None else f"Bearer {token}",
    )

    assert answer.status == 401
    assert unpacked == []


async def test_a_length_beyond_the_limit_is_refused_without_reading(provider):
    host, _, port = provider.base.partition("//")[2].partition("/")[0].partition(":")
    path = provider.base.partition("//")[2].partition("/")[2]
    reader, writer = await asyncio.open_connection(host, int(port))

    writer.write(
        f"POST /{path}/Users HTTP/1.1\r\nHost: x\r\nContent-Length: {MOST + 1}\r\n"
        f"Authorization: Bearer {provider.token}\r\n\r\n".encode()
    )
    answer = await asyncio.wait_for(reader.readuntil(b"}"), 10)
    writer.close()

    assert b" 413 " in answer.partition(b"\r\n")[0]


@pytest.mark.parametrize(("token", "first"), [(True, b" 100 "), (False, b" 401 ")])
async def test_a_client_that_expects_100_gets_it_only_with_a_valid_token(provider, token, first):
    host, _, port = provider.base.partition("//")[2].partition("/")[0].partition(":")
    path = provider.base.partition("//")[2].partition("/")[2]
    reader, writer = await asyncio.open_connection(host, int(port))
    bearer = provider.token if token else "wrong"

    writer.write(
        f"POST /{path}/Users HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n"
        f"Expect: 100-continue\r\nAuthorization: Bearer {bearer}\r\n\r\n".encode()
    )
    line = await asyncio.wait_for(reader.readline(), 10)
    if token:
        await reader.readline()
        writer.write(BODY)
        assert b" 201 " in await asyncio.wait_for(reader.readline(), 10)
    writer.close()

    assert first in line


async def test_another_expectation_is_417(provider):
    answer = await provider("GET", "/Users", Expect="202-accepted")

    assert answer.status == 417
    assert answer.body["status"] == "417"


@given(st.binary(max_size=200_000), st.sampled_from(["gzip", "deflate"]))
def test_a_compressed_body_is_decompressed(content, coding):
    body = packed(content) if coding == "gzip" else zlib.compress(content)

    assert asyncio.run(bodies.decompress(body, coding, 200_000)) == content


@given(st.binary(min_size=1, max_size=2_000), st.sampled_from(["gzip", "deflate"]))
def test_an_invalid_compressed_body_is_refused_and_never_fails(content, coding):
    try:
        made = asyncio.run(bodies.decompress(content, coding, 1_000_000))
    except ScimError as refused:
        assert refused.status in (400, 413)
    else:
        assert len(made) <= 1_000_000
