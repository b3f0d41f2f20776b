"""The rate budget allows bursts while calls are left, and never exceeds the limit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calscim.calcom.rate_budget import MARGIN, WINDOW, Budget


class Server:
    """A limiter like that of Cal.com: a fixed window from its first call, then a block when it is exceeded."""

    def __init__(self, limit: int = 120, rounds_up: bool = True) -> None:
        self.limit = limit
        self.rounds_up = rounds_up
        self.ends = float("-inf")
        self.used = 0

    def call(self, now: float) -> tuple[bool, int, int]:
        """Count a call, and return whether it is allowed, and remaining and reset as in the headers."""
        if now >= self.ends:
            self.ends = now + WINDOW
            self.used = 0
        self.used += 1
        left = self.ends - now
        reset = int(left) + (1 if self.rounds_up and left % 1 else 0)
        return self.used <= self.limit, max(0, self.limit - self.used), reset


def call(budget: Budget, server: Server, now: float) -> bool:
    budget.take(now)
    passed, remaining, reset = server.call(now)
    budget.apply_headers(now, limit=server.limit, remaining=remaining, reset_in=reset)
    return passed


def test_calls_go_out_in_a_burst_while_the_window_has_some_left():
    budget = Budget(120)

    delays = []
    for _ in range(118):
        delays.append(budget.delay(0.0))
        budget.take(0.0)

    assert set(delays) == {0.0}
    assert budget.remaining(0.0) == 2
    assert budget.delay(0.0) == WINDOW + MARGIN


def test_the_next_window_starts_with_everything():
    budget = Budget(120)
    budget.take(0.0)
    budget.apply_headers(0.0, limit=120, remaining=1, reset_in=30)

    assert budget.delay(10.0) == pytest.approx(20 + MARGIN)
    assert budget.delay(30.25) == 0.0
    assert budget.remaining(30.25) == 120
    assert budget.resets_in(31) == 0.0


def test_a_lower_limit_of_calcoms_replaces_the_configured_one():
    budget = Budget(500)
    budget.take(0.0)

    budget.apply_headers(0.0, limit=120, remaining=119, reset_in=60)

    assert budget.limit == 120
    assert budget.remaining(0.0) == 119


def test_the_configured_limit_applies_below_a_higher_one_of_calcom():
    budget, server = Budget(10), Server(120)

    sent = 0
    while budget.delay(1.0) == 0.0:
        assert call(budget, server, 1.0)
        sent += 1

    assert sent == 9
    assert budget.limit == 10


def test_calls_of_another_program_are_seen_in_the_headers():
    budget = Budget(120)
    budget.take(0.0)

    budget.apply_headers(0.0, limit=120, remaining=40, reset_in=60)

    assert budget.remaining(0.0) == 40


def test_an_answer_out_of_order_gives_nothing_back():
    budget = Budget(120)
    for _ in range(5):
        budget.take(0.0)
    budget.apply_headers(0.1, limit=120, remaining=115, reset_in=60)
    budget.apply_headers(0.2, limit=120, remaining=118, reset_in=60)

    assert budget.remaining(0.2) == 115


def test_a_late_answer_of_the_last_window_does_not_empty_the_new_one():
    budget = Budget(120)
    budget.take(0.0)
    budget.apply_headers(0.0, limit=120, remaining=2, reset_in=60)
    budget.take(60.5)

    budget.apply_headers(60.6, limit=120, remaining=0, reset_in=0)

    assert budget.remaining(60.6) == 119


def test_a_window_that_began_unseen_is_recognised_by_its_end():
    budget = Budget(120)
    budget.take(0.0)
    budget.apply_headers(0.0, limit=120, remaining=0, reset_in=60)

    budget.apply_headers(30.0, limit=120, remaining=119, reset_in=60)

    assert budget.remaining(30.0) == 119
    assert budget.resets_in(30.0) == 60 + MARGIN


def test_a_window_that_others_began_earlier_ends_earlier_than_assumed():
    budget = Budget(120)
    budget.take(0.0)

    budget.apply_headers(0.1, limit=120, remaining=50, reset_in=7)

    assert budget.resets_in(0.1) == 7 + MARGIN


def test_nothing_is_sent_while_cal_com_blocks_the_key():
    budget = Budget(120)
    budget.take(0.0)

    budget.block(5.0, 60.0)
    budget.apply_headers(6.0, limit=120, remaining=80, reset_in=54)

    assert budget.remaining(6.0) == 0
    assert budget.delay(6.0) == pytest.approx(59 + MARGIN)
    assert budget.resets_in(6.0) == pytest.approx(59 + MARGIN)
    assert budget.delay(65.25) == 0.0


def test_a_shorter_block_does_not_end_a_longer_one():
    budget = Budget(120)
    budget.block(0.0, 60.0)
    budget.block(1.0, 5.0)

    assert budget.delay(1.0) == pytest.approx(59 + MARGIN)


def test_responses_without_headers_keep_the_own_count():
    budget = Budget(120)
    budget.take(0.0)
    budget.apply_headers(0.0, limit=None, remaining=None, reset_in=None)

    assert budget.remaining(0.0) == 119


def test_a_remaining_without_a_reset_still_counts():
    budget = Budget(120)
    budget.take(0.0)
    budget.apply_headers(0.0, limit=None, remaining=7, reset_in=None)

    assert budget.remaining(0.0) == 7


@pytest.mark.parametrize(
    ("limit", "reserve"), [(1, 0), (9, 0), (10, 1), (20, 2), (120, 2), (500, 2)]
)
def test_the_reserve_of_a_limit(limit: int, reserve: int):
    assert Budget(limit).reserve == reserve


@pytest.mark.parametrize("limit", [1, 2, 10])
def test_one_call_per_window_is_allowed_however_many_are_kept(limit: int):
    assert Budget(limit).delay(0.0, keep=1000) == 0.0


def test_less_urgent_work_leaves_calls_for_the_rest():
    budget = Budget(120)
    for _ in range(60):
        budget.take(0.0)

    assert budget.delay(0.0, keep=30) == 0.0
    assert budget.delay(0.0, keep=60) > 0.0
    assert budget.delay(0.0) == 0.0


def test_a_budget_without_calls_is_refused():
    with pytest.raises(ValueError, match="requests_per_minute"):
        Budget(0)


@pytest.mark.parametrize(
    ("taken", "calls", "seconds"),
    [
        (0, 0, 0.0),
        (0, 118, 0.0),
        (0, 119, 60.0),
        (60, 58, 0.0),
        (60, 59, 60.25),
        (60, 58 + 118, 60.25),
        (60, 58 + 119, 120.25),
        (118, 5 * 118, 4 * 60 + 60.25),
    ],
)
def test_the_time_for_a_number_of_calls(taken: int, calls: int, seconds: float):
    budget = Budget(120)
    for _ in range(taken):
        budget.take(0.0)

    assert budget.estimate(0.0, calls) == seconds


def test_the_time_for_calls_of_a_blocked_key_starts_after_the_block():
    budget = Budget(120)
    budget.block(0.0, 30.0)

    assert budget.estimate(0.0, 1) == 30.25


@given(
    gaps=st.lists(st.floats(0, 3), max_size=400),
    rounds_up=st.booleans(),
    others=st.lists(st.booleans(), min_size=1),
    limit=st.sampled_from([20, 30, 120]),
)
def test_no_call_ever_exceeds_the_limit(
    gaps: list[float], rounds_up: bool, others: list[bool], limit: int
):
    """Another program sometimes makes a call, always before ours."""
    budget, server = Budget(limit), Server(limit, rounds_up)

    now = 0.0
    for number, gap in enumerate(gaps):
        now += gap
        if others[number % len(others)] and number % 3 == 0:
            server.call(now)
        now += budget.delay(now)
        assert budget.delay(now) == 0.0
        assert call(budget, server, now)


@given(st.integers(1, 300), st.integers(1, 500))
def test_the_estimate_is_kept_when_the_key_is_used_alone(limit: int, calls: int):
    budget, server = Budget(limit), Server(limit)
    promised = budget.estimate(0.0, calls)

    now = 0.0
    for _ in range(calls):
        now += budget.delay(now)
        assert call(budget, server, now)

    assert promised == pytest.approx(now, abs=3.0 + calls / limit * 2)


def test_another_configured_limit_applies_at_once_and_keeps_the_count():
    budget = Budget(100)
    for _ in range(30):
        budget.take(0.0)

    budget.set_cap(50)
    assert (budget.limit, budget.remaining(0.0)) == (50, 20)

    budget.set_cap(10)
    assert budget.remaining(0.0) == 0


def test_a_higher_configured_limit_never_exceeds_that_of_cal_com():
    budget = Budget(20)
    budget.apply_headers(0.0, limit=60, remaining=59, reset_in=60.0)

    budget.set_cap(1000)

    assert budget.limit == 60


def minutes(budget: Budget, number: int, *, left: int, calls: int = 1) -> float:
    """Let windows pass in which Cal.com announces so many calls left after calscim's own; return the time after them."""
    now = 0.0
    for _ in range(number):
        for _ in range(calls):
            budget.take(now)
        budget.apply_headers(now, limit=60, remaining=left, reset_in=60)
        now += budget.delay(now)
    return now


def test_other_programs_that_leave_a_few_calls_of_each_window_are_a_shortage():
    budget = Budget(60)

    now = minutes(budget, 5, left=1)

    since = budget.short_since(now)
    assert since is not None
    assert now - since >= 3 * WINDOW
    assert budget.short_since(now + 2 * WINDOW) is None


def test_calls_that_calscim_used_itself_are_no_shortage():
    budget = Budget(60)

    now = minutes(budget, 5, left=1, calls=59)

    assert budget.short_since(now) is None


def test_the_first_window_after_a_restart_is_no_shortage():
    budget = Budget(60)
    budget.apply_headers(0.0, limit=60, remaining=0, reset_in=30)

    assert budget.delay(0.0) > 0
    assert budget.short_since(0.0) is None


def test_a_shortage_ends_when_calscim_has_most_of_the_calls_again():
    budget = Budget(60)
    now = minutes(budget, 5, left=1)

    for _ in range(58):
        budget.take(now)

    assert budget.delay(now) > 0
    assert budget.short_since(now) is None
