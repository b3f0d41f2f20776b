"""Plans made while the tables are empty are kept for a while: they must not read more as the tables grow."""

import uuid
from collections.abc import AsyncIterator

import asyncpg
import orjson
import pytest

from calscim import admin
from calscim.directory.indexed_attributes import indexed_attribute
from calscim.directory.resources import Reader, look_up_users
from calscim.encryption import PLAIN
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql

EDITOR = admin.Editor(by="test", cipher=PLAIN)
BASE = "https://scim.example.com/scim/v2/x"


class Session:
    """One connection in one transaction, so that Postgres can say what it has read in it."""

    def __init__(self, connection: asyncpg.Connection, directory: str, token: int) -> None:
        self.connection = connection
        self.directory = directory
        self.token = token

    async def change(self, op: str, number: uuid.UUID, **arguments: object) -> str:
        origin = ("scim", str(uuid.uuid4()), "POST", "/x", "", self.token, b"{}")
        text = orjson.dumps({"id": number, "base": BASE, **arguments}).decode()
        columns = ([one] for one in (op, *origin, text))
        row = await self.connection.fetchrow(sql("changes.apply"), self.directory, *columns)
        assert row is not None
        assert row["status"] < 300, row
        return str(row["body"])

    async def user(
        self, n: int, op: str = "user.create", number: uuid.UUID | None = None
    ) -> uuid.UUID:
        number = number or uuid.uuid4()
        await self.change(
            op,
            number,
            user_name=f"user{n}",
            key=f"user{n}",
            external_id=f"e{n}",
            email=f"user{n}@acme.com",
            emails=f'{{"user{n}@acme.com"}}',
            active=True,
            data={"userName": f"user{n}"},
        )
        return number

    async def group(self, n: int, members: list[uuid.UUID]) -> uuid.UUID:
        number = uuid.uuid4()
        await self.change(
            "group.create",
            number,
            display_name=f"g{n}",
            key=f"g{n}",
            data={"displayName": f"g{n}"},
            replace=False,
            add="{" + ",".join(map(str, members)) + "}",
            remove="{}",
            unknown="{}",
            answer="full",
        )
        return number

    async def look_up(self, by: str, value: str) -> int:
        attribute = indexed_attribute("u", by)
        assert attribute is not None
        reader = Reader(self.token, self.directory, BASE)
        return len(await look_up_users(self.connection, reader, attribute, value))  # type: ignore[arg-type]

    async def read(self) -> dict[str, int]:
        """Rows that were read of each table so far, in whatever way."""
        rows = await self.connection.fetch(
            "SELECT relname, seq_tup_read + coalesce(idx_tup_fetch, 0) AS rows "
            "FROM pg_stat_xact_user_tables WHERE schemaname = 'calscim'"
        )
        return {row["relname"]: row["rows"] for row in rows}


@pytest.fixture
async def session(db: Database, pool: asyncpg.Pool) -> AsyncIterator[Session]:
    made = await admin.create_directory(
        db, EDITOR, organization="acme", name="Okta", provider="okta-scim-v2"
    )
    token, _ = await admin.create_token(db, EDITOR, made, name="test")
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        yield Session(connection, made.id, token.id)
        await transaction.rollback()


FEW = 12  # rows of a table for one change or look-up


async def test_creates_and_changes_read_no_more_users_when_there_are_more(session: Session) -> None:
    numbers = [await session.user(n) for n in range(300)]
    before = await session.read()

    for n, number in enumerate(numbers[:100]):
        await session.user(300 + n)
        await session.user(1000 + n, "user.update", number)
        await session.change("user.set", number, set={"active": False})

    after = await session.read()
    for table in ("users", "user_emails"):
        assert (after[table] - before[table]) / 300 < FEW, table


@pytest.mark.parametrize(
    ("by", "value"),
    [("username", "user7"), ("emails.value", "user7@acme.com"), ("externalid", "e7")],
)
async def test_a_look_up_reads_no_more_users_when_there_are_more(
    session: Session, by: str, value: str
) -> None:
    for _ in range(10):  # the server settles on a plan
        assert await session.look_up(by, value) == 0
    for n in range(300):
        await session.user(n)
    before = await session.read()

    for _ in range(10):
        assert await session.look_up(by, value) == 1

    after = await session.read()
    for table in ("users", "user_emails"):
        assert (after.get(table, 0) - before.get(table, 0)) / 10 < FEW, table


async def test_a_group_member_is_shown_without_reading_all_groups(session: Session) -> None:
    number = await session.user(7)
    for n in range(300):
        await session.group(n, [number] if n == 0 else [])
    before = await session.read()

    for _ in range(10):
        assert await session.look_up("username", "user7") == 1
        await session.change("user.set", number, set={"active": False})

    after = await session.read()
    for table in ("groups", "members"):
        assert (after.get(table, 0) - before.get(table, 0)) / 20 < FEW, table


async def test_a_deleted_user_leaves_the_groups_without_reading_all_groups(
    session: Session,
) -> None:
    numbers = [await session.user(n) for n in range(20)]
    for n in range(300):
        await session.group(n, numbers if n == 0 else [])
    before = await session.read()

    for number in numbers:
        await session.change("user.delete", number)

    after = await session.read()
    for table in ("groups", "members"):
        assert (after.get(table, 0) - before.get(table, 0)) / 20 < 2 * FEW, table
