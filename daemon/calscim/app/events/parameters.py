"""Reads the query of GET /v1/events."""

import re
from dataclasses import dataclass

from multidict import MultiMapping

from calscim.app.events.problems import FeedError

DEFAULT_LIMIT, MAX_LIMIT = 100, 1000
MAX_WAIT = 60
MAX_POSITION = 2**63 - 1
_WHOLE = re.compile(r"[0-9]{1,19}", re.ASCII)
_NAMES = ("after", "limit", "wait")


@dataclass(frozen=True, slots=True)
class Parameters:
    """The query of GET /v1/events. ``wait``: seconds to wait for an event if there is none."""

    after: int = 0
    limit: int = DEFAULT_LIMIT
    wait: int = 0


def parameters(query: MultiMapping[str]) -> Parameters:
    """Return the parameters. Raise FeedError(400) that says what to write instead of a wrong one."""
    unknown = sorted(set(query) - set(_NAMES))
    if unknown:
        raise FeedError(400, f"there is no parameter {unknown[0]!r}: write {', '.join(_NAMES)}")
    for name in _NAMES:
        if len(query.getall(name, [])) > 1:
            raise FeedError(400, f"{name} is given several times: send it once")
    return Parameters(
        after=_number(query, "after", 0, 0, MAX_POSITION, "the `next` of the page before, or 0"),
        limit=_number(
            query, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT, f"a number from 1 to {MAX_LIMIT}"
        ),
        wait=_number(query, "wait", 0, 0, MAX_WAIT, f"seconds from 0 to {MAX_WAIT}"),
    )


def _number(
    query: MultiMapping[str], name: str, default: int, lowest: int, highest: int, instead: str
) -> int:
    written = query.get(name)
    if written is None:
        return default
    value = int(written) if _WHOLE.fullmatch(written) else -1
    if not lowest <= value <= highest:
        raise FeedError(400, f"{name}={written[:40]} is not possible: write {instead}")
    return value
