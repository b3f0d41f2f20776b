"""Reads an organization. Cannot write. What was not read to its end is Incomplete, never empty.

Lists have no total and no order and may come from a replica that lags, so pages can repeat or miss rows.
The proof that nothing is missing is a count: pages of an unchanged list always bring as many rows as it
has, so a read without repetitions is all of it. With repetitions the reads are joined until they hold as
many rows as one read brings. Absence that would be much is looked at twice.
"""

from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from calscim.calcom import rows
from calscim.calcom.client import PAGE, Client
from calscim.calcom.rows import Me, OrgMembership, TeamMembership
from calscim.core.model import (
    Attribute,
    AttributeType,
    CalUserId,
    Complete,
    Incomplete,
    MembershipId,
    OrgMember,
    Team,
    TeamId,
    TeamMember,
)
from calscim.errors import RemoteError, RemoteKind

__all__ = ["Me", "Reader"]

MOST_PAGES = 2000
_TYPES = {kind.value for kind in AttributeType}
MOST_READS = 12  # of one list, until nothing is missing
IDLE_READS = 3  # of them, in a row, that bring nothing new
SHARE = 0.1  # of the rows last known: when more than that is absent, it is looked at twice

Key = TypeVar("Key", bound=Hashable)
Row = TypeVar("Row")
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class _Read(Generic[Key, Row]):
    """One way through a list: its rows, and how many there were with repetitions."""

    rows: Mapping[Key, Row]
    brought: int

    @property
    def whole(self) -> bool:
        return len(self.rows) == self.brought


class Reader:
    """Every list is Complete only when it was proven to be; a refused key raises RemoteError (AUTH).

    ``expected``: what the last complete read of the same list had, so that a list which has become much
    shorter is read once more before it is believed.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def me(self) -> Me:
        """Raises RemoteError: without an answer to this nothing else is worth asking."""
        return await self._client.me()

    async def people(
        self, expected: Collection[CalUserId] = ()
    ) -> Complete[dict[CalUserId, OrgMember]] | Incomplete:
        """Everybody in the organization, pending or not."""

        async def page(skip: int) -> list[OrgMembership]:
            return await self._client.memberships(skip)

        def kept(row: OrgMembership) -> tuple[CalUserId, OrgMember] | None:
            mine = row.team == self._client.organization_id
            return (row.member.user, row.member) if mine else None

        return await self._list("the organization's members", page, kept, expected)

    async def teams(
        self, expected: Collection[TeamId] = ()
    ) -> Complete[dict[TeamId, Team]] | Incomplete:
        async def page(skip: int) -> list[Team]:
            return await self._client.teams(skip)

        return await self._list(
            "the organization's teams", page, lambda team: (team.id, team), expected
        )

    async def team_members(
        self, team: TeamId, expected: Collection[CalUserId] = ()
    ) -> Complete[dict[CalUserId, TeamMember]] | Incomplete:
        async def page(skip: int) -> list[TeamMembership]:
            found = await self._client.team_memberships(team, skip)
            for row in found:
                _insist(row.team == team, f"a member of team {row.team} is in the list of {team}")
            return found

        return await self._list(
            f"the members of team {team}",
            page,
            lambda row: (row.member.user, row.member),
            expected,
        )

    async def attributes(self) -> Complete[tuple[Attribute, ...]] | Incomplete:
        """The organization's attributes, without their options.

        Never raises: a key that may not see them, and a Cal.com without them, can do everything else.
        """

        async def page(skip: int) -> list[rows.Attribute]:
            return await self._client.attributes(skip)

        def kept(row: rows.Attribute) -> tuple[str, Attribute] | None:
            if row.type not in _TYPES:
                return None
            return row.id, Attribute(row.id, row.name, row.slug, AttributeType(row.type))

        name = "the organization's attributes"
        try:
            found = await self._list(name, page, kept, ())
        except RemoteError as error:
            return Incomplete(f"{name} could not be read: {error}")
        if isinstance(found, Incomplete):
            return found
        return Complete(tuple(sorted(found.value.values(), key=lambda one: one.id)))

    async def options(self, attribute: str) -> dict[str, str] | Incomplete:
        """The values that a selection can have, with the ids of its options. Never raises."""
        try:
            found = await self._client.options(attribute)
        except RemoteError as error:
            return Incomplete(str(error))
        return {option.value: option.id for option in found}

    async def person(self, membership: MembershipId) -> OrgMember | Incomplete | None:
        """One person's membership of the organization; None: it is gone."""

        async def look() -> OrgMember:
            row = await self._client.membership(membership)
            _insist(row.member.membership == membership, "another membership was answered")
            _insist(row.team == self._client.organization_id, "it is another organization's")
            return row.member

        return await _one(look)

    async def team_member(
        self, team: TeamId, membership: MembershipId
    ) -> TeamMember | Incomplete | None:
        """One person's membership of a team; None: it is gone, or the team is."""

        async def look() -> TeamMember:
            row = await self._client.team_membership(team, membership)
            _insist(row.member.membership == membership, "another membership was answered")
            _insist(row.team == team, f"it is team {row.team}'s")
            return row.member

        return await _one(look)

    async def person_by_email(self, email: str) -> OrgMember | Incomplete | None:
        """The member with that address, in any case; None: there is none. Costs a read of the list."""
        found = await self.people()
        if isinstance(found, Incomplete):
            return found
        wanted = email.casefold()
        return next((one for one in found.value.values() if one.email.casefold() == wanted), None)

    # -------------------------------------------------------------- lists

    async def _list(
        self,
        name: str,
        page: Callable[[int], Awaitable[list[Found]]],
        kept: Callable[[Found], tuple[Key, Row] | None],
        expected: Collection[Key],
    ) -> Complete[dict[Key, Row]] | Incomplete:
        try:
            first = await _proven(page, kept)
            if first is None:
                return Incomplete(f"{name} changed again and again while they were read")
            if _plausible(first, expected):
                return Complete(first)
            second = await _proven(page, kept)
        except RemoteError as error:
            if error.kind is RemoteKind.AUTH:
                raise
            return Incomplete(f"{name} could not be read: {error}")
        if second is not None and (second.keys() == first.keys() or _plausible(second, expected)):
            return Complete(second)
        return Incomplete(
            f"{name} were {len(expected)} and now are {len(first)}, and a second look differs"
        )


