"""One Node process that answers all tests of a session, and the SCIM server of tests/scim, which has no users yet."""

from collections.abc import Iterator

import pytest

from tests.conformance.npm.oracle import Oracle, started
from tests.scim import conftest as scim

provider = scim.provider


@pytest.fixture(scope="session")
def oracle() -> Iterator[Oracle]:
    with started() as running:
        yield running
