"""Errors of /v1/events, as problem details in JSON (RFC 9457)."""

from http import HTTPStatus

import orjson
from aiohttp import web

MEDIA_TYPE = "application/problem+json"


class FeedError(Exception):
    """A refused request. ``detail`` says what is wrong and what to write instead."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        self.status = status
        self.detail = detail
        self.headers = headers or {}
        super().__init__(detail)

    def response(self) -> web.Response:
        title = HTTPStatus(self.status).phrase
        value = {
            "type": "about:blank",
            "title": title,
            "status": self.status,
            "detail": self.detail,
        }
        headers = self.headers | {"Content-Type": MEDIA_TYPE}
        return web.Response(status=self.status, body=orjson.dumps(value), headers=headers)
