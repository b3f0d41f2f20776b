"""Reads an organization, and cannot write. A list that was not read to its end is Incomplete, never empty."""

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

MAX_ADDRESSES = 50  # of one call
_TEAMS = "/teams"
_TYPES = {kind.value for kind in AttributeType}

Row = TypeVar("Row")


class Reader:
    """Reads lists and single rows. A refused key raises RemoteError(AUTH).

    ``expected``: the keys of the last complete read of the list. If many of them are missing, the list is read again.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def me(self) -> Me:
        """Return the user of the key. Raise RemoteError if Cal.com does not answer."""
        return await self._client.me()

    async def people(
        self, expected: Collection[CalUserId] = ()
    ) -> Complete[dict[CalUserId, OrgMember]] | Incomplete:
        """Return all members of the organization, pending or not. There is always an owner among them."""

        def kept(row: OrgMembership) -> tuple[CalUserId, OrgMember] | None:
            is_own = row.team == self._client.organization_id
            return (row.member.user, row.member) if is_own else None

        members = RemoteList(
            "the organization's members", "/memberships", self._client.memberships, kept, PAGE
        )
        found = await read_list(members, self._client.paging, expected)
        if isinstance(found, Complete) and not found.value:
            return Incomplete(
                "the organization's members were an empty list, but every organization has an owner"
            )
        return found

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
        """Return True if GET teams respects take and skip, or None if the organization has no team.

        Raise RemoteError if the call fails. Source: a recorded self-hosted build that returns the whole list as every
        page.
        """
        first = await self._client.teams(0, 1)
        if not first:
            return None
        return len(first) == 1 and await self._client.teams(1, 1) != first

    @property
    def calls_for_teams(self) -> int | None:
        """Return the number of calls of the last read of the teams, or None before the first read."""
        return self._client.paging.calls.get(_TEAMS)

    async def team(self, team_id: TeamId) -> Team | Incomplete | None:
        """Return a team, or None if the organization has no such team (404, IsTeamInOrg)."""

        async def read() -> Team:
            team = await self._client.team(team_id)
            _check_answer(team.id == team_id, f"it returned team {team.id}")
            return team

        return await _read_one(read)

    async def team_members(
        self, team: TeamId, expected: Collection[CalUserId] = ()
    ) -> Complete[dict[CalUserId, TeamMember]] | Incomplete:
        async def page(skip: int, take: int) -> list[TeamMembership]:
            found = await self._client.team_memberships(team, skip, take)
            for row in found:
                _check_answer(
                    row.team == team, f"a member of team {row.team} is in the list of {team}"
                )
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
        """Return the accounts with one of these addresses, exactly as written, and a Profile in the organization.

        Return None if the key may not list users (403), which a custom role can forbid. Raise RemoteError(AUTH) if
        Cal.com refuses the key altogether.
        """
        addresses = list(dict.fromkeys(emails))
        found: dict[CalUserId, Account] = {}
        try:
            for start in range(0, len(addresses), MAX_ADDRESSES):
                accounts = await self._accounts(addresses[start : start + MAX_ADDRESSES])
                found.update((account.user, account) for account in accounts)
        except RemoteError as error:
            if error.status == 403:
                return None
            if error.kind is RemoteKind.AUTH:
                raise
            return Incomplete(f"the organization's Profiles could not be read: {error}")
        return found

    async def _accounts(self, emails: list[str]) -> list[Account]:
        """Return the accounts. If Cal.com finds an address invalid, halve the list: no account can have it."""
        try:
            return await self._client.users(emails)
        except RemoteError as error:
            if error.kind is not RemoteKind.REJECTED or "emails" not in error.properties:
                raise
        if len(emails) == 1:
            return []
        half = len(emails) // 2
        return [*await self._accounts(emails[:half]), *await self._accounts(emails[half:])]

    async def all_profiles(
        self,
    ) -> Complete[dict[CalUserId, Account]] | Incomplete | None:
        """Return every account with a Profile in the organization, of accepted and of pending members.

        Return None and raise RemoteError as ``profiles`` does.
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
        """Return the attributes of the organization, without their options.

        This never raises RemoteError: without attributes, everything else still works.
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
        return Complete(tuple(sorted(found.value.values(), key=lambda attribute: attribute.id)))

    async def options(self, attribute: str) -> dict[str, str] | Incomplete:
        """Return the ids of the options of a selection by their values. This never raises RemoteError."""
        try:
            found = await self._client.options(attribute)
        except RemoteError as error:
            return Incomplete(str(error))
        return {option.value: option.id for option in found}

    async def assigned(self, user: CalUserId) -> tuple[AttributeValue, ...] | Incomplete:
        """Return every option of a person: lists of members show one of several. This never raises RemoteError."""
        try:
            found = await self._client.assigned(user)
        except RemoteError as error:
            return Incomplete(str(error))
        return tuple(
            sorted(AttributeValue(option.attribute, option.id, option.value) for option in found)
        )

    async def person(self, membership: MembershipId) -> OrgMember | Incomplete | None:
        """Return a membership of the organization, or None if it does not exist."""

        async def read() -> OrgMember:
            row = await self._client.membership(membership)
            _check_answer(row.member.membership == membership, "it returned another membership")
            _check_answer(
                row.team == self._client.organization_id, "the membership is another organization's"
            )
            return row.member

        return await _read_one(read)


async def _read_one(read: Callable[[], Awaitable[Row]]) -> Row | Incomplete | None:
    try:
        return await read()
    except RemoteError as error:
        if error.kind is RemoteKind.AUTH:
            raise
        return None if error.kind is RemoteKind.NOT_FOUND else Incomplete(str(error))


def _check_answer(is_right: bool, problem: str) -> None:
    if not is_right:
        raise RemoteError(RemoteKind.MALFORMED, f"Cal.com returned something else: {problem}")
