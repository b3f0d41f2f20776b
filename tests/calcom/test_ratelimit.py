"""The budget applies the X-RateLimit headers of every response, and every call waits for the budget."""

import asyncio

import pytest

from calscim.calcom.ratelimit import RateLimit, binding_limit, parse_rate_limits, seconds_blocked
from calscim.errors import RemoteError, RemoteKind

ME = {"id": 5, "email": "bot@acme.example", "organizationId": 7}


def limits(name: str, limit: object, remaining: object, reset: object) -> dict[str, str]:
    return {
        f"X-RateLimit-Limit-{name}": str(limit),
        f"X-RateLimit-Remaining-{name}": str(remaining),
        f"X-RateLimit-Reset-{name}": str(reset),
    }


# Headers of answers that a real API v2 gave a key with two limits, then one with a single limit.
TWO_LIMITS_FIRST_CALL = {**limits("Short", 5, 4, 10), **limits("Long", 100000, 99999, 86400)}
TWO_LIMITS_FIFTH_CALL = {**limits("Short", 5, 0, 10), **limits("Long", 100000, 99995, 86400)}
TWO_LIMITS_SIXTH_CALL = {**limits("Short", 5, 0, 5), **limits("Long", 100000, 99994, 86400)}
ONE_LIMIT_FIFTH_CALL = limits("Only", 5, 0, 10)
ONE_LIMIT_SIXTH_CALL = limits("Only", 5, 0, 5)  # 429


def test_the_limit_with_the_most_calls_left_binds_whatever_its_name():
    found = parse_rate_limits({**limits("Default", 120, 80, 40), **limits("My-own", 500, 3, 12)})

    assert binding_limit(found) == RateLimit(120, 80, 40)


def test_of_used_up_limits_the_first_to_reset_binds():
    found = parse_rate_limits(
        {**limits("A", 10, 0, 33), **limits("B", 10, 0, 7), **limits("C", 9, 0, 50)}
    )

    assert binding_limit(found) == RateLimit(10, 0, 7)


@pytest.mark.parametrize(
    ("headers", "left"),
    [
        (TWO_LIMITS_FIRST_CALL, 99999),
        (TWO_LIMITS_FIFTH_CALL, 99995),
        (TWO_LIMITS_SIXTH_CALL, 99994),
    ],
    ids=["first", "fifth", "sixth"],
)
def test_a_used_up_limit_does_not_bind_while_another_has_calls_left(headers, left):
    assert binding_limit(parse_rate_limits(headers)) == RateLimit(100000, left, None)


def test_the_only_limit_of_a_key_binds():
    assert binding_limit(parse_rate_limits(ONE_LIMIT_FIFTH_CALL)) == RateLimit(5, 0, 10)


def test_the_end_of_a_long_window_counts_only_once_its_calls_are_used_up():
    assert binding_limit(parse_rate_limits(limits("Hour", 1000, 7, 2400))) == RateLimit(
        1000, 7, None
    )
    assert binding_limit(parse_rate_limits(limits("Hour", 1000, 0, 2400))) == RateLimit(
        1000, 0, 2400
    )


def test_headers_are_known_in_any_case():
    assert parse_rate_limits({"x-ratelimit-remaining-default": "7"}) == [RateLimit(remaining=7)]


@pytest.mark.parametrize("value", ["", "many", "-1", "inf", "nan"])
def test_a_header_that_is_no_number_is_left_out(value):
    assert binding_limit(parse_rate_limits({"X-RateLimit-Remaining-Default": value})) is None


def test_a_reset_that_cannot_be_seconds_is_not_waited_for():
    assert seconds_blocked(parse_rate_limits(limits("Default", 120, 0, 1_789_000_000))) == 60


def test_a_block_lasts_until_the_first_used_up_limit_resets():
    found = parse_rate_limits(
        {
            **limits("A", 10, 0, 7),
            **limits("B", 10, 0, 33),
            **limits("C", 10, 5, 3),
        }
    )

    assert seconds_blocked(found) == 7


def test_a_block_is_as_long_as_the_answer_that_refused_the_call_says():
    assert seconds_blocked(parse_rate_limits(ONE_LIMIT_SIXTH_CALL)) == 5


def test_a_limit_of_a_day_does_not_lengthen_the_block_of_a_short_one():
    found = parse_rate_limits({**limits("Short", 5, 0, 5), **limits("Long", 100000, 0, 86400)})

    assert seconds_blocked(found) == 5


async def test_a_throttled_call_is_not_repeated(client, calcom):
    calcom.refuse("GET", "/v2/me", 429, "ThrottlerException", headers=limits("Default", 120, 0, 41))

    with pytest.raises(RemoteError) as caught:
        await client.me()

    assert caught.value.kind is RemoteKind.THROTTLED
    assert len(calcom.sent) == 1


