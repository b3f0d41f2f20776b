"""Pages of users: whichever way is counted, everybody stands on exactly one, also after some were deleted."""

import uuid

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calscim import admin
from calscim.directory import resources
from calscim.directory.offset_pages import OffsetPages, Places
from calscim.directory.resources import Reader, UserState
from calscim.encryption import PLAIN
from calscim.journal.append import Origin
from calscim.postgres.pool import Database

EDITOR = admin.Editor(by="test", cipher=PLAIN)


class Directory:
    def __init__(self, db: Database, reader: Reader) -> None:
        self.db = db
        self.reader = reader
        self.pages = OffsetPages(db)
        self.users: list[uuid.UUID] = []  # in the order they were made
        self._made = 0

    async def add(self) -> None:
        self._made += 1
        name = f"user{self._made}"
        data = orjson.dumps({"schemas": [], "userName": name}).decode()
        number = uuid.uuid4()
        origin = Origin(self.reader.directory, name)
        state = UserState(name, None, "", (), True, data)
        assert (await resources.create_user(self.db, origin, number, state, "")).status == 201
        self.users.append(number)

    async def drop(self, index: int) -> None:
        number = self.users.pop(index)
        origin = Origin(self.reader.directory, "drop")
        assert (await resources.delete_user(self.db, origin, number)).status == 204

    async def page(self, offset: int, count: int) -> list[uuid.UUID]:
        page = await self.pages.users_page(self.reader, offset, count)
        assert page.total == len(self.users)
        return [uuid.UUID(orjson.loads(body)["id"]) for body in page.bodies]


@pytest.fixture
async def directory(db: Database) -> Directory:
    made = await admin.create_directory(
        db, EDITOR, organization="acme", name="Okta", provider="okta-scim-v2"
    )
    token, _ = await admin.create_token(db, EDITOR, made, name="test")
    return Directory(db, Reader(token.id, made.id, "https://scim.example.com"))


async def test_an_import_sees_everybody_once(directory: Directory) -> None:
    for _ in range(23):
        await directory.add()

    for size in (1, 5, 10, 23, 100):
        pages = [await directory.page(offset, size) for offset in range(0, 23, size)]

        assert [one for page in pages for one in page] == directory.users


async def test_a_page_past_the_end_is_empty_and_a_directory_may_be(directory: Directory) -> None:
    assert await directory.page(0, 10) == []
    await directory.add()
    assert await directory.page(0, 10) == directory.users

    assert await directory.page(1, 10) == []
    assert await directory.page(500, 10) == []
    assert await directory.page(0, 0) == []


steps = st.one_of(
    st.just(("add", 0, 0)),
    st.tuples(st.just("drop"), st.integers(0, 50), st.just(0)),
    st.tuples(st.just("page"), st.integers(0, 25), st.integers(0, 9)),
)


async def test_places_that_have_moved_are_not_believed(directory: Directory) -> None:
    for _ in range(20):
        await directory.add()
    for offset in range(0, 20, 5):
        await directory.page(offset, 5)

    await directory.drop(2)
    await directory.drop(11)

    for offset in range(20):
        assert await directory.page(offset, 4) == directory.users[offset : offset + 4]


async def test_every_page_is_the_one_that_was_asked_for(directory: Directory) -> None:
    import asyncio

    loop = asyncio.get_running_loop()

    async def play(script: list[tuple[str, int, int]]) -> None:
        for what, first, second in script:
            if what == "add":
                await directory.add()
            elif what == "page":
                expected = directory.users[first : first + second]
                assert await directory.page(first, second) == expected
            elif directory.users:
                await directory.drop(first % len(directory.users))

    @settings(
        max_examples=40,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(st.lists(steps, min_size=5, max_size=30))
    def check(script: list[tuple[str, int, int]]) -> None:
        asyncio.run_coroutine_threadsafe(play(script), loop).result()

    await asyncio.to_thread(check)


def test_the_nearest_known_place_before_an_offset_is_found() -> None:
    places = Places()
    places.learn(0, 100, [(0, 11), (10, 21)])
    places.learn(0, 100, [(50, 71)])

    assert places.before(49) == (10, 21)
    assert places.before(50) == (50, 71)

    places.learn(1, 99, [(20, 32)])

    assert places.before(19) is None
    assert places.before(99) == (20, 32)
