"""People are found by any name, and their page explains each team."""

import uuid

import pytest

from calscim.admin.people import search_users
from tests.support.acme import ANN, BOB, OLD, Acme


@pytest.fixture
async def acme(db, site):
    made = Acme(db, await site.directory())
    await made.happen()
    return made


@pytest.mark.parametrize("text", [ANN, ANN.upper(), "ann@", "00uann", "First", "fir"])
async def test_a_person_is_found_by_any_name(db, acme, text):
    found = [one.email for one in await search_users(db, text)]

    assert ANN in found


async def test_a_person_is_found_by_the_id(db, acme):
    assert [one.email for one in await search_users(db, str(acme.ann).upper())] == [ANN]
    assert await search_users(db, OLD) == []
    assert await search_users(db, "%") == []


async def test_pages_follow_each_other(db, acme):
    for number in range(7):
        key = uuid.uuid4()
        acme.ids[key] = f"00u{number}"
        await acme.push(key, f"person{number}@acme.example")
    seen, after = [], ("", "00000000-0000-0000-0000-000000000000")

    while page := await search_users(db, "", after=after, limit=2):
        seen += [one.email for one in page]
        after = page[-1].position

    assert seen == sorted(seen)
    assert len(seen) == len(set(seen)) == 9


async def test_the_page_finds_and_explains(site, browser, acme):
    found = await browser.open("/people?q=ann")
    assert f'href="/people/acme/{acme.ann}"' in found.text
    assert BOB not in found.text

    answer = await browser.open(f"/people/acme/{acme.ann}")

    assert ANN in answer.text
    assert "Sales" in answer.text
    assert "not mapped" in answer.text


async def test_an_unknown_person_is_a_clear_page(browser):
    answer = await browser.open("/people/acme/nobody@acme.example")

    assert answer.status == 400
    assert "nobody@acme.example" in answer.text