DATE = "Wed, 21 Oct 2026 07:28:00 GMT"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("1.5", 1.5),
        ("0", 1),  # not at once
        ("86400", 3600),
        ("Wed, 21 Oct 2026 07:28:45 GMT", 45),
        ("Wednesday, 21-Oct-26 07:28:45 GMT", 45),  # RFC 850
        ("Wed Oct 21 07:28:45 2026", 45),  # asctime
        ("Wed, 21 Oct 2026 07:00:00 GMT", 1),  # is over already
        ("-5", 60),
        ("nan", 60),
        ("soon", 60),
        ("", 60),
        ("Wed, 99 Oct 2026 07:28:45 GMT", 60),
    ],
)
async def test_a_proxy_says_with_retry_after_how_long_to_wait(
    client, calcom, clock, value, seconds
):
    headers = {"Retry-After": value, "Date": DATE}
    calcom.answer("GET", "/v2/me", status=429, body="slow down", headers=headers)
    calcom.answer("GET", "/v2/me", ME)

    with pytest.raises(RemoteError):
        await client.me()
    await client.me()

    assert seconds <= sum(clock.slept) < seconds + 0.5


async def test_a_retry_after_with_a_date_needs_the_date_of_the_response(client, calcom, clock):
    calcom.answer("GET", "/v2/me", status=429, body="", headers={"Retry-After": DATE})
    calcom.answer("GET", "/v2/me", ME)

    with pytest.raises(RemoteError):
        await client.me()
    await client.me()

    assert 60 <= sum(clock.slept) < 62


async def test_a_block_that_is_over_at_once_is_waited_for_all_the_same(client, calcom, clock):
    calcom.refuse("GET", "/v2/me", 429, headers=limits("Default", 120, 0, 0))
    calcom.answer("GET", "/v2/me", ME)

    with pytest.raises(RemoteError):
        await client.me()
    await client.me()

    assert sum(clock.slept) >= 1


async def test_the_next_call_waits_until_the_block_is_over(client, calcom, clock):
    calcom.refuse("GET", "/v2/me", 429, headers=limits("Default", 120, 0, 41))
    calcom.answer("GET", "/v2/me", ME)

    with pytest.raises(RemoteError):
        await client.me()
    await client.me()

    assert 41 <= sum(clock.slept) < 43


async def test_a_block_without_headers_is_waited_for_too(client, calcom, clock):
    calcom.answer("GET", "/v2/me", status=429, body="slow down")
    calcom.answer("GET", "/v2/me", ME)

    with pytest.raises(RemoteError):
        await client.me()
    await client.me()

    assert 60 <= sum(clock.slept) < 62


async def test_calls_wait_when_the_headers_say_that_none_are_left(client, calcom, clock):
    calcom.answer("GET", "/v2/me", ME, headers=limits("Default", 120, 1, 30))
    calcom.answer("GET", "/v2/me", ME, headers=limits("Default", 120, 119, 60))

    await client.me()
    await client.me()

    assert 30 <= sum(clock.slept) < 32


async def test_calls_continue_when_one_of_two_limits_is_used_up(client, calcom, clock):
    for headers in (TWO_LIMITS_FIRST_CALL, TWO_LIMITS_FIFTH_CALL, TWO_LIMITS_SIXTH_CALL):
        calcom.answer("GET", "/v2/me", ME, headers=headers)
    calcom.answer("GET", "/v2/me", ME)

    for _ in range(4):
        await client.me()

    assert clock.slept == []


async def test_a_limit_by_the_hour_does_not_spread_a_minutes_calls_over_the_hour(
    client, calcom, clock
):
    for left in range(999, 749, -1):
        calcom.answer("GET", "/v2/me", ME, headers=limits("Hour", 1000, left, 3000))

    for _ in range(250):
        await client.me()

    assert sum(clock.slept) < 130  # 118 calls a minute


async def test_a_limit_by_the_hour_that_is_used_up_is_waited_for(client, calcom, clock):
    calcom.answer("GET", "/v2/me", ME, headers=limits("Hour", 1000, 0, 2400))
    calcom.answer("GET", "/v2/me", ME)

    await client.me()
    await client.me()

    assert 2400 <= sum(clock.slept) < 2402


async def test_a_turn_is_in_the_budget_before_anything_is_sent(client, clock):
    before = client.budget.remaining(clock.monotonic())

    await client.acquire_permit("r")

    assert client.budget.remaining(clock.monotonic()) == before - 1


async def test_callers_at_once_never_share_the_last_turn(client, clock):
    await asyncio.gather(*(client.acquire_permit(str(number)) for number in range(300)))

    windows = sum(clock.slept) / 60
    assert windows >= 300 / 118 - 1
    assert client.budget.remaining(clock.monotonic()) >= 0
