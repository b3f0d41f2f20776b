"""The bytes of request bodies that are read and handled at the same time.

A body takes about eight times its size in memory while it is parsed and stored. So a request reserves its bytes before
its body is read, and is refused if they are not free. It releases them when its response is ready.
"""

from dataclasses import dataclass, field

from aiohttp import web

from calscim.errors import ScimError

# Bodies of maximum size, for all directories together: 32 MiB with the default of scim.max_body_bytes, or about 250 MB
# of memory. A directory can always send several of the largest bodies at once, whatever their maximum is.
MAX_BODIES = 8
RETRY_AFTER = {"Retry-After": "1"}  # seconds; a body of 4 MiB takes less


@dataclass(slots=True)
class InFlight:
    """The reserved bytes. A directory may reserve as many bytes as remain free.

    A directory alone gets half of the total, two get a third each, and a new directory always finds some.
    """

    total: int
    taken: int = 0
    _held: dict[str, int] = field(default_factory=dict)

    def reserve(self, directory: str, size: int) -> "Reservation":
        """Reserve bytes. Raise ScimError(429) if the directory has its share, ScimError(503) if others have all."""
        held = self._held.get(directory, 0)
        free = self.total - self.taken
        if held and held + size > free:
            raise ScimError(
                429,
                "this directory sends too many bytes at once: wait for responses before you send more",
                headers=RETRY_AFTER,
            )
        if size > free:
            raise ScimError(
                503,
                "other directories send too many bytes at the moment: send the request again",
                headers=RETRY_AFTER,
            )
        reservation = Reservation(self, directory)
        reservation.resize(size)
        return reservation

    def change(self, directory: str, by: int) -> None:
        """Add to the bytes of a directory, or subtract."""
        self.taken += by
        held = self._held.get(directory, 0) + by
        if held:
            self._held[directory] = held
        else:
            self._held.pop(directory, None)


@dataclass(slots=True)
class Reservation:
    """The bytes that one request has reserved."""

    _in_flight: InFlight
    _directory: str
    _size: int = 0

    def resize(self, size: int) -> None:
        """Set the number of bytes: a body may be smaller than announced."""
        if size != self._size:
            self._in_flight.change(self._directory, size - self._size)
            self._size = size

    def release(self) -> None:
        self.resize(0)


def announced_size(request: web.Request, limit: int) -> int:
    """Return the number of bytes that a body can have at most, before it is read."""
    if not request.can_read_body:
        return 0
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        return limit
    if request.content.is_eof():  # the whole body has arrived, even without a Content-Length
        return min(request.content.total_bytes, limit)
    length = request.content_length
    return limit if length is None else min(length, limit)
