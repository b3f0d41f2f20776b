"""The journal alone gives the same users, groups and members that the requests gave."""

import json
import random
import uuid
from datetime import timedelta

import asyncpg
import pytest

from calscim.admin import Directory, Editor
from calscim.directory import imported_users, resources
from calscim.directory.imported_users import Account
from calscim.directory.resources import GroupState, MemberChange, UserState
from calscim.encryption import PLAIN
from calscim.journal.append import Origin
from calscim.journal.replay import rebuild
from calscim.planner.ids import CalUserId, DirectoryId
from calscim.postgres.pool import Database

EDITOR = Editor(by="ada", cipher=PLAIN)
TABLES = ("users", "user_emails", "groups", "members", "former_members", "tombstones")


class Pusher:
    """Changes users and groups at random, as an identity provider could."""

    def __init__(self, db: Database, directory: Directory, seed: int) -> None:
        self.db = db
        self.random = random.Random(seed)
        self.origin = Origin(directory.id, "r")
        self.users: list[uuid.UUID] = []
        self.groups: list[uuid.UUID] = []

    def user(self, name: str, *, active: bool = True) -> UserState:
        email = f"{name}@acme.example"
        data = {"userName": name, "active": active, "n": 12345678901234567890.5, "x": [1, "ä"]}
        return UserState(
            name, self.random.choice((None, name)), email, (email,), active, json.dumps(data)
        )

    def members(self) -> frozenset[uuid.UUID]:
        known = [*self.users, *self.groups[:1], uuid.uuid4()]
        return frozenset(self.random.sample(known, min(len(known), self.random.randint(0, 4))))

    async def push(self) -> None:
        chosen = self.random.choice(
            [
                self.new_user,
                self.change_user,
                self.drop_user,
                self.new_group,
                *[self.change_group] * 4,
                self.drop_group,
            ]
        )
        await chosen()

    async def new_user(self) -> None:
        name = f"person{len(self.users)}{self.random.random()}"
        if self.random.random() < 0.7:
            self.users.append(uuid.uuid4())
            await resources.create_user(self.db, self.origin, self.users[-1], self.user(name), "")
            return
        account = Account(CalUserId(len(self.users)), f"{name}@acme.example", "A", "Person")
        directory = DirectoryId(self.origin.stream)
        await imported_users.import_accounts(self.db, "acme", directory, [account], "r")
        made = "SELECT id::text FROM calscim.users WHERE user_name = $1"
        self.users.append(uuid.UUID(await self.db.fetchval(made, account.email)))

    async def change_user(self) -> None:
        if self.users:
            name = f"person{self.random.randint(0, 9)}"
            state = self.user(name, active=self.random.random() < 0.5)
            await resources.update_user(
                self.db, self.origin, self.random.choice(self.users), state, ""
            )

    async def drop_user(self) -> None:
        if self.users and self.random.random() < 0.5:
            await resources.delete_user(
                self.db, self.origin, self.users.pop(self.random.randrange(len(self.users)))
            )

    async def new_group(self) -> None:
        self.groups.append(uuid.uuid4())
        name = f"group{self.random.randint(0, 999)}"
        state = GroupState(name, None, json.dumps({"displayName": name}))
        await resources.create_group(
            self.db, self.origin, self.groups[-1], state, MemberChange(add=self.members()), ""
        )

    async def change_group(self) -> None:
        if self.groups:
            name = f"group{self.random.randint(0, 3)}"
            state = self.random.choice(
                (None, GroupState(name, "x", json.dumps({"displayName": name})))
            )
            add, remove = self.members(), self.members()
            change = MemberChange(add, remove - add, replace=self.random.random() < 0.3)
            await resources.update_group(
                self.db, self.origin, self.random.choice(self.groups), state, change, ""
            )

    async def drop_group(self) -> None:
        if self.groups and self.random.random() < 0.5:
            await resources.delete_group(
                self.db, self.origin, self.groups.pop(self.random.randrange(len(self.groups)))
            )


