"""What goes wrong in a simulated Cal.com, and when: told before the call, decided with the world's own dice."""

from dataclasses import dataclass
from random import Random

KINDS = (
    "status",  # a plain answer with this status
    "malformed",  # 200, and a page of HTML
    "drop",  # the connection ends without an answer
    "hang",  # the answer takes ``seconds``
    "empty",  # a list without rows
    "short",  # a list without half of its rows
    "repeat",  # a list with its first row in the place of its last
)


@dataclass(slots=True)
class Fault:
    """For calls whose method and path contain these: after ``skip`` of them, ``times`` times (-1: always).

    With ``-after`` behind the kind, what the call asks for happens first.
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
    def what(self) -> str:
        return self.kind.removesuffix("-after")

    @property
    def after(self) -> bool:
        """Whether the call has its effect all the same; lists can only be spoilt once they are there."""
        return self.kind.endswith("-after") or self.what in ("empty", "short", "repeat")

    def strikes(self, method: str, path: str, random: Random) -> bool:
        """Whether this call is one of those it is for. Counts."""
        if self.times == 0 or self.method not in ("", method) or self.path not in path:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if random.random() >= self.probability:
            return False
        self.times -= 1
        return True
