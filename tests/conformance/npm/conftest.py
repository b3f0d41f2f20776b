"""The npm packages as oracles, where they are installed."""

from collections.abc import Iterator

import pytest

from tests.conformance.npm.oracle import Oracle, missing, started


@pytest.fixture(scope="session")
def oracle() -> Iterator[Oracle]:
    reason = missing()
    if reason:
        pytest.skip(reason)
    with started() as running:
        yield running
