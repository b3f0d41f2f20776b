"""Restores the configuration of the log after each test."""

from collections.abc import Iterator

import pytest

from tests.support.restored_log import restored_log


@pytest.fixture(autouse=True)
def _restored_log() -> Iterator[None]:
    with restored_log():
        yield
