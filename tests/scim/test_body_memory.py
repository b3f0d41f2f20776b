"""The bytes of simultaneous requests are limited, for each directory and in total."""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from calscim.errors import ScimError
from calscim.scim.body_memory import MAX_BODIES, InFlight

MB = 1024 * 1024


def refused(flight: InFlight, directory: str, size: int) -> ScimError:
    with pytest.raises(ScimError) as error:
        flight.reserve(directory, size)
    return error.value


def test_a_directory_alone_has_half_of_the_bytes() -> None:
    flight = InFlight(8 * MB)

    for _ in range(4):
        flight.reserve("a", MB)

    error = refused(flight, "a", MB)
    assert error.status == 429
    assert error.headers["Retry-After"] == "1"


def test_a_new_directory_always_finds_free_bytes() -> None:
    flight = InFlight(100 * MB)
    for n in range(5):
        while True:
            try:
                flight.reserve(f"a{n}", MB)
            except ScimError:
                break

    flight.reserve("b", MB)

    assert flight.taken < 100 * MB


def test_a_directory_without_bytes_gets_503_if_others_have_all() -> None:
    flight = InFlight(8 * MB)
    flight.reserve("a", 7 * MB)

    assert refused(flight, "b", 2 * MB).status == 503


def test_released_bytes_are_free_again() -> None:
    flight = InFlight(8 * MB)
    first = flight.reserve("a", 4 * MB)
    refused(flight, "a", MB)

    first.resize(MB)
    flight.reserve("a", 2 * MB).release()
    first.release()
    first.release()

    assert flight.taken == 0
    assert not flight._held


async def until(condition: Callable[[], bool]) -> None:
    """Let the application run until the condition is true."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the application has no event for it
            await asyncio.sleep(0)


async def opened(provider: Any, *head: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    url = urlsplit(provider.base)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    lines = [
        f"POST {url.path}/Users HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {provider.token}",
        "Content-Type: application/scim+json",
        *head,
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    return reader, writer


@pytest.mark.parametrize(
    "head", ["Content-Length: 1048576", "Transfer-Encoding: chunked", "Content-Encoding: gzip"]
)
async def test_bodies_that_do_not_come_are_counted_as_large_as_they_may_be(
    provider, head: str
) -> None:
    """The announced bodies take half of the total. Small and complete requests get a response all the same."""
    heads = [head] if "Encoding: gzip" not in head else [head, "Content-Length: 1000"]
    held = [await opened(provider, *heads) for _ in range(MAX_BODIES // 2)]
    await until(lambda: provider.flight.taken >= MAX_BODIES // 2 * MB)

    reader, writer = await opened(provider, *heads)
    answer = await reader.readuntil(b"\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 429 ")
    assert b"Retry-After: 1\r\n" in answer
    assert b"application/scim+json" in answer
    for _, other in [*held, (reader, writer)]:
        other.close()


async def test_all_is_given_back_once_requests_are_answered_or_broken_off(provider) -> None:
    await provider.user("ann@acme.example")
    await provider("POST", "/Users", raw=b"{")
    _, writer = await opened(provider, "Content-Length: 1000")
    await until(lambda: provider.flight.taken > 0)

    writer.close()
    await until(lambda: provider.flight.taken == 0)

    await provider("GET", "/Users")
    assert provider.flight.taken == 0
