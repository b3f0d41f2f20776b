"""Faults of a simulated Cal.com: which calls fail, and how. The random numbers are those of the world."""

from dataclasses import dataclass
from random import Random

KINDS = (
    "status",  # a plain response with this status
    "malformed",  # 200 with a page of HTML
    "drop",  # the connection ends without a response
    "hang",  # the response takes ``seconds``
    "empty",  # a list without rows
    "short",  # a list with half of its rows
    "repeat",  # a list with its first row instead of its last
    "twice",  # a proxy repeats the call: the second response is sent
)


@dataclass(slots=True)
class Fault:
    """A fault of calls with this method and a path that contains this text.

    It applies ``times`` times (-1: always) after ``skip`` such calls. A kind that ends with ``-after`` applies
    after the call has taken effect.
    """

    method: str = ""
    path: str = ""
    kind: str = "status"
    status: int = 500
    times: int = 1
    probability: float = 1.0
    seconds: float = 3600.0
    skip: int = 0

    def __post_init__(self) -> None:
        if self.kind.removesuffix("-after") not in KINDS:
            raise TypeError(f"no such kind of fault: {self.kind}; there are {', '.join(KINDS)}")

    @property
    def effect(self) -> str:
        return self.kind.removesuffix("-after")

    @property
    def after(self) -> bool:
        """Return True if the call takes effect before the fault. A fault of a list needs the list."""
        return self.kind.endswith("-after") or self.effect in ("empty", "short", "repeat", "twice")

    def applies_to(self, method: str, path: str, random: Random) -> bool:
        """Return True if the fault applies to a call, and count it."""
        if self.times == 0 or self.method not in ("", method) or self.path not in path:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if random.random() >= self.probability:
            return False
        self.times -= 1
        return True
