"""The stage of tests/support/stage.py as a fixture."""

from collections.abc import AsyncIterator

import pytest

from calscim.postgres.pool import Database
from tests.support.stage import Stage, staged


@pytest.fixture
async def stage(db: Database) -> AsyncIterator[Stage]:
    async with staged(db) as ready:
        yield ready
