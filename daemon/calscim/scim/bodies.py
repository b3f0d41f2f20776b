"""Read the body of a request, and unpack a compressed one step by step.

aiohttp hands bodies over as they came (``auto_decompress`` is off), so that a body is unpacked only after its sender
is authenticated, and never beyond the limit. RFC 9110 section 8.4.1 defines the content codings.
"""

import asyncio
import zlib
from collections.abc import Iterator

from aiohttp import web

from calscim.errors import ScimError

SLOW_BODY = 20.0  # seconds for a body to arrive
LARGE = 65_536  # bytes: a token is looked up once more before a larger body is read
INPUT_STEP = 16_384  # bytes that are handed to zlib at once: it copies what it does not use
OUTPUT_STEP = 65_536  # bytes that zlib makes at once, some 0.2 ms of work
TURN = 524_288  # bytes, in or out, after which other requests have their turn: some 2 ms of work
MOST_MEMBERS = 16  # of one gzip file: one costs zlib about 10 microseconds, even if it is empty
CODINGS = ("gzip", "x-gzip", "deflate")
_GZIP, _ZLIB, _RAW = 31, 15, -15  # zlib's wbits


async def read(request: web.Request, most: int) -> bytes:
    """Return the body, unpacked, of an authenticated request.

    ScimError 400, 408, 413 (more than ``most`` bytes, packed or unpacked) or 415 (unknown content coding).
    """
    coding = _coding(request)
    if not request.can_read_body:
        return b""
    if request.content_length is not None and request.content_length > most:
        raise _too_large(most)
    raw = await _arrived(request, most)
    return await unpacked(raw, coding, most) if coding and raw else raw


def is_large(request: web.Request) -> bool:
    """Return True for a body that is large, or that may become so."""
    return request.can_read_body and (
        request.content_length is None or request.content_length > LARGE
    )


def _coding(request: web.Request) -> str | None:
    given = ",".join(request.headers.getall("Content-Encoding", ()))
    codings = [part for one in given.split(",") if (part := one.strip().lower()) != "identity"]
    codings = [one for one in codings if one]
    if not codings:
        return None
    if len(codings) > 1 or codings[0] not in CODINGS:
        raise ScimError(
            415,
            "this Content-Encoding is not supported: send the body as it is, or with one of gzip and deflate",
            headers={"Accept-Encoding": "gzip, deflate"},
        )
    return codings[0]


async def _arrived(request: web.Request, most: int) -> bytes:
    try:
        if request.content.is_eof():  # most bodies arrive with their headers
            return await request.read()
        await _invite(request)
        async with asyncio.timeout(SLOW_BODY):
            return await request.read()
    except TimeoutError as error:
        raise ScimError(408, "the body did not arrive in time: send it again") from error
    except (ConnectionError, web.RequestPayloadError) as error:
        raise ScimError(400, "the body broke off or is malformed: send it again") from error
    except web.HTTPRequestEntityTooLarge as error:
        raise _too_large(most) from error


async def _invite(request: web.Request) -> None:
    """Answer "Expect: 100-continue" (RFC 9110 section 10.1.1), now that the sender is authenticated."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer itself has not begun


async def unpacked(raw: bytes, coding: str, most: int) -> bytes:
    """Return the content of a body with a content coding. ScimError 400 or 413."""
    made, since = bytearray(), 0
    for piece, read_bytes in _pieces(raw, coding):
        made += piece
        if len(made) > most:
            raise _too_large(most)
        since += len(piece) + read_bytes
        if since > TURN:
            since = 0
            await asyncio.sleep(0)
    return bytes(made)


def _pieces(raw: bytes, coding: str) -> Iterator[tuple[bytes, int]]:
    """Yield the content piece by piece, each with the number of packed bytes that it took."""
    gzip = coding != "deflate"
    members = 0
    position = 0
    while position < len(raw) or not members:
        members += 1
        if members > (MOST_MEMBERS if gzip else 1):
            raise _malformed()
        unpacker = zlib.decompressobj(_GZIP if gzip else _deflate(raw))
        while not unpacker.eof:
            step = raw[position : position + INPUT_STEP]
            if not step:
                raise _malformed()  # it breaks off
            try:
                piece = unpacker.decompress(step, OUTPUT_STEP)
            except zlib.error as error:
                raise _malformed() from error
            taken = len(step) - len(unpacker.unconsumed_tail) - len(unpacker.unused_data)
            if not taken and not piece:
                raise _malformed()
            position += taken
            yield piece, taken


def _deflate(raw: bytes) -> int:
    """Tell zlib's format, which is meant by "deflate", from a bare deflate stream, which some clients send."""
    is_zlib = len(raw) > 1 and raw[0] & 0x0F == zlib.DEFLATED and (raw[0] << 8 | raw[1]) % 31 == 0
    return _ZLIB if is_zlib else _RAW


def _malformed() -> ScimError:
    return ScimError(
        400, "the body is not what its Content-Encoding says: pack it again, or send it as it is"
    )


def _too_large(most: int) -> ScimError:
    return ScimError(413, f"the body has more than {most} bytes: send less at once")
