"""Admins list the open sessions, and end one session or all of a person."""

import asyncio
import re

import orjson

from tests.support.console_site import console_site

BOB = "bob@acme.example"


def row_of(text, person):
    found = re.search(rf"<tr>\s*<th scope=\"row\">{person}</th>.*?</tr>", text, re.DOTALL)
    return "" if found is None else found[0]


async def session_of(owner, person):
    return str(
        await owner.fetchval("SELECT id FROM calscim.console_sessions WHERE person = $1", person)
    )


async def test_an_admin_sees_each_open_session(site, browser, owner):
    await site.signed_in("operator", BOB)
    await site.signed_in("viewer", "idle@acme.example")
    await owner.execute(
        "UPDATE calscim.console_sessions SET last_seen_at = now() - interval '31 minutes'"
        " WHERE person LIKE 'idle%'"
    )

    text = (await browser.open("/sessions")).text

    assert "<td>operator</td><td>a link</td>" in row_of(text, BOB)
    assert "This session" in row_of(text, "ann@acme.example")
    assert "idle@acme.example" not in text
    assert "after 30m without use, and after 12h in any case" in text


async def test_only_admins_find_the_page_in_the_menu(site, browser):
    operator = await site.signed_in("operator", BOB)

    assert 'href="/sessions"' in (await browser.open("/")).text
    assert 'href="/sessions"' not in (await operator.open("/")).text
    assert (await operator.open("/sessions")).status == 403


async def test_an_ended_session_ends_at_once_in_another_daemon(site, browser, db, owner):
    async with console_site(db) as other:
        bob = await other.signed_in("operator", BOB)
        await browser.open("/sessions")

        answer = await browser.send("/sessions/end", {"session": await session_of(owner, BOB)})

        assert answer.title == "Sessions"
        assert BOB not in answer.text
        assert (await bob.open("/plan")).title == "Sign in"


async def test_ending_all_sessions_of_a_person_also_deletes_unused_links(site, browser, owner):
    first, second = await site.signed_in("viewer", BOB), await site.signed_in("admin", BOB)
    link = await site.link("admin", BOB)
    await browser.open("/sessions")

    await browser.send("/sessions/end-all", {"person": BOB.upper()})

    assert (await first.open("/")).title == "Sign in"
    assert (await second.open("/")).title == "Sign in"
    assert (await first.open(link)).status == 403
    row = await owner.fetchrow(
        "SELECT remote, stream, path, effect FROM calscim.journal WHERE path = 'session.end'"
    )
    assert row["stream"] == "@acme"
    assert row["remote"].startswith("ann@acme.example via console@")
    effect = orjson.loads(row["effect"])
    assert (effect["name"], len(effect["sessions"]), effect["links"]) == (BOB.upper(), 2, 1)


async def test_a_person_without_a_session_is_named(browser):
    await browser.open("/sessions")

    answer = await browser.send("/sessions/end-all", {"person": "an@acme.example"})

    assert answer.status == 400
    assert "did you mean ann@acme.example?" in answer.text


async def test_two_admins_who_end_the_same_session_end_it_once(site, browser, owner):
    other = await site.signed_in("admin", "carol@acme.example")
    await site.signed_in("viewer", BOB)
    await browser.open("/sessions")
    await other.open("/sessions")
    form = {"session": await session_of(owner, BOB)}

    answers = await asyncio.gather(
        browser.send("/sessions/end", form), other.send("/sessions/end", form)
    )

    assert sorted(answer.status for answer in answers) == [200, 400]
    assert (
        await owner.fetchval("SELECT count(*) FROM calscim.journal WHERE path = 'session.end'") == 1
    )
