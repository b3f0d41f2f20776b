"""A console with one organization, in the test process."""

import pytest

from tests.support.console_site import console_site


@pytest.fixture
async def site(db):
    async with console_site(db) as made:
        yield made


@pytest.fixture
async def browser(site):
    return await site.signed_in()
