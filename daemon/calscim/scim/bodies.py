"""Reads the body of a request, and decompresses it step by step.

aiohttp does not decompress bodies (``auto_decompress`` is off), so a body is decompressed only after its sender is
authenticated, and never beyond the limit. RFC 9110 section 8.4.1 defines the content codings.
"""

import asyncio
import zlib
from collections.abc import Iterator

from aiohttp import web

from calscim.errors import ScimError

SLOW_BODY = 20.0  # seconds for a body to arrive
LARGE = 65_536  # bytes: before a larger body is read, the token is looked up again
INPUT_STEP = 16_384  # bytes that zlib gets at once: it copies what it does not use
OUTPUT_STEP = 65_536  # bytes that zlib returns at once, about 0.2 ms of work
YIELD_AFTER = 524_288  # bytes, in or out, after which other requests run: about 2 ms of work
MAX_GZIP_MEMBERS = 16  # of one body: a member takes zlib about 10 microseconds, even if it is empty
CODINGS = ("gzip", "x-gzip", "deflate")
_GZIP, _ZLIB, _RAW = 31, 15, -15  # zlib's wbits


async def read(request: web.Request, limit: int) -> bytes:
    """Return the decompressed body of an authenticated request.

    Raise ScimError 400, 408, 413 (more than ``limit`` bytes, before or after decompression) or 415 (unknown content
    coding).
    """
    coding = _coding(request)
    if not request.can_read_body:
        return b""
    if request.content_length is not None and request.content_length > limit:
        raise _too_large(limit)
    raw = await _receive(request, limit)
    return await decompress(raw, coding, limit) if coding and raw else raw


def is_large(request: web.Request) -> bool:
    """Return True for a body that is large, or whose length is unknown."""
    return request.can_read_body and (
        request.content_length is None or request.content_length > LARGE
    )


def _coding(request: web.Request) -> str | None:
    given = ",".join(request.headers.getall("Content-Encoding", ()))
    codings = [coding.strip().lower() for coding in given.split(",")]
    codings = [coding for coding in codings if coding not in ("", "identity")]
    if not codings:
        return None
    if len(codings) > 1 or codings[0] not in CODINGS:
        raise ScimError(
            415,
            "this Content-Encoding is not supported: use gzip or deflate, or none",
            headers={"Accept-Encoding": "gzip, deflate"},
        )
    return codings[0]


async def _receive(request: web.Request, limit: int) -> bytes:
    try:
        if request.content.is_eof():  # most bodies arrive with their headers
            return await request.read()
        await _send_continue(request)
        async with asyncio.timeout(SLOW_BODY):
            return await request.read()
    except TimeoutError as error:
        raise ScimError(408, "the body did not arrive in time: send it again") from error
    except (ConnectionError, web.RequestPayloadError) as error:
        raise ScimError(400, "the body is incomplete or malformed: send it again") from error
    except web.HTTPRequestEntityTooLarge as error:
        raise _too_large(limit) from error


async def _send_continue(request: web.Request) -> None:
    """Answer "Expect: 100-continue" (RFC 9110 section 10.1.1). The sender is authenticated by now."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the response has not begun


async def decompress(raw: bytes, coding: str, limit: int) -> bytes:
    """Return the content of a compressed body. Raise ScimError(400 or 413)."""
    content, since = bytearray(), 0
    for piece, read_bytes in _pieces(raw, coding):
        content += piece
        if len(content) > limit:
            raise _too_large(limit)
        since += len(piece) + read_bytes
        if since > YIELD_AFTER:
            since = 0
            await asyncio.sleep(0)
    return bytes(content)


def _pieces(raw: bytes, coding: str) -> Iterator[tuple[bytes, int]]:
    """Yield the content in pieces, each with the number of compressed bytes that it took."""
    gzip = coding != "deflate"
    members = 0
    position = 0
    while position < len(raw) or not members:
        members += 1
        if members > (MAX_GZIP_MEMBERS if gzip else 1):
            raise _malformed()
        decompressor = zlib.decompressobj(_GZIP if gzip else _deflate(raw))
        while not decompressor.eof:
            step = raw[position : position + INPUT_STEP]
            if not step:
                raise _malformed()  # incomplete
            try:
                piece = decompressor.decompress(step, OUTPUT_STEP)
            except zlib.error as error:
                raise _malformed() from error
            taken = len(step) - len(decompressor.unconsumed_tail) - len(decompressor.unused_data)
            if not taken and not piece:
                raise _malformed()
            position += taken
            yield piece, taken


def _deflate(raw: bytes) -> int:
    """Return the format of a "deflate" body: zlib, or the bare deflate stream that some clients send."""
    is_zlib = len(raw) > 1 and raw[0] & 0x0F == zlib.DEFLATED and (raw[0] << 8 | raw[1]) % 31 == 0
    return _ZLIB if is_zlib else _RAW


def _malformed() -> ScimError:
    return ScimError(
        400,
        "the body does not match its Content-Encoding: compress it again, or send it uncompressed",
    )


def _too_large(limit: int) -> ScimError:
    return ScimError(413, f"the body has more than {limit} bytes: send it in several requests")
