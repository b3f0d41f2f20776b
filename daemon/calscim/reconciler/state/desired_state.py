"""Reads the desired state of one organization in one consistent snapshot."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import asyncpg
import orjson

from calscim.planner.desired_state import (
    BootstrapOwner,
    DeletedUser,
    DesiredState,
    Link,
    Mapping,
    MembershipRecord,
    OrgRoleGrant,
    User,
)
from calscim.planner.ids import (
    CalUserId,
    DirectoryId,
    GroupId,
    MappingId,
    MembershipId,
    TeamId,
    UserId,
)
from calscim.planner.modes import Mode
from calscim.planner.roles import Role
from calscim.postgres.pool import Connection, Database
from calscim.postgres.queries import sql

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DesiredSnapshot:
    """The desired state, each journal's head, and in how many complete passes each account was missing."""

    desired: DesiredState
    heads: dict[DirectoryId, int]
    names: dict[DirectoryId, str]
    missed: dict[UserId, int]


async def load(
    db: Database,
    organization: str,
    users: Collection[UserId] | None = None,
    attributes: Collection[str] = (),
) -> DesiredSnapshot:
    """Load the whole organization, or only ``users`` and the users of the same people.

    ``attributes``: which parts of the users' resources are needed, in lower case.
    """
    async with (
        db.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        directories = await connection.fetch(sql("desired_state.load_directories"), organization)
        ids = [row["id"] for row in directories]
        only: list[str] | None = None
        if users is not None:
            rows = await connection.fetch(
                sql("desired_state.find_same_people"), organization, list(users), ids
            )
            only = [str(row["id"]) for row in rows]
        reading = _Reading(connection, organization, ids, only)
        return await reading.snapshot(directories, list(attributes))


_AT_ONCE = 500  # rows that are decoded before other tasks run
_NO_ATTRIBUTES: dict[str, Any] = {}


class _Reading:
    """Reads one snapshot. Equal values of many rows are kept once, which saves memory in large companies."""

    def __init__(
        self,
        connection: Connection,
        organization: str,
        directories: list[str],
        only: list[str] | None,
    ) -> None:
        self._connection = connection
        self._organization = organization
        self._directories = directories
        self._only = only
        self._kept: dict[Any, Any] = {}

    async def snapshot(
        self, directories: Sequence[asyncpg.Record], attributes: list[str]
    ) -> DesiredSnapshot:
        pauses = await self._connection.fetch(sql("desired_state.load_pauses"), self._organization)
        users = await self._users(attributes)
        links, missed = await self._links()
        return DesiredSnapshot(
            desired=DesiredState(
                users=users,
                deleted_users=await self._departed(),
                groups={
                    GroupId(self._one(row["id"])): row["display_name"]
                    async for row in self._rows("groups", self._directories)
                },
                members=await self._members(),
                former=await self._former(),
                mappings=await self._mappings(),
                links=links,
                ledger=await self._ledger(),
                paused_directories=frozenset(
                    DirectoryId(row["id"]) for row in directories if row["paused"]
                ),
                paused_teams=frozenset(
                    TeamId(int(row["target"].rpartition("/")[2]))
                    for row in pauses
                    if row["scope"] == "team"
                ),
                paused=any(row["scope"] == "organization" for row in pauses),
                attributes={
                    (CalUserId(row["cal_user_id"]), self._one(row["attribute_id"])): self._one(
                        row["value"]
                    )
                    async for row in self._rows(
                        "applied_attributes", self._organization, self._only
                    )
                },
                bootstrap_owners={
                    TeamId(row["team_id"]): BootstrapOwner(
                        CalUserId(row["cal_user_id"]),
                        cast("MembershipId | None", row["membership_id"]),
                    )
                    async for row in self._rows("bootstrap_owners", self._organization)
                },
                org_role_grants=await self._offices(),
                former_accounts={
                    UserId(self._one(row["user_id"])): CalUserId(row["cal_user_id"])
                    async for row in self._rows("former_accounts", self._organization, self._only)
                },
            ),
            heads={DirectoryId(row["id"]): row["seq"] for row in directories},
            names={DirectoryId(row["id"]): row["name"] for row in directories},
            missed=missed,
        )

    async def _rows(self, query: str, *arguments: Any) -> AsyncIterator[asyncpg.Record]:
        """Yield the rows of a query: in pieces for the whole organization, at once for a few people."""
        text = sql(f"desired_state.load_{query}")
        if self._only is not None:
            for row in await self._connection.fetch(text, *arguments):
                yield row
            return
        cursor = await self._connection.cursor(text, *arguments)
        while some := await cursor.fetch(_AT_ONCE):
            for row in some:
                yield row

    def _one(self, value: T) -> T:
        """Return the first of all equal values."""
        kept: T = self._kept.setdefault(value, value)
        return kept

    async def _users(self, attributes: list[str]) -> dict[UserId, User]:
        users: dict[UserId, User] = {}
        async for row in self._rows("users", self._directories, self._only, attributes):
            number = UserId(self._one(row["id"]))
            users[number] = User(
                id=number,
                directory=self._one(row["directory_id"]),
                email=self._one(row["email"]),
                name=row["name"],
                active=row["active"],
                managed=row["managed"],
                seq=row["changed_seq"],
                locale=self._one(row["locale"]),
                time_zone=self._one(row["time_zone"]),
                data=orjson.loads(row["attributes"]) if row["attributes"] else _NO_ATTRIBUTES,
                user_name=row["user_name"] or "",
            )
        return users

    async def _departed(self) -> dict[UserId, DeletedUser]:
        return {
            row["id"]: DeletedUser(
                row["id"], row["directory_id"], row["email"], row["managed"], row["seq"]
            )
            async for row in self._rows("deleted_users", self._organization, self._only)
        }

    async def _links(self) -> tuple[dict[UserId, Link], dict[UserId, int]]:
        """Return the links, and in how many passes each account was missing."""
        links: dict[UserId, Link] = {}
        missed: dict[UserId, int] = {}
        async for row in self._rows("account_links", self._organization, self._only):
            user = UserId(self._one(row["user_id"]))
            account = CalUserId(self._one(row["cal_user_id"]))
            links[user] = Link(user, account, self._one(row["origin"]), self._one(row["email"]))
            if row["missed_passes"]:
                missed[user] = row["missed_passes"]
        return links, missed

    async def _members(self) -> dict[GroupId, dict[UserId, int]]:
        members: dict[GroupId, dict[UserId, int]] = {}
        async for row in self._rows("members", self._directories, self._only):
            group = GroupId(self._one(row["group_id"]))
            members.setdefault(group, {})[UserId(self._one(row["user_id"]))] = row["seq"]
        return members

    async def _former(self) -> dict[tuple[GroupId, UserId], int]:
        former: dict[tuple[GroupId, UserId], int] = {}
        async for row in self._rows("former_members", self._organization, self._only):
            group, user = GroupId(self._one(row["group_id"])), UserId(self._one(row["user_id"]))
            former[group, user] = row["seq"]
        return former

    async def _mappings(self) -> tuple[Mapping, ...]:
        return tuple(
            [
                Mapping(
                    id=MappingId(row["id"]),
                    directory=DirectoryId(row["directory_id"]),
                    group_name=row["group_name"],
                    group=cast("GroupId | None", row["group_id"]),
                    team=cast("TeamId | None", row["team_id"]),
                    role=Role(row["role"]),
                    mode=Mode(row["mode"]),
                    seq=row["seq"],
                    removed_seq=row["removed_seq"],
                    since=row["directory_seq"],
                    new_team=row["new_team"],
                )
                async for row in self._rows("mappings", self._organization)
            ]
        )

    async def _ledger(self) -> dict[tuple[TeamId, CalUserId], MembershipRecord]:
        ledger: dict[tuple[TeamId, CalUserId], MembershipRecord] = {}
        async for row in self._rows("ledger", self._organization, self._only):
            team = TeamId(self._one(row["team_id"]))
            account = CalUserId(self._one(row["cal_user_id"]))
            ledger[team, account] = MembershipRecord(
                team=team,
                cal_user=account,
                user=UserId(self._one(row["user_id"])),
                origin=self._one(row["origin"]),
                role=Role(row["role"]),
                mode=Mode(row["mode"]),
                mappings=self._one(tuple(row["mapping_ids"])),
                membership=cast("MembershipId | None", row["membership_id"]),
            )
        return ledger

    async def _offices(self) -> dict[CalUserId, OrgRoleGrant]:
        return {
            CalUserId(row["cal_user_id"]): OrgRoleGrant(
                cal_user=CalUserId(row["cal_user_id"]),
                user=UserId(row["user_id"]),
                role=Role(row["role"]),
                mode=Mode(row["mode"]),
                mappings=tuple(row["mapping_ids"]),
            )
            async for row in self._rows("org_role_grants", self._organization, self._only)
        }
