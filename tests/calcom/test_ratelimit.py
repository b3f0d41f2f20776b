"""The budget is fed by whatever X-RateLimit headers come, and waited for before every call."""

import asyncio

import pytest

from calscim.calcom.ratelimit import Allowance, allowances, blocked_for, tightest
from calscim.errors import RemoteError, RemoteKind

ME = {"id": 5, "email": "bot@acme.example", "organizationId": 7}


def limits(name: str, limit: object, remaining: object, reset: object) -> dict[str, str]:
    return {
        f"X-RateLimit-Limit-{name}": str(limit),
        f"X-RateLimit-Remaining-{name}": str(remaining),
        f"X-RateLimit-Reset-{name}": str(reset),
    }


def test_the_limit_with_the_fewest_calls_left_rules_whatever_its_name():
    found = allowances({**limits("Default", 120, 80, 40), **limits("My-own", 500, 3, 12)})

    assert tightest(found) == Allowance(500, 3, 12)


def test_headers_are_known_in_any_case():
    assert allowances({"x-ratelimit-remaining-default": "7"}) == [Allowance(remaining=7)]


@pytest.mark.parametrize("value", ["", "many", "-1", "inf", "nan"])
def test_a_header_that_is_no_number_is_left_out(value):
    assert tightest(allowances({"X-RateLimit-Remaining-Default": value})) is None


def test_a_reset_that_cannot_be_seconds_is_not_waited_for():
    assert blocked_for(allowances(limits("Default", 120, 0, 1_789_000_000))) == 60


def test_a_block_lasts_until_the_last_used_up_limit_resets():
    found = allowances(
        {
            **limits("A", 10, 0, 7),
            **limits("B", 10, 0, 33),
            **limits("C", 10, 5, 50),
        }
    )

    assert blocked_for(found) == 33


async def test_a_throttled_call_says_when_to_come_back_and_is_not_repeated(client, calcom):
    calcom.refuse("GET", "/v2/me", 429, "ThrottlerException", headers=limits("Default", 120, 0, 41))

    with pytest.raises(RemoteError) as caught:
        await client.me()

    assert (caught.value.kind, caught.value.retry_after) == (RemoteKind.THROTTLED, 41)
    assert len(calcom.sent) == 1


async def test_a_throttled_call_without_headers_waits_as_long_as_calcom_blocks(client, calcom):
    calcom.answer("GET", "/v2/me", status=429, body="slow down")

    with pytest.raises(RemoteError) as caught:
        await client.me()

    assert caught.value.retry_after == 60


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


async def test_a_turn_is_in_the_budget_before_anything_is_sent(client, clock):
    before = client.budget.remaining(clock.monotonic())

    await client.turn("r")

    assert client.budget.remaining(clock.monotonic()) == before - 1


async def test_callers_at_once_never_share_the_last_turn(client, clock):
    await asyncio.gather(*(client.turn(str(number)) for number in range(300)))

    windows = sum(clock.slept) / 60
    assert windows >= 300 / 118 - 1
    assert client.budget.remaining(clock.monotonic()) >= 0
