"""The stage of tests/reconcile/stage.py as a fixture."""

from collections.abc import AsyncIterator

import pytest

from calscim.store.pool import Database
from tests.reconcile.stage import Stage, staged


@pytest.fixture
async def stage(db: Database) -> AsyncIterator[Stage]:
    async with staged(db) as ready:
        yield ready
