"""The Reader finds out which addresses have a Profile in the organization."""

import pytest

from calscim.errors import RemoteError, RemoteKind
from calscim.planner.observed_state import Complete, Incomplete
from tests.calcom.conftest import ROOT, user_row


def asked(sent):
    return sent.url.query.getall("emails")


def accounts(calcom, emails, rows):
    query = "&".join(f"emails={email}" for email in emails)
    calcom.answer("GET", f"{ROOT}/users?take=1000&skip=0&{query}", rows)


def refuse_addresses(calcom, emails):
    query = "&".join(f"emails={email}" for email in emails)
    sentence = "Please submit only valid email addresses"
    errors = [{"property": "emails", "constraints": {"IsEmailStringOrArray": sentence}}]
    calcom.refuse(
        "GET",
        f"{ROOT}/users?take=1000&skip=0&{query}",
        400,
        "BadRequestException",
        "Bad Request Exception",
        {"errors": errors},
    )


async def test_profiles_are_found_by_addresses_as_written(reader, calcom):
    accounts(calcom, ["Ada@a.example", "b@a.example"], [user_row(42, "Ada@a.example")])

    found = await reader.profiles(["Ada@a.example", "b@a.example", "Ada@a.example"])

    assert {number: account.email for number, account in found.items()} == {42: "Ada@a.example"}
    assert asked(calcom.sent[0]) == ["Ada@a.example", "b@a.example"]


async def test_a_call_asks_about_no_more_than_50_addresses(reader, calcom):
    emails = [f"p{number}@a.example" for number in range(120)]
    for start in (0, 50, 100):
        accounts(calcom, emails[start : start + 50], [user_row(start, emails[start])])

    found = await reader.profiles(emails)

    assert set(found) == {0, 50, 100}
    assert [len(asked(sent)) for sent in calcom.sent] == [50, 50, 20]


async def test_without_addresses_no_call_is_made(reader, calcom):
    assert await reader.profiles([]) == {}
    assert calcom.sent == []


async def test_an_invalid_address_does_not_hide_the_profiles_of_others(reader, calcom):
    refuse_addresses(calcom, ["a@a.example", "b@a.example", "nonsense"])
    accounts(calcom, ["a@a.example"], [user_row(1, "a@a.example")])
    refuse_addresses(calcom, ["b@a.example", "nonsense"])
    accounts(calcom, ["b@a.example"], [user_row(2, "b@a.example")])
    refuse_addresses(calcom, ["nonsense"])

    assert set(await reader.profiles(["a@a.example", "b@a.example", "nonsense"])) == {1, 2}


async def test_profiles_that_cannot_be_read_are_incomplete(reader, calcom):
    query = "take=1000&skip=0&emails=a@a.example"
    calcom.refuse("GET", f"{ROOT}/users?{query}", 500)
    calcom.refuse("GET", f"{ROOT}/users?{query}", 400)

    assert isinstance(await reader.profiles(["a@a.example"]), Incomplete)
    assert isinstance(await reader.profiles(["a@a.example"]), Incomplete)


async def test_a_key_that_may_not_list_users_differs_from_a_refused_key(reader, calcom):
    for status in (403, 401):
        calcom.refuse("GET", f"{ROOT}/users?take=1000&skip=0&emails=a@a.example", status)
        calcom.refuse("GET", f"{ROOT}/users?take=1000&skip=0", status)

    assert await reader.profiles(["a@a.example"]) is None
    assert await reader.all_profiles() is None
    for read in (lambda: reader.profiles(["a@a.example"]), reader.all_profiles):
        with pytest.raises(RemoteError) as caught:
            await read()
        assert caught.value.kind is RemoteKind.AUTH


def brief_accounts(*numbers):
    """Return rows with the necessary fields only: aioresponses does not support long bodies."""
    return [{"id": number, "email": f"p{number}@a.example"} for number in numbers]


async def test_everyone_with_a_profile_is_read_by_pages_of_a_thousand(reader, calcom):
    rows = brief_accounts(*range(1200))
    for start in (0, 1000):
        calcom.answer("GET", f"{ROOT}/users?take=1000&skip={start}", rows[start : start + 1000])

    found = await reader.all_profiles()

    assert isinstance(found, Complete)
    assert set(found.value) == set(range(1200))
    assert len(calcom.sent) == 2


async def test_profiles_that_were_not_read_to_the_end_are_incomplete(reader, calcom):
    calcom.answer("GET", f"{ROOT}/users?take=1000&skip=0", brief_accounts(*range(1000)))
    calcom.refuse("GET", f"{ROOT}/users?take=1000&skip=1000", 502)

    assert isinstance(await reader.all_profiles(), Incomplete)
