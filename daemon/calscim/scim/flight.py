"""Bytes of request bodies that are being read and handled at one time.

A body takes about eight times its size while it is parsed and stored. A request takes its bytes before its body is
read, so that what does not fit is refused before it needs memory, and gives them back when it is answered.
"""

from dataclasses import dataclass, field

from aiohttp import web

from calscim.errors import ScimError

# Of all directories together: 32 MiB with the default of scim.max_body_bytes, about 250 MB of memory while all of it
# is handled. A larger maximum raises it, so that a directory can always send some of its largest bodies at once.
BODIES = 8
RETRY_AFTER = {"Retry-After": "1"}  # seconds; a body of 4 MiB is handled in less


@dataclass(slots=True)
class InFlight:
    """A directory may have as many bytes as are free beside it.

    So a directory alone has half of them, two have a third each, and one that comes always finds some.
    """

    total: int
    taken: int = 0
    _held: dict[str, int] = field(default_factory=dict)

    def take(self, directory: str, size: int) -> "Load":
        """ScimError 429 if the directory has its share already, 503 if the others have all."""
        held = self._held.get(directory, 0)
        free = self.total - self.taken
        if held and held + size > free:
            raise ScimError(
                429,
                "this directory sends too many bytes at once: wait for answers before you send more",
                headers=RETRY_AFTER,
            )
        if size > free:
            raise ScimError(
                503,
                "other directories send too many bytes at this moment: send the request again",
                headers=RETRY_AFTER,
            )
        load = Load(self, directory)
        load.settle(size)
        return load

    def change(self, directory: str, by: int) -> None:
        self.taken += by
        held = self._held.get(directory, 0) + by
        if held:
            self._held[directory] = held
        else:
            self._held.pop(directory, None)


@dataclass(slots=True)
class Load:
    """What one request holds."""

    _of: InFlight
    _directory: str
    _size: int = 0

    def settle(self, size: int) -> None:
        """From now on it is so many bytes: a body may be smaller than was announced, or than it could have been."""
        if size != self._size:
            self._of.change(self._directory, size - self._size)
            self._size = size

    def end(self) -> None:
        self.settle(0)


def announced(request: web.Request, most: int) -> int:
    """How many bytes a body may have at most, before it is read."""
    if not request.can_read_body:
        return 0
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        return most
    if request.content.is_eof():  # all of it is here, also where nothing says how long it is
        return min(request.content.total_bytes, most)
    length = request.content_length
    return most if length is None else min(length, most)
