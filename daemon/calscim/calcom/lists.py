"""Reads a list of Cal.com completely, or returns Incomplete. A list that was not read to its end is never empty.

Lists have no total and no order, and may come from a replica that lags, so pages can repeat or miss rows. The proof of
completeness is a count: the pages of an unchanged list always have as many rows as the list, so a read without
repetitions has all of them. With repetitions, several reads are merged until they have as many rows as one read
returns. A list that has become much shorter is read twice.

Some builds ignore take and skip on some lists (recorded: GET teams since 2025-09-11): every page is the whole list.
A response with more rows than requested proves that. A page that only repeats rows does not, since it may come from a
replica: then a call for one row far behind the end decides.
"""

from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import structlog

from calscim.errors import RemoteError, RemoteKind
from calscim.planner.observed_state import Complete, Incomplete

log = structlog.get_logger()

FAR_OFFSET = 1_000_000  # rows; behind the end of every list
MAX_PAGES = 2000
REPETITION = 2  # pages read at most for each page of distinct rows, as replicas can repeat rows
SPARE_PAGES = 4  # pages that a list may take besides those that its rows fill
MAX_READS = 12  # of one list, until it is complete
MAX_IDLE_READS = 3  # in a row, without a new row
CREDIBLE_SHARE = (
    0.1  # of the rows of the last read; if more rows are missing, the list is read again
)

Key = TypeVar("Key", bound=Hashable)
Row = TypeVar("Row")
Found = TypeVar("Found", bound=Hashable)


@dataclass(slots=True)
class Paging:
    """What reads have learned about the lists of one organization, by the path of the list."""

    organization: str
    not_paged: set[str] = field(default_factory=set)
    calls: dict[str, int] = field(default_factory=dict)  # of the last read of the list
    _reported: set[str] = field(default_factory=set)

    def mark_not_paged(self, path: str, rows: int) -> None:
        """Note that Cal.com ignores take and skip on a list, and log it once."""
        self.not_paged.add(path)
        if path not in self._reported:
            self._reported.add(path)
            log.warning(
                "calcom.list_not_paged", organization=self.organization, list=path, rows=rows
            )


@dataclass(frozen=True, slots=True)
class RemoteList(Generic[Found, Key, Row]):
    """One list of Cal.com. ``name`` is for messages, ``page`` reads a page by skip and take.

    ``kept`` returns key and value of a row, or None for a row that does not belong to the list.
    """

    name: str
    path: str
    page: Callable[[int, int], Awaitable[list[Found]]]
    kept: Callable[[Found], tuple[Key, Row] | None]
    size: int  # rows of a full page

    def identities(self, found: Collection[Found]) -> set[Hashable]:
        """Return what identifies the rows: their keys, or the rows themselves if they are not kept."""
        return {row if (entry := self.kept(row)) is None else entry[0] for row in found}


@dataclass(frozen=True, slots=True)
class _Read(Generic[Key, Row]):
    """One read of a list: its distinct rows, and the number of rows with repetitions."""

    rows: Mapping[Key, Row]
    row_count: int
    in_one_call: bool  # one call returned the whole list

    @property
    def is_whole(self) -> bool:
        return len(self.rows) == self.row_count


async def read_list(
    source: RemoteList[Found, Key, Row], paging: Paging, expected: Collection[Key]
) -> Complete[dict[Key, Row]] | Incomplete:
    """Return every row. Raise RemoteError(AUTH) if Cal.com refuses the key.

    ``expected``: the keys of the last complete read of the list. If many of them are missing, the list is read again.
    """
    try:
        first = await _read_completely(source, paging)
        if first is None:
            return Incomplete(f"{source.name} changed repeatedly while they were read")
        if _is_credible(first, expected):
            return Complete(dict(first.rows))
        second = await _read_completely(source, paging)
    except RemoteError as error:
        if error.kind is RemoteKind.AUTH:
            raise
        return Incomplete(f"{source.name} could not be read: {error}")
    if second is not None and (
        second.rows.keys() == first.rows.keys() or _is_credible(second, expected)
    ):
        return Complete(dict(second.rows))
    return Incomplete(
        f"{source.name} were {len(expected)} and now are {len(first.rows)}, and a second read differs"
    )