async def _proven(
    page: Callable[[int], Awaitable[list[Found]]],
    kept: Callable[[Found], tuple[Key, Row] | None],
) -> dict[Key, Row] | None:
    """All rows, by a read without repetitions or by several that add up; None when neither comes about."""
    joined: dict[Key, Row] = {}
    brought, idle = -1, 0
    for _ in range(MOST_READS):
        read = await _read(page, kept)
        if read.whole:
            return dict(read.rows)
        if read.brought != brought:  # the list has changed: what was seen of it is not one list's
            joined, brought, idle = {}, read.brought, 0
        before = len(joined)
        joined.update(read.rows)
        if len(joined) == brought:
            return joined
        idle = idle + 1 if len(joined) == before else 0
        if len(joined) > brought or idle == IDLE_READS:
            return None
    return None


async def _read(
    page: Callable[[int], Awaitable[list[Found]]],
    kept: Callable[[Found], tuple[Key, Row] | None],
) -> _Read[Key, Row]:
    """Page after page, until one is short. Rows that are not kept do not count."""
    rows: dict[Key, Row] = {}
    brought = 0
    for number in range(MOST_PAGES):
        found = await page(number * PAGE)
        for entry in filter(None, map(kept, found)):
            rows[entry[0]] = entry[1]
            brought += 1
        if len(found) < PAGE:
            return _Read(rows, brought)
    raise RemoteError(
        RemoteKind.MALFORMED, f"the list does not end after {MOST_PAGES} pages of {PAGE}"
    )


def _plausible(found: Mapping[Key, Row], expected: Collection[Key]) -> bool:
    """Whether what is absent may be so after one look.

    One page is of one moment; between pages a row can be passed over when another is deleted.
    """
    absent = sum(1 for key in expected if key not in found)
    return absent == 0 or (len(found) < PAGE and absent <= len(expected) * SHARE)


async def _one(look: Callable[[], Awaitable[Row]]) -> Row | Incomplete | None:
    try:
        return await look()
    except RemoteError as error:
        if error.kind is RemoteKind.AUTH:
            raise
        return None if error.kind is RemoteKind.GONE else Incomplete(str(error))


def _insist(so: bool, otherwise: str) -> None:
    if not so:
        raise RemoteError(RemoteKind.MALFORMED, f"Cal.com answered something else: {otherwise}")
