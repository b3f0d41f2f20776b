"""One Node process answers all tests of a session."""

from collections.abc import Iterator

import pytest

from tests.conformance.npm.oracle import Oracle, started


@pytest.fixture(scope="session")
def oracle() -> Iterator[Oracle]:
    with started() as running:
        yield running
