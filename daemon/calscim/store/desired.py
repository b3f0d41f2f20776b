"""Reads what the directory wants of one organization, as one consistent picture."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import cast

import orjson

from calscim.core.model import (
    CalUserId,
    Creator,
    Departed,
    Directory,
    DirectoryId,
    Edge,
    GroupId,
    Link,
    Mapping,
    MappingId,
    MembershipId,
    Mode,
    Office,
    Role,
    TeamId,
    User,
    UserId,
)
from calscim.store.pool import Connection, Database
from calscim.store.sql import sql


@dataclass(frozen=True, slots=True)
class Picture:
    """What is wanted, how far each journal had come, and who was missed in the last complete passes."""

    directory: Directory
    heads: dict[DirectoryId, int]
    names: dict[DirectoryId, str]
    missed: dict[UserId, int]


async def load(
    db: Database,
    organization: str,
    users: Collection[UserId] | None = None,
    attributes: Collection[str] = (),
) -> Picture:
    """Everything of the organization, or only what concerns ``users`` and whoever is the same person.

    ``attributes``: which parts of the users' resources are needed, in lower case.
    """
    async with (
        db.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        return await _load(connection, organization, users, list(attributes))


async def _load(
    connection: Connection,
    organization: str,
    users: Collection[UserId] | None,
    attributes: list[str],
) -> Picture:
    directories = await connection.fetch(sql("desired.directories"), organization)
    ids = [row["id"] for row in directories]
    only: list[str] | None = None
    if users is not None:
        rows = await connection.fetch(sql("desired.same_people"), organization, list(users), ids)
        only = [str(row["id"]) for row in rows]
    pauses = await connection.fetch(sql("desired.pauses"), organization)
    links = await connection.fetch(sql("desired.links"), organization, only)
    return Picture(
        directory=Directory(
            users={
                row["id"]: User(
                    id=row["id"],
                    directory=row["directory_id"],
                    email=row["email"],
                    name=row["name"],
                    active=row["active"],
                    managed=row["managed"],
                    seq=row["changed_seq"],
                    locale=row["locale"],
                    time_zone=row["time_zone"],
                    data=orjson.loads(row["attributes"]) if row["attributes"] else {},
                )
                for row in await connection.fetch(sql("desired.users"), ids, only, attributes)
            },
            departed={
                row["id"]: Departed(
                    row["id"], row["directory_id"], row["email"], row["managed"], row["seq"]
                )
                for row in await connection.fetch(sql("desired.departed"), organization, only)
            },
            groups={
                GroupId(row["id"]): row["display_name"]
                for row in await connection.fetch(sql("desired.groups"), ids)
            },
            members=await _members(connection, ids, only),
            former={
                (GroupId(row["group_id"]), UserId(row["user_id"])): row["seq"]
                for row in await connection.fetch(sql("desired.former"), organization, only)
            },
            mappings=await _mappings(connection, organization),
            links={
                UserId(row["user_id"]): Link(
                    UserId(row["user_id"]),
                    CalUserId(row["cal_user_id"]),
                    row["origin"],
                    row["email"],
                )
                for row in links
            },
            ledger=await _ledger(connection, organization, only),
            paused_directories=frozenset(
                DirectoryId(row["id"]) for row in directories if row["paused"]
            ),
            paused_teams=frozenset(
                TeamId(int(row["target"].rpartition("/")[2]))
                for row in pauses
                if row["scope"] == "team"
            ),
            paused=any(row["scope"] == "organization" for row in pauses),
            attributes=await _told(connection, organization, only),
            creators={
                TeamId(row["team_id"]): Creator(
                    CalUserId(row["cal_user_id"]),
                    cast("MembershipId | None", row["membership_id"]),
                )
                for row in await connection.fetch(sql("desired.creators"), organization)
            },
            offices=await _offices(connection, organization, only),
        ),
        heads={DirectoryId(row["id"]): row["seq"] for row in directories},
        names={DirectoryId(row["id"]): row["name"] for row in directories},
        missed={UserId(row["user_id"]): row["missed"] for row in links if row["missed"]},
    )


async def _members(
    connection: Connection, directories: list[str], only: list[str] | None
) -> dict[GroupId, dict[UserId, int]]:
    members: dict[GroupId, dict[UserId, int]] = {}
    for row in await connection.fetch(sql("desired.members"), directories, only):
        members.setdefault(GroupId(row["group_id"]), {})[UserId(row["user_id"])] = row["seq"]
    return members


async def _mappings(connection: Connection, organization: str) -> tuple[Mapping, ...]:
    return tuple(
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
            since=row["since"],
            new_team=row["new_team"],
        )
        for row in await connection.fetch(sql("desired.mappings"), organization)
    )


async def _told(
    connection: Connection, organization: str, only: list[str] | None
) -> dict[tuple[CalUserId, str], str]:
    rows = await connection.fetch(sql("desired.told"), organization, only)
    return {(CalUserId(row["cal_user_id"]), row["attribute_id"]): row["value"] for row in rows}


async def _ledger(
    connection: Connection, organization: str, only: list[str] | None
) -> dict[tuple[TeamId, CalUserId], Edge]:
    return {
        (TeamId(row["team_id"]), CalUserId(row["cal_user_id"])): Edge(
            team=TeamId(row["team_id"]),
            cal_user=CalUserId(row["cal_user_id"]),
            user=UserId(row["user_id"]),
            origin=row["origin"],
            role=Role(row["role"]),
            mode=Mode(row["mode"]),
            mappings=tuple(MappingId(number) for number in row["mapping_ids"]),
            membership=cast("MembershipId | None", row["membership_id"]),
        )
        for row in await connection.fetch(sql("desired.ledger"), organization, only)
    }


async def _offices(
    connection: Connection, organization: str, only: list[str] | None
) -> dict[CalUserId, Office]:
    return {
        CalUserId(row["cal_user_id"]): Office(
            cal_user=CalUserId(row["cal_user_id"]),
            user=UserId(row["user_id"]),
            role=Role(row["role"]),
            mode=Mode(row["mode"]),
            mappings=tuple(MappingId(number) for number in row["mapping_ids"]),
        )
        for row in await connection.fetch(sql("desired.offices"), organization, only)
    }
