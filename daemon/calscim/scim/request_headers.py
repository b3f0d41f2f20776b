"""The headers that concern every request, whatever its resource."""

import re
from random import getrandbits

from aiohttp import HttpVersion11, web

from calscim.errors import ScimError

_REQUEST_ID = re.compile(r"^[A-Za-z0-9._:/+=-]{1,100}$")


def check_headers(request: web.Request) -> None:
    """Raise ScimError(400 or 417) for headers that RFC 9112 section 3.2 or RFC 9110 section 10.1.1 forbids."""
    hosts = request.headers.getall("Host", ())
    if len(hosts) > 1 or (not hosts and request.version >= HttpVersion11):
        raise ScimError(400, "the request must have exactly one Host header")
    expected = request.headers.get("Expect")
    if expected is not None and expected.lower() != "100-continue":
        raise ScimError(
            417, "this Expect header is not supported: leave it out, or send 100-continue"
        )


def request_id_of(given: str | None) -> str:
    """Return the X-Request-Id of the client if it is usable, otherwise a new id."""
    if given is not None and _REQUEST_ID.match(given):
        return given
    return f"{getrandbits(128):032x}"  # not a secret
