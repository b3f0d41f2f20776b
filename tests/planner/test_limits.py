"""What a limit allows for people of some number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calscim.planner.safeguards.limits import Limit


@pytest.mark.parametrize(
    ("count", "percent", "size", "least", "limit"),
    [
        (None, 30, 10, 5, 3),
        (None, 30, 9, 5, 2),
        (None, 30, 4, 5, 1),
        (None, 30, 0, 5, 1),
        (None, 30, 1, 5, 1),
        (None, 10, 5, 5, 1),
        (None, 5, 20, 20, 1),
        (None, 5, 39, 20, 1),
        (None, 5, 40, 20, 2),
        (None, 20, 3, 20, 4),
        (None, 29, 100, 5, 29),
        (None, 7, 100, 5, 7),
        (None, 0.1, 1000, 5, 1),
        (None, 0.1, 100_000, 5, 100),
        (None, 12.5, 80, 5, 10),
        (None, 100, 8, 5, 8),
        (None, 0, 100, 5, 1),
        (3, None, 1000, 5, 3),
        (0, None, 1000, 5, 0),
        (3, 30, 100, 5, 3),
        (30, 3, 100, 5, 3),
        (0, 30, 100, 5, 0),
    ],
)
def test_a_limit(count: int | None, percent: float | None, size: int, least: int, limit: int):
    assert Limit(count, percent).of(size, least) == limit


@given(st.floats(0, 100), st.integers(0, 10_000), st.integers(0, 100))
def test_a_percentage_is_at_least_one_and_never_more_than_its_share(
    percent: float, size: int, least: int
):
    limit = Limit(percent=percent).of(size, least)

    assert limit >= 1
    assert limit == 1 or limit <= percent * max(size, least) / 100 + 1e-6


def test_a_limit_without_a_number_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        Limit()


@pytest.mark.parametrize(
    ("limit", "words"), [(Limit(3), "3"), (Limit(percent=2.5), "2.5%"), (Limit(3, 20), "3 or 20%")]
)
def test_a_limit_in_words(limit: Limit, words: str):
    assert str(limit) == words
