"""Reads an organization. Cannot write. Whatever was not read to its end is Incomplete, never empty.

Lists have no total, no order and may come from a replica that lags, so pages can repeat or miss rows. A
list of one page is believed; a longer one when no row came twice, or when two reads in a row agree.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from calscim.calcom.client import Client
from calscim.core.model import (
    CalUserId,
    Complete,
    Incomplete,
    MembershipId,
    OrgMember,
    Role,
    Team,
    TeamId,
    TeamMember,
)
from calscim.errors import RemoteError, RemoteKind

PAGE = 250
MOST_PAGES = 2000
READS = 4  # of one list, until two agree

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Me:
    """Whom the API key belongs to."""

    user: CalUserId
    email: str
    organization_id: int | None


class Reader:
    """What is promised of every list: Complete only when it was read to its end and is plausible."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def me(self) -> Me:
        """Raises RemoteError: without an answer to this nothing else is worth asking."""
        data = await self._client.get("/v2/me")
        try:
            organization = data.get("organizationId")
            return Me(
                CalUserId(int(data["id"])),
                str(data["email"]),
                None if organization is None else int(organization),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RemoteError(
                RemoteKind.MALFORMED, "Cal.com's /v2/me does not say whose the key is"
            ) from error

    async def people(self) -> Complete[dict[CalUserId, OrgMember]] | Incomplete:
        return await self._list("/memberships", self._org_member, lambda person: person.user)

    async def teams(self) -> Complete[dict[TeamId, Team]] | Incomplete:
        return await self._list("/teams", _team, lambda team: team.id)

    async def team_members(
        self, team: TeamId
    ) -> Complete[dict[CalUserId, TeamMember]] | Incomplete:
        def parse(row: Any) -> TeamMember:
            if int(row["teamId"]) != team:
                raise ValueError(f"a membership of team {row['teamId']}")
            return _team_member(row)

        return await self._list(f"/teams/{team}/memberships", parse, lambda member: member.user)

    async def person(self, membership: MembershipId) -> OrgMember | Incomplete | None:
        """One person's organization membership; None: it is gone."""
        return await self._one(f"/memberships/{membership}", self._org_member)

    async def team_member(
        self, team: TeamId, membership: MembershipId
    ) -> TeamMember | Incomplete | None:
        return await self._one(f"/teams/{team}/memberships/{membership}", _team_member)

    async def person_by_email(self, email: str) -> OrgMember | Incomplete | None:
        """The member with that address, in any case; None: there is none. Costs a read of the list."""
        found = await self.people()
        if isinstance(found, Incomplete):
            return found
        for person in found.value.values():
            if person.email.casefold() == email.casefold():
                return person
        return None

    def _org_member(self, row: Any) -> OrgMember:
        if int(row["teamId"]) != self._client.organization_id:
            raise ValueError(f"a membership of {row['teamId']}, which is another organization")
        user = row["user"]
        return OrgMember(
            membership=MembershipId(int(row["id"])),
            user=CalUserId(int(row["userId"])),
            email=str(user["email"]),
            name=str(user.get("name") or ""),
            username=str(user.get("username") or ""),
            role=Role(row["role"]),
            accepted=_true_or_false(row["accepted"]),
        )

    async def _one(self, path: str, parse: Callable[[Any], Row]) -> Row | Incomplete | None:
        try:
            return parse(await self._client.get(path))
        except RemoteError as error:
            if error.kind is RemoteKind.AUTH:
                raise
            return None if error.kind is RemoteKind.GONE else Incomplete(str(error))
        except (KeyError, TypeError, ValueError) as error:
            return Incomplete(f"Cal.com's answer to {path} cannot be read: {error!r}")

    async def _list(
        self, path: str, parse: Callable[[Any], Row], key: Callable[[Row], Any]
    ) -> "Complete[dict[Any, Row]] | Incomplete":
        before: Mapping[Any, Row] | None = None
        for _ in range(READS):
            read = await self._read(path, parse, key)
            if isinstance(read, Incomplete):
                return read
            rows, repeated, pages = read
            if pages == 1 and not repeated:
                return Complete(rows)
            if not repeated and (before is None or before.keys() == rows.keys()):
                return Complete(rows)
            before = rows
        return Incomplete(f"the list {path} moved while it was read, {READS} times")

    async def _read(
        self, path: str, parse: Callable[[Any], Row], key: Callable[[Row], Any]
    ) -> tuple[dict[Any, Row], bool, int] | Incomplete:
        """All rows, whether one came twice, and how many pages it took."""
        rows: dict[Any, Row] = {}
        repeated = False
        for page in range(MOST_PAGES):
            try:
                found = await self._client.get(path, take=PAGE, skip=page * PAGE)
                if not isinstance(found, list):
                    return Incomplete(f"Cal.com's answer to {path} is not a list")
                for entry in found:
                    row = parse(entry)
                    repeated = repeated or key(row) in rows
                    rows[key(row)] = row
            except RemoteError as error:
                if error.kind is RemoteKind.AUTH:
                    raise
                return Incomplete(str(error))
            except (KeyError, TypeError, ValueError) as error:
                return Incomplete(f"Cal.com's answer to {path} cannot be read: {error!r}")
            if len(found) < PAGE:
                return rows, repeated, page + 1
        return Incomplete(f"the list {path} does not end after {MOST_PAGES} pages")


def _team(row: Any) -> Team:
    slug = row.get("slug")
    return Team(TeamId(int(row["id"])), str(row["name"]), None if slug is None else str(slug))


def _team_member(row: Any) -> TeamMember:
    return TeamMember(
        membership=MembershipId(int(row["id"])),
        user=CalUserId(int(row["userId"])),
        role=Role(row["role"]),
        accepted=_true_or_false(row["accepted"]),
    )


def _true_or_false(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"accepted is {value!r}")
    return value
