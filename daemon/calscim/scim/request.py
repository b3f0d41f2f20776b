"""One request as the rooms of SCIM see it: who, what, and what has to be remembered of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

import orjson
from aiohttp import web

from calscim.config import Scim
from calscim.directory.resources import Reader
from calscim.errors import ScimError
from calscim.journal.append import Origin
from calscim.postgres.pool import Database
from calscim.scim import structure
from calscim.scim.auth import Caller
from calscim.scim.cost import Budget
from calscim.scim.heavy import INLINE_BYTES, compute
from calscim.scim.paging.cursor_token import CursorKeys
from calscim.scim.projection import Projection
from calscim.scim.redaction import kept_body, kept_path

LONGEST_PATH = 4096
_JSON = ("application/json", "application/scim+json", "text/json")
# Characters of one resource up to which attributes are left out at once; a group of 700 members.
INLINE_SHOWN = 100_000

T = TypeVar("T")


@dataclass(slots=True)
class Exchange:
    """``seq`` is set by whoever wrote the journal row."""

    db: Database
    settings: Scim
    cursor_keys: CursorKeys
    caller: Caller
    method: str
    path: str  # as it came
    query: Any
    headers: Any
    request_id: str
    remote: str
    began: datetime
    body: bytes = b""
    seq: int | None = None
    resource: tuple[str, str] = field(default=("", ""))  # type and id
    budget: Budget = field(default_factory=Budget)  # one for all operations of a bulk request
    _origin: Origin | None = field(default=None, init=False)
    _is_object: bool = field(default=False, init=False)  # the body was parsed

    @property
    def base(self) -> str:
        """The directory's base URL, as the provider sees it."""
        return f"{self.settings.public_url}/scim/v2/{self.caller.directory}"

    @property
    def reader(self) -> Reader:
        return Reader(self.caller.token_id, self.caller.directory, _within_json(self.base))

    @property
    def origin(self) -> Origin:
        """What the journal says of this request, without secrets (calscim.scim.redaction). Made once."""
        if self._origin is None:
            self._origin = Origin(
                stream=self.caller.directory,
                request_id=self.request_id,
                method=self.method,
                path=storable(kept_path(self.path)[:LONGEST_PATH]),
                remote=self.remote,
                token_id=self.caller.token_id,
                body=self.db.cipher.seal(kept_body(self.body, is_object=self._is_object)),
            )
        return self._origin

    def projection(self) -> Projection:
        return Projection.of(self.query.get("attributes"), self.query.get("excludedAttributes"))

    def json(self) -> dict[str, Any]:
        """The body as an object. ScimError 415 or 400 otherwise."""
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind and kind not in _JSON:
            raise ScimError(415, f"send application/scim+json, not {kind[:100]}")
        value = parsed(self.body)
        self._is_object = True
        return value


async def computed(x: Exchange, function: Callable[[], T], *, at_once: bool = True) -> T:
    """What ``function`` returns or raises, without holding the event loop for long.

    ``at_once`` False: it takes long whatever the size of the body is.
    """
    if len(x.body) <= INLINE_BYTES:
        return await compute(x.caller.directory, function, at_once=at_once)

    def with_origin() -> T:
        try:
            return function()
        finally:
            x.origin  # noqa: B018 - which is as long, and kept

    return await compute(x.caller.directory, with_origin, at_once=False)


async def projected(x: Exchange, body: str) -> str:
    """A resource as it is shown, with the attributes that are asked for."""
    projection = x.projection()
    if not projection:
        return body
    return await computed(
        x,
        lambda: orjson.dumps(projection.apply(orjson.loads(body))).decode(),
        at_once=len(body) <= INLINE_SHOWN,
    )


def from_request(
    request: web.Request,
    db: Database,
    settings: Scim,
    cursor_keys: CursorKeys,
    caller: Caller,
    request_id: str,
    remote: str,
    began: datetime,
    body: bytes,
) -> Exchange:
    return Exchange(
        db=db,
        settings=settings,
        cursor_keys=cursor_keys,
        caller=caller,
        method="GET" if request.method == "HEAD" else request.method,
        path=request.raw_path,
        query=request.query,
        headers=request.headers,
        request_id=request_id,
        remote=remote,
        began=began,
        body=body,
    )


@lru_cache(maxsize=1024)
def _within_json(text: str) -> str:
    return orjson.dumps(text).decode()[1:-1]


def storable(text: str) -> str:
    """A text for the journal: what Postgres cannot hold, NUL and bytes that are no UTF-8, is written out."""
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()


def parsed(body: bytes) -> dict[str, Any]:
    """ScimError 400 for what is no JSON object, or one with too many values or nested too deeply."""
    structure.check(body)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ScimError(400, f"the body is not JSON: {error}", "invalidSyntax") from error
    if not isinstance(value, dict):
        raise ScimError(400, "the body has to be a JSON object", "invalidSyntax")
    return value
