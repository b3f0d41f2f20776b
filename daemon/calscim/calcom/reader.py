"""Reads an organization. Cannot write. What was not read to its end is Incomplete, never empty."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TypeVar

from calscim.calcom import decode
from calscim.calcom.client import PAGE, USERS_PAGE, Client
from calscim.calcom.decode import Account, Me, OrgMembership, TeamMembership
from calscim.calcom.lists import RemoteList, read_list
from calscim.errors import RemoteError, RemoteKind
from calscim.planner.ids import CalUserId, MembershipId, TeamId
from calscim.planner.observed_state import (
    Attribute,
    AttributeType,
    AttributeValue,
    Complete,
    Incomplete,
    OrgMember,
    Team,
    TeamMember,
)

__all__ = ["Me", "Reader"]

ADDRESSES = 50  # that one call asks about
_TEAMS = "/teams"
_TYPES = {kind.value for kind in AttributeType}

Row = TypeVar("Row")


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

        def kept(row: OrgMembership) -> tuple[CalUserId, OrgMember] | None:
            mine = row.team == self._client.organization_id
            return (row.member.user, row.member) if mine else None

        everybody = RemoteList(
            "the organization's members", "/memberships", self._client.memberships, kept, PAGE
        )
        return await read_list(everybody, self._client.paging, expected)

    async def teams(
        self, expected: Collection[TeamId] = ()
    ) -> Complete[dict[TeamId, Team]] | Incomplete:
        every_team = RemoteList(
            "the organization's teams",
            _TEAMS,
            self._client.teams,
            lambda team: (team.id, team),
            PAGE,
        )
        return await read_list(every_team, self._client.paging, expected)

    async def pages_teams(self) -> bool | None:
        """Return whether GET teams minds take and skip; None: there is no team to tell by.

        Raises RemoteError. Source: a recorded self-hosted build, which answers every page with the whole list.
        """
        first = await self._client.teams(0, 1)
        if not first:
            return None
        return len(first) == 1 and await self._client.teams(1, 1) != first

    @property
    def calls_for_teams(self) -> int | None:
        """How many calls the list of teams takes, as its last read showed; None: it was not read yet."""
        return self._client.paging.calls.get(_TEAMS)

    async def team(self, number: TeamId) -> Team | Incomplete | None:
        """One team of the organization; None: the organization has no such team (404, IsTeamInOrg)."""

        async def look() -> Team:
            team = await self._client.team(number)
            _insist(team.id == number, f"team {team.id} was answered")
            return team

        return await _one(look)

    async def team_members(
        self, team: TeamId, expected: Collection[CalUserId] = ()
    ) -> Complete[dict[CalUserId, TeamMember]] | Incomplete:
        async def page(skip: int, take: int) -> list[TeamMembership]:
            found = await self._client.team_memberships(team, skip, take)
            for row in found:
                _insist(row.team == team, f"a member of team {row.team} is in the list of {team}")
            return found

        members = RemoteList(
            f"the members of team {team}",
            f"{_TEAMS}/{team}/memberships",
            page,
            lambda row: (row.member.user, row.member),
            PAGE,
        )
        return await read_list(members, self._client.paging, expected)

    async def profiles(self, emails: Sequence[str]) -> dict[CalUserId, Account] | Incomplete | None:
        """The accounts with one of these addresses, exactly as written, and a Profile in the organization.

        None: the key may not list users (403), which a custom role can forbid. Raises RemoteError (AUTH) for a
        key that is refused altogether.
        """
        addresses = list(dict.fromkeys(emails))
        found: dict[CalUserId, Account] = {}
        try:
            for start in range(0, len(addresses), ADDRESSES):
                accounts = await self._accounts(addresses[start : start + ADDRESSES])
                found.update((account.user, account) for account in accounts)
        except RemoteError as error:
            if error.status == 403:
                return None
            if error.kind is RemoteKind.AUTH:
                raise
            return Incomplete(f"the organization's Profiles could not be read: {error}")
        return found

    async def _accounts(self, emails: list[str]) -> list[Account]:
        """Halve the addresses where Cal.com finds one invalid: no account can have that one."""
        try:
            return await self._client.users(emails)
        except RemoteError as error:
            if error.kind is not RemoteKind.REJECTED or "emails" not in error.properties:
                raise
        if len(emails) == 1:
            return []
        half = len(emails) // 2
        return [*await self._accounts(emails[:half]), *await self._accounts(emails[half:])]

    async def everyone_with_profile(
        self,
    ) -> Complete[dict[CalUserId, Account]] | Incomplete | None:
        """Every account that has a Profile in the organization, of accepted and of pending members.

        None and RemoteError as ``profiles``.
        """
        profiles = RemoteList(
            "the organization's Profiles",
            "/users",
            self._client.all_users,
            lambda account: (account.user, account),
            USERS_PAGE,
        )
        try:
            return await read_list(profiles, self._client.paging, ())
        except RemoteError as error:
            if error.status != 403:
                raise
            return None

    async def attributes(self) -> Complete[tuple[Attribute, ...]] | Incomplete:
        """The organization's attributes, without their options.

        Never raises: a key that may not see them, and a Cal.com without them, can do everything else.
        """

        def kept(row: decode.Attribute) -> tuple[str, Attribute] | None:
            if row.type not in _TYPES:
                return None
            return row.id, Attribute(row.id, row.name, row.slug, AttributeType(row.type))

        name = "the organization's attributes"
        attributes = RemoteList(name, "/attributes", self._client.attributes, kept, PAGE)
        try:
            found = await read_list(attributes, self._client.paging, ())
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

    async def assigned(self, user: CalUserId) -> tuple[AttributeValue, ...] | Incomplete:
        """Every option that a person has; lists of members show one of several values. Never raises."""
        try:
            found = await self._client.assigned(user)
        except RemoteError as error:
            return Incomplete(str(error))
        return tuple(
            sorted(AttributeValue(option.attribute, option.id, option.value) for option in found)
        )

    async def person(self, membership: MembershipId) -> OrgMember | Incomplete | None:
        """One person's membership of the organization; None: it is gone."""

        async def look() -> OrgMember:
            row = await self._client.membership(membership)
            _insist(row.member.membership == membership, "another membership was answered")
            _insist(row.team == self._client.organization_id, "it is another organization's")
            return row.member

        return await _one(look)


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
