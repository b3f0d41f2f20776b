"""Reads a list of Cal.com's to its proven end. What was not read to its end is Incomplete, never empty.

Lists have no total and no order and may come from a replica that lags, so pages can repeat or miss rows.
The proof that nothing is missing is a count: pages of an unchanged list always bring as many rows as it
has, so a read without repetitions is all of it. With repetitions the reads are joined until they hold as
many rows as one read brings. Absence that would be much is looked at twice.

Some builds ignore take and skip on some lists (recorded: GET teams since 2025-09-11): every page is the
whole list. An answer with more rows than were asked for proves that. A page that only repeats rows does
not: it may be a replica's, so that a call for one row far behind the end has to decide.
"""

from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import structlog

from calscim.errors import RemoteError, RemoteKind
from calscim.planner.observed_state import Complete, Incomplete

log = structlog.get_logger()

FAR = 1_000_000  # rows to skip: behind the end of every list
MOST_PAGES = 2000
REPETITION = 2  # pages read for each page of different rows, at most: replicas can repeat rows
SPARE_PAGES = 4  # that a list may take besides those its rows can fill
MOST_READS = 12  # of one list, until nothing is missing
IDLE_READS = 3  # of them, in a row, that bring nothing new
SHARE = 0.1  # of the rows last known: when more than that is absent, it is looked at twice

Key = TypeVar("Key", bound=Hashable)
Row = TypeVar("Row")
Found = TypeVar("Found", bound=Hashable)


@dataclass(slots=True)
class Paging:
    """What reads found out about one organization's lists, by the path of the list."""

    organization: str
    not_paged: set[str] = field(default_factory=set)
    calls: dict[str, int] = field(default_factory=dict)  # that the last read of the list took
    _reported: set[str] = field(default_factory=set)

    def found_not_paged(self, path: str, rows: int) -> None:
        """Remember that Cal.com ignores take and skip on this list, and report it once."""
        self.not_paged.add(path)
        if path not in self._reported:
            self._reported.add(path)
            log.warning(
                "calcom.list_not_paged", organization=self.organization, list=path, rows=rows
            )


@dataclass(frozen=True, slots=True)
class RemoteList(Generic[Found, Key, Row]):
    """One list: ``name`` is for sentences, ``page`` is called with skip and take.

    ``kept`` is the entry that a row becomes; None: the row does not belong to the list.
    """

    name: str
    path: str
    page: Callable[[int, int], Awaitable[list[Found]]]
    kept: Callable[[Found], tuple[Key, Row] | None]
    size: int  # rows of a full page

    def identities(self, found: Collection[Found]) -> set[Hashable]:
        """Return what tells the rows apart: their keys, and rows that are not kept as they are."""
        return {row if (entry := self.kept(row)) is None else entry[0] for row in found}


@dataclass(frozen=True, slots=True)
class _Read(Generic[Key, Row]):
    """One way through a list: its rows, and how many there were with repetitions."""

    rows: Mapping[Key, Row]
    brought: int
    at_once: bool  # one call brought all of it

    @property
    def whole(self) -> bool:
        return len(self.rows) == self.brought


async def read_list(
    source: RemoteList[Found, Key, Row], paging: Paging, expected: Collection[Key]
) -> Complete[dict[Key, Row]] | Incomplete:
    """Return every row; raise RemoteError (AUTH) if the key is refused.

    ``expected``: what the last complete read of the same list had, so that a list which has become much
    shorter is read once more before it is believed.
    """
    try:
        first = await _proven(source, paging)
        if first is None:
            return Incomplete(f"{source.name} changed again and again while they were read")
        if _plausible(first, expected):
            return Complete(dict(first.rows))
        second = await _proven(source, paging)
    except RemoteError as error:
        if error.kind is RemoteKind.AUTH:
            raise
        return Incomplete(f"{source.name} could not be read: {error}")
    if second is not None and (
        second.rows.keys() == first.rows.keys() or _plausible(second, expected)
    ):
        return Complete(dict(second.rows))
    return Incomplete(
        f"{source.name} were {len(expected)} and now are {len(first.rows)}, and a second look differs"
    )