async def dump(db: Database) -> dict[str, list]:
    """Every table but for the numbers that only order the rows."""
    found: dict[str, list] = {
        "heads": [
            dict(row)
            for row in await db.fetch(
                "SELECT stream, user_count, group_count FROM calscim.journal_heads WHERE stream NOT LIKE '@%'"
            )
        ]
    }
    for table in TABLES:
        order = "ordinal" if table in ("users", "groups") else "1, 2, 3"
        rows = await db.fetch(f"SELECT * FROM calscim.{table} ORDER BY {order}")
        found[table] = [
            {key: value for key, value in row.items() if key != "ordinal"} for row in rows
        ]
    return found


@pytest.mark.parametrize("seed", range(6))
async def test_replaying_the_journal_gives_the_tables(db, okta, seed):
    pusher = Pusher(db, okta, seed)
    for _ in range(60):
        await pusher.push()

    compared = await rebuild.compare(db, okta)

    assert compared.differences == ()
    assert compared.users == await db.fetchval("SELECT count(*) FROM calscim.users")


@pytest.mark.parametrize("seed", range(2))
async def test_rebuilding_writes_what_was_there(db, database, okta, seed):
    pusher = Pusher(db, okta, seed)
    for _ in range(60):
        await pusher.push()
    before = await dump(db)
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute(f"TRUNCATE {', '.join(f'calscim.{table}' for table in TABLES)}")
    await owner.close()

    compared = await rebuild.rebuild(db, EDITOR, okta)

    assert compared.different > 0
    assert await dump(db) == before
    assert (await rebuild.compare(db, okta)).different == 0


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE calscim.users SET active = NOT active", "is another in the tables (active)"),
        ("DELETE FROM calscim.members", "is another in the tables (members)"),
        ("DELETE FROM calscim.users", "is missing in the tables"),
        (
            "UPDATE calscim.groups SET display_name = 'other'",
            "is another in the tables (display_name)",
        ),
    ],
)
async def test_tables_that_do_not_follow_from_the_journal_are_told(db, okta, statement, expected):
    pusher = Pusher(db, okta, 1)
    await pusher.new_user()
    pusher.members = lambda: frozenset(pusher.users)
    await pusher.new_group()
    await db.execute(statement)

    compared = await rebuild.compare(db, okta)

    assert compared.different >= 1
    assert any(expected in difference for difference in compared.differences)


async def test_the_past_is_shown_as_it_was(db, okta):
    pusher = Pusher(db, okta, 1)
    await pusher.new_user()
    await pusher.new_user()
    ann, bob = pusher.users
    pusher.members = lambda: frozenset([ann])
    await pusher.new_group()
    (group,) = pusher.groups
    then = await db.fetchval("SELECT max(at) FROM calscim.journal WHERE stream = $1", okta.id)
    await resources.update_group(
        db, pusher.origin, group, None, MemberChange(frozenset([bob]), frozenset([ann])), ""
    )

    assert (await rebuild.as_of(db, okta.id, then)).people_of(str(group)) == {str(ann): then}
    assert list((await rebuild.as_of(db, okta.id, None)).people_of(str(group))) == [str(bob)]
    before = await rebuild.as_of(db, okta.id, then - timedelta(microseconds=1))
    assert before.groups == {}


async def test_groups_in_groups_count(db, okta):
    pusher = Pusher(db, okta, 1)
    await pusher.new_user()
    (ann,) = pusher.users
    pusher.members = lambda: frozenset([ann])
    await pusher.new_group()
    inner = pusher.groups[-1]
    pusher.members = lambda: frozenset([inner])
    await pusher.new_group()
    outer = pusher.groups[-1]
    await resources.update_group(
        db, pusher.origin, inner, None, MemberChange(frozenset([outer])), ""
    )

    tables = await rebuild.as_of(db, okta.id, None)

    at = tables.groups[str(outer)].members[str(inner)].at
    assert tables.people_of(str(outer)) == {str(ann): at}
