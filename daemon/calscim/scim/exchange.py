"""One request as the rooms of SCIM see it: who, what, and what has to be remembered of it."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
from aiohttp import web

from calscim.errors import ScimError
from calscim.scim.authentication import Caller
from calscim.scim.projection import Projection
from calscim.scim.redaction import kept_body, kept_path
from calscim.settings import Scim
from calscim.store.journal import Origin
from calscim.store.pool import Database
from calscim.store.resources import Reader

MOST_DEPTH = 40
LONGEST_PATH = 4096
_JSON = ("application/json", "application/scim+json", "text/json")


@dataclass(slots=True)
class Exchange:
    """``seq`` is set by whoever wrote the journal row."""

    db: Database
    settings: Scim
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


def from_request(
    request: web.Request,
    db: Database,
    settings: Scim,
    caller: Caller,
    request_id: str,
    remote: str,
    began: datetime,
    body: bytes,
) -> Exchange:
    return Exchange(
        db=db,
        settings=settings,
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
    """ScimError 400 for what is no JSON object, or one nested too deeply."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ScimError(400, f"the body is not JSON: {error}", "invalidSyntax") from error
    if not isinstance(value, dict):
        raise ScimError(400, "the body has to be a JSON object", "invalidSyntax")
    # What has no more brackets than levels cannot be too deep: most bodies are not walked through.
    if body.count(b"{") + body.count(b"[") > MOST_DEPTH and _deeper(value, MOST_DEPTH):
        raise ScimError(400, f"the JSON is nested more than {MOST_DEPTH} deep", "invalidSyntax")
    return value


def _deeper(value: Any, levels: int) -> bool:
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return False
    return levels == 0 or any(_deeper(entry, levels - 1) for entry in value)