async def _proven(source: RemoteList[Found, Key, Row], paging: Paging) -> _Read[Key, Row] | None:
    """All rows, by a read without repetitions or by several that add up; None when neither comes about."""
    joined: dict[Key, Row] = {}
    brought, idle = -1, 0
    for _ in range(MOST_READS):
        read = await _read(source, paging)
        if read.whole:
            return read
        if read.brought != brought:  # the list has changed: what was seen of it is not one list's
            joined, brought, idle = {}, read.brought, 0
        before = len(joined)
        joined.update(read.rows)
        if len(joined) == brought:
            return _Read(joined, brought, at_once=False)
        idle = idle + 1 if len(joined) == before else 0
        if len(joined) > brought or idle == IDLE_READS:
            return None
    return None


async def _read(source: RemoteList[Found, Key, Row], paging: Paging) -> _Read[Key, Row]:
    """Read the list once, in one call where Cal.com was seen to ignore take and skip.

    That call asks for one row, so that its answer shows whether Cal.com still ignores ``take``: a newer
    build, which pages, would bring the first page only.
    """
    if source.path in paging.not_paged:
        found = await source.page(0, 1)
        if len(found) > 1:
            return _at_once(source, found)
        paging.not_paged.discard(source.path)
    return await _read_pages(source, paging)


async def _read_pages(source: RemoteList[Found, Key, Row], paging: Paging) -> _Read[Key, Row]:
    """Page after page, until one is short or Cal.com is proven not to page. Rows that are not kept do not count."""
    rows: dict[Key, Row] = {}
    seen: set[Hashable] = set()
    brought = 0
    for number in range(MOST_PAGES):
        found = await source.page(number * source.size, source.size)
        if number == 0 and len(found) > source.size:
            return _not_paged(source, paging, found)
        for entry in filter(None, map(source.kept, found)):
            rows[entry[0]] = entry[1]
            brought += 1
        if len(found) < source.size:
            paging.calls[source.path] = number + 1
            return _Read(rows, brought, at_once=number == 0)
        page = source.identities(found)
        if page <= seen and (everything := await _behind_the_end(source, page)):
            return _not_paged(source, paging, everything)
        seen |= page
        if number > SPARE_PAGES + REPETITION * len(seen) // source.size:
            break
    raise RemoteError(
        RemoteKind.MALFORMED,
        f"the list does not end: {number + 1} pages of {source.size} brought {len(seen)} different "
        "rows; see that api_url leads to Cal.com's API v2 and nothing in between answers for it",
    )


async def _behind_the_end(
    source: RemoteList[Found, Key, Row], page: set[Hashable]
) -> list[Found] | None:
    """Return the rows that a call for one row far behind the end brings, if they are those of ``page``.

    That the same page comes although neither of its ends was asked for proves that Cal.com ignores both
    take and skip. A Cal.com that pages answers with an empty list.
    """
    found = await source.page(FAR, 1)
    return found if len(found) > 1 and source.identities(found) == page else None


def _not_paged(
    source: RemoteList[Found, Key, Row], paging: Paging, found: list[Found]
) -> _Read[Key, Row]:
    paging.found_not_paged(source.path, len(found))
    paging.calls[source.path] = 1
    return _at_once(source, found)


def _at_once(source: RemoteList[Found, Key, Row], found: list[Found]) -> _Read[Key, Row]:
    entries = list(filter(None, map(source.kept, found)))
    return _Read(dict(entries), len(entries), at_once=True)


def _plausible(found: _Read[Key, Row], expected: Collection[Key]) -> bool:
    """Whether what is absent may be so after one look.

    One call is of one moment; between pages a row can be passed over when another is deleted.
    """
    absent = sum(1 for key in expected if key not in found.rows)
    return absent == 0 or (found.at_once and absent <= len(expected) * SHARE)
