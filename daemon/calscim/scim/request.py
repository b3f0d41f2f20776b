"""The context of one request: the caller, the request itself, and what the handlers note about it."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

import orjson
from aiohttp import web
from multidict import MultiMapping

from calscim.config import Scim
from calscim.directory.offset_pages import OffsetPages
from calscim.directory.resources import Reader
from calscim.errors import ScimError
from calscim.journal.append import Origin
from calscim.postgres.pool import Database
from calscim.scim import compute_thread, structure
from calscim.scim.auth import Caller
from calscim.scim.cost import Budget
from calscim.scim.paging.cursor_token import CursorKeys
from calscim.scim.projection import Projection
from calscim.scim.redaction import redact_body, redact_path

MAX_PATH = 4096
_JSON_TYPES = ("application/json", "application/scim+json", "text/json")
# Characters of a resource up to which the event loop itself projects it: a group of 700 members.
INLINE_RESOURCE = 100_000

# The span of the request that the present task handles, if there is tracing.
TRACEPARENT: ContextVar[str | None] = ContextVar("TRACEPARENT", default=None)

T = TypeVar("T")


@dataclass(slots=True)
class RequestContext:
    """One request. A handler sets ``seq`` to the number of the journal row that it wrote."""

    db: Database
    settings: Scim
    cursor_keys: CursorKeys
    offset_pages: OffsetPages
    caller: Caller
    method: str
    path: str  # as received
    query: MultiMapping[str]
    headers: MultiMapping[str]
    request_id: str
    remote: str
    began: datetime
    body: bytes = b""
    directory_fields: Mapping[str, str] = field(default_factory=dict)  # for the log
    traceparent: str | None = None
    seq: int | None = None
    resource: tuple[str, str] = field(default=("", ""))  # type and id
    budget: Budget = field(default_factory=Budget)  # all operations of a bulk request share it
    _origin: Origin | None = field(default=None, init=False)
    _is_object: bool = field(default=False, init=False)  # the body was parsed as a JSON object

    @property
    def base(self) -> str:
        """Return the base URL of the directory, as the identity provider sees it."""
        return f"{self.settings.public_url}/scim/v2/{self.caller.directory}"

    @property
    def reader(self) -> Reader:
        return Reader(self.caller.token_id, self.caller.directory, _escaped_for_json(self.base))

    @property
    def origin(self) -> Origin:
        """Return what the journal records of the request, without secrets (calscim.scim.redaction)."""
        if self._origin is None:
            self._origin = Origin(
                stream=self.caller.directory,
                request_id=self.request_id,
                method=self.method,
                path=storable(redact_path(self.path)[:MAX_PATH]),
                remote=self.remote,
                token_id=self.caller.token_id,
                body=self.db.cipher.encrypt(redact_body(self.body, is_object=self._is_object)),
                traceparent=self.traceparent,
            )
        return self._origin

    def projection(self) -> Projection:
        """Return which attributes the response shows. Each parameter may be in the query several times."""
        only, without = (
            ",".join(value for key, value in self.query.items() if key.lower() == parameter)
            for parameter in ("attributes", "excludedattributes")
        )
        return Projection.of(only, without)

    def json(self) -> dict[str, Any]:
        """Return the body as an object. Raise ScimError(415) or ScimError(400) if it is not a JSON object."""
        media_type = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if media_type and media_type not in _JSON_TYPES:
            raise ScimError(415, f"{media_type[:100]} is not supported: send application/scim+json")
        body = parse_object(self.body)
        self._is_object = True
        return body


async def compute(ctx: RequestContext, function: Callable[[], T], *, at_once: bool = True) -> T:
    """Return what ``function`` returns, without blocking the event loop for long.

    ``at_once`` is False if the function takes long although the body is small.
    """
    if len(ctx.body) <= compute_thread.INLINE_BYTES:
        return await compute_thread.compute(ctx.caller.directory, function, at_once=at_once)

    def with_origin() -> T:
        try:
            return function()
        finally:
            ctx.origin  # noqa: B018 - it takes as long as the function, and is computed once

    return await compute_thread.compute(ctx.caller.directory, with_origin, at_once=False)


async def project(ctx: RequestContext, body: str) -> str:
    """Return a resource with the attributes that the request wants."""
    projection = ctx.projection()
    if not projection:
        return body
    return await compute(
        ctx,
        lambda: orjson.dumps(projection.apply(orjson.loads(body))).decode(),
        at_once=len(body) <= INLINE_RESOURCE,
    )


def from_request(
    request: web.Request,
    db: Database,
    settings: Scim,
    cursor_keys: CursorKeys,
    offset_pages: OffsetPages,
    caller: Caller,
    request_id: str,
    remote: str,
    began: datetime,
    body: bytes,
    directory_fields: Mapping[str, str],
) -> RequestContext:
    return RequestContext(
        db=db,
        settings=settings,
        cursor_keys=cursor_keys,
        offset_pages=offset_pages,
        caller=caller,
        method="GET" if request.method == "HEAD" else request.method,
        path=request.raw_path,
        query=request.query,
        headers=request.headers,
        request_id=request_id,
        remote=remote,
        began=began,
        body=body,
        directory_fields=directory_fields,
        traceparent=TRACEPARENT.get(),
    )


@lru_cache(maxsize=1024)
def _escaped_for_json(text: str) -> str:
    return orjson.dumps(text).decode()[1:-1]


def storable(text: str) -> str:
    """Return a text that Postgres can store: NUL and bytes that are not UTF-8 are escaped."""
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()


def parse_object(body: bytes) -> dict[str, Any]:
    """Return a JSON object. Raise ScimError(400) for anything else, for too many values or too deep nesting."""
    structure.check(body)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ScimError(400, f"the body is not valid JSON: {error}", "invalidSyntax") from error
    if not isinstance(value, dict):
        raise ScimError(400, "the body must be a JSON object", "invalidSyntax")
    return value
