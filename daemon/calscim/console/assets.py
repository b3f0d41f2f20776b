"""Serves the static files, which are few and small, from memory."""

from importlib.resources import files

from aiohttp import web

from calscim.console.errors import NotFoundError

_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_LASTS = "public, max-age=31536000, immutable"  # the URL has a hash of the content


class Assets:
    """The files of ``static/``."""

    def __init__(self) -> None:
        folder = files("calscim.console").joinpath("static")
        self._files = {
            one.name: one.read_bytes()
            for one in folder.iterdir()
            if one.name.endswith(tuple(_TYPES))
        }

    async def serve(self, request: web.Request) -> web.Response:
        """Answer with the file."""
        name = request.match_info["name"]
        if name not in self._files:
            raise NotFoundError("There is no such file.")
        suffix = name[name.rindex(".") :]
        return web.Response(
            body=self._files[name],
            content_type=_TYPES[suffix],
            charset="utf-8",
            headers={"Cache-Control": _LASTS},
        )
