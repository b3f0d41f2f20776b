"""The contract tests of scim2-server for storages, on the tables of calscim."""

import asyncio
import itertools
from collections.abc import Iterator

import asyncpg
import pytest
from scim2_models import ScimProvider
from scim2_server.storage import ScimStorage
from scim2_server.testing import AsyncScimStorageContract, BlockingStorage

from calscim import admin
from calscim.directory.resources import Reader
from calscim.encryption import PLAIN
from calscim.journal.append import Origin
from calscim.postgres.pool import Database
from calscim.scim import schema
from tests.support.scim2_storage import Storage
from tests.support.server import OWNER, PREFIX

EDITOR = admin.Editor(by="test", cipher=PLAIN)
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def dsn(postgres) -> Iterator[str]:
    async def admin_does(statement: str) -> None:
        connection = await asyncpg.connect(postgres.dsn("postgres", OWNER))
        await connection.execute(statement)
        await connection.close()

    name = f"{PREFIX}_contract"
    asyncio.run(admin_does(f"CREATE DATABASE {name} TEMPLATE {postgres.template}"))
    yield postgres.dsn(name)
    asyncio.run(admin_does(f"DROP DATABASE {name} WITH (FORCE)"))


class TestOurStorage(AsyncScimStorageContract):
    """Each test runs its calls on its own event loop, which the pool needs. A directory is a new storage."""

    @pytest.fixture
    def provider(self) -> ScimProvider:
        return schema.provider(1024 * 1024)

    @pytest.fixture
    def storage(self, dsn: str, provider: ScimProvider) -> Iterator[ScimStorage]:
        async def opened() -> tuple[Database, Storage]:
            db = await Database.open(dsn, size=1)
            directory = await admin.create_directory(
                db,
                EDITOR,
                organization="acme",
                name=f"no {next(_numbers)}",
                provider="generic-scim-v2",
            )
            token, _ = await admin.create_token(db, EDITOR, directory, name="test")
            reader = Reader(token.id, directory.id, "https://scim.example.com/scim/v2/x")
            origin = Origin(directory.id, "contract", token_id=token.id)
            return db, Storage(db, provider, reader, origin)

        with asyncio.Runner() as runner:
            db, storage = runner.run(opened())
            yield BlockingStorage(storage, runner)
            runner.run(db.close())
