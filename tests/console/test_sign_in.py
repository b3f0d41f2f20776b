"""Links sign in once; sessions end by time, by idleness and by sign-out."""

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from calscim.console import cookies
from calscim.console.sign_in import MAX_FAILURES

SESSION = "calscim_session"


async def test_a_page_without_a_session_leads_to_the_sign_in_and_back(site):
    browser = await site.browser()

    answer = await browser.open("/mapping?add=5", follow=False)

    assert answer.status == 303
    assert answer.headers["Location"] == "/sign-in?next=/mapping%3Fadd%3D5"
    assert "calscim console link" in (await browser.open("/mapping")).text


async def test_a_link_signs_in_once(site):
    browser, link = await site.browser(), await site.link("operator", "bob@acme.example")

    answer = await browser.open(link)

    assert answer.title == "Overview"
    assert "bob@acme.example" in answer.text
    assert "(operator)" in answer.text
    again = await (await site.browser()).open(link)
    assert again.status == 403
    assert "used before" in again.text


async def test_a_program_that_looks_at_a_link_does_not_use_it_up(site):
    browser, link = await site.browser(), await site.link()

    async with browser.session.head(link) as looked:
        assert looked.status == 405

    assert (await browser.open(link)).title == "Overview"


async def test_an_expired_link_does_not_sign_in(site, owner):
    link = await site.link()
    await owner.execute("UPDATE calscim.console_sign_ins SET expires_at = now() - interval '1 s'")

    answer = await (await site.browser()).open(link)

    assert answer.status == 403
    assert "calscim console link" in answer.text


async def test_secrets_are_not_stored(site, owner):
    browser, link = await site.signed_in(), await site.link()

    stored = await owner.fetchval(
        "SELECT string_agg(t::text, ' ') FROM (SELECT s::text AS t FROM calscim.console_sessions s"
        " UNION ALL SELECT l::text FROM calscim.console_sign_ins l) x"
    )

    assert browser.cookies[SESSION] not in stored
    assert link.partition("key=")[2] not in stored


async def test_the_cookie_is_closed_to_scripts_and_other_sites(site):
    browser = await site.browser()

    answer = await browser.open(await site.link(), follow=False)

    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie


@pytest.mark.parametrize(
    "change",
    ["expires_at = now() - interval '1 s'", "last_seen_at = now() - interval '31 minutes'"],
)
async def test_a_session_ends_by_time_and_by_idleness(site, browser, owner, change):
    await owner.execute(f"UPDATE calscim.console_sessions SET {change}")

    answer = await browser.open("/plan")

    assert answer.title == "Sign in"
    assert "Your session has ended" in answer.text


async def test_an_open_page_does_not_keep_a_session_alive(site, browser, owner):
    await owner.execute(
        "UPDATE calscim.console_sessions SET last_seen_at = now() - interval '20 minutes'"
    )
    age = "SELECT extract(epoch FROM now() - last_seen_at) FROM calscim.console_sessions"

    await browser.open("/", **{"X-Calscim-Live": "1"})
    assert await owner.fetchval(age) > 1000
    await browser.open("/")
    assert await owner.fetchval(age) < 100


async def test_a_change_with_an_expired_session_changes_nothing(site, browser, owner):
    await owner.execute("UPDATE calscim.console_sessions SET expires_at = now()")

    answer = await browser.send("/directories", {"name": "Okta", "provider": "okta-scim-v2"})

    assert answer.title == "Sign in"
    assert await owner.fetchval("SELECT count(*) FROM calscim.directories") == 0


async def test_signing_out_ends_the_session_everywhere(site, browser):
    stolen = await site.browser()
    stolen.session.cookie_jar.update_cookies(browser.cookies)

    answer = await browser.send("/sign-out")

    assert answer.title == "You are signed out"
    assert (await stolen.open("/")).title == "Sign in"


async def test_a_new_sign_in_replaces_the_session(site, browser):
    before = browser.cookies[SESSION]

    await browser.open(await site.link("viewer", "bob@acme.example"))

    assert browser.cookies[SESSION] != before
    old = await site.browser()
    old.session.cookie_jar.update_cookies({SESSION: before})
    assert (await old.open("/")).title == "Sign in"


async def test_guessing_links_is_limited(site):
    browser = await site.browser()

    with capture_logs() as logs:
        statuses = [
            (await browser.open("/sign-in/link?key=guess")).status for _ in range(MAX_FAILURES + 2)
        ]

    assert statuses == [403] * MAX_FAILURES + [429, 429]
    assert [line["event"] for line in logs].count("console.sign_in_failed") == MAX_FAILURES
    assert not any("guess" in str(line) for line in logs)


@pytest.mark.parametrize("target", ["//evil.example/", "/\\evil.example", "https://evil.example"])
async def test_a_sign_in_never_leads_to_another_site(site, browser, target):
    answer = await browser.open("/sign-in?next=" + target, follow=False)

    assert answer.headers["Location"] == "/"


def test_on_https_the_cookie_is_tied_to_the_host():
    response = web.Response()

    cookies.set_session(response, "secret", "https://calscim.example.com")

    cookie = response.cookies["__Host-calscim_session"]
    assert (cookie["path"], cookie["domain"], cookie["secure"]) == ("/", "", True)