async def _read_completely(
    source: RemoteList[Found, Key, Row], paging: Paging
) -> _Read[Key, Row] | None:
    """Return all rows, from one read without repetitions or from several merged reads, or None if that fails."""
    rows: dict[Key, Row] = {}
    row_count, idle_reads = -1, 0
    for _ in range(MAX_READS):
        read = await _read(source, paging)
        if read.is_whole:
            return read
        if read.row_count != row_count:  # the list has changed: start again
            rows, row_count, idle_reads = {}, read.row_count, 0
        before = len(rows)
        rows.update(read.rows)
        if len(rows) == row_count:
            return _Read(rows, row_count, in_one_call=False)
        idle_reads = idle_reads + 1 if len(rows) == before else 0
        if len(rows) > row_count or idle_reads == MAX_IDLE_READS:
            return None
    return None


async def _read(source: RemoteList[Found, Key, Row], paging: Paging) -> _Read[Key, Row]:
    """Read the list once, in one call if Cal.com is known to ignore take and skip.

    That call requests one row, so its response shows whether Cal.com still ignores ``take``: a newer build, which
    pages, would return the first page only.
    """
    if source.path in paging.not_paged:
        found = await source.page(0, 1)
        if len(found) > 1:
            return _read_in_one_call(source, found)
        paging.not_paged.discard(source.path)
    return await _read_pages(source, paging)


async def _read_pages(source: RemoteList[Found, Key, Row], paging: Paging) -> _Read[Key, Row]:
    """Read page after page, until one is short or Cal.com proves not to page. Rows that are not kept do not count."""
    rows: dict[Key, Row] = {}
    seen: set[Hashable] = set()
    row_count = 0
    for page_index in range(MAX_PAGES):
        found = await source.page(page_index * source.size, source.size)
        if page_index == 0 and len(found) > source.size:
            return _not_paged(source, paging, found)
        for entry in filter(None, map(source.kept, found)):
            rows[entry[0]] = entry[1]
            row_count += 1
        if len(found) < source.size:
            paging.calls[source.path] = page_index + 1
            return _Read(rows, row_count, in_one_call=page_index == 0)
        page = source.identities(found)
        if page <= seen and (everything := await _behind_the_end(source, page)):
            return _not_paged(source, paging, everything)
        seen |= page
        if page_index > SPARE_PAGES + REPETITION * len(seen) // source.size:
            break
    raise RemoteError(
        RemoteKind.MALFORMED,
        f"the list does not end: {page_index + 1} pages of {source.size} have {len(seen)} different "
        "rows; check that api_url leads to Cal.com's API v2 and that no proxy answers instead",
    )


async def _behind_the_end(
    source: RemoteList[Found, Key, Row], page: set[Hashable]
) -> list[Found] | None:
    """Return the rows of a call for one row far behind the end, if they are the rows of ``page``.

    The same page at another offset and with another size proves that Cal.com ignores both take and skip. A Cal.com that
    pages returns an empty list.
    """
    found = await source.page(FAR_OFFSET, 1)
    return found if len(found) > 1 and source.identities(found) == page else None


def _not_paged(
    source: RemoteList[Found, Key, Row], paging: Paging, found: list[Found]
) -> _Read[Key, Row]:
    paging.mark_not_paged(source.path, len(found))
    paging.calls[source.path] = 1
    return _read_in_one_call(source, found)


def _read_in_one_call(source: RemoteList[Found, Key, Row], found: list[Found]) -> _Read[Key, Row]:
    entries = list(filter(None, map(source.kept, found)))
    return _Read(dict(entries), len(entries), in_one_call=True)


def _is_credible(found: _Read[Key, Row], expected: Collection[Key]) -> bool:
    """Return True if a read is credible without a second one.

    One call shows one moment. Between two calls, a deleted row can shift another row out of both pages.
    """
    absent = sum(1 for key in expected if key not in found.rows)
    return absent == 0 or (found.in_one_call and absent <= len(expected) * CREDIBLE_SHARE)
