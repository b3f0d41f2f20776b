"""The console in a real browser, in front of the real daemon and a simulated Cal.com."""

import re

import aiohttp
import asyncpg
import pytest
import pytest_asyncio
from playwright.async_api import expect

from calscim.testing.okta.client import Okta
from tests.support import chromium
from tests.support.console_site import free_port
from tests.support.deployment import deployed
from tests.support.waiting import until

pytestmark = [
    pytest.mark.skipif(chromium.PROGRAM is None, reason=chromium.MISSING),
    pytest.mark.asyncio(loop_scope="module"),  # all tests share one browser
    pytest.mark.no_cover,  # the daemon is another process
]
PEOPLE = [f"{name}@acme.example" for name in ("ann", "bob", "cem", "dan", "eve")]
GROUP = "<img src=x onerror=alert(1)>"
HOSTILE = '<img src=x onerror=alert(1)> & "co"\'s'


@pytest_asyncio.fixture(loop_scope="module")
async def site(database, tmp_path):
    async with deployed(tmp_path, database.dsn, database.dsn) as made:
        text = made.configuration.read_text()
        made.configuration.write_text(
            text.replace('max_removals_per_team = "100%"', 'max_removals_per_team = "30%"').replace(
                '[scim]\n            listen = "127.0.0.1:0"',
                f'[scim]\nlisten = "127.0.0.1:{free_port()}"',
            )
            + f'\n[console]\nlisten = "127.0.0.1:{free_port()}"\n'
        )
        made.world.add_team(HOSTILE, slug="hostile")
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def daemon(site):
    return await site.start()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser():
    async with chromium.running() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def context(browser):
    async with chromium.browsing(browser) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def page(site, daemon, context):
    return await signed_in(site, context)


@pytest_asyncio.fixture(loop_scope="module")
async def okta(site, daemon):
    async with aiohttp.ClientSession() as session:
        yield Okta(session, site.base_url(daemon), site.token)


@pytest_asyncio.fixture(loop_scope="module")
async def owner(database):
    connection = await asyncpg.connect(database.owner_dsn)
    await connection.execute("SET session_replication_role = replica")
    yield connection
    await connection.close()


async def signed_in(site, context, role="admin"):
    page = await context.new_page()
    page.complaints = chromium.watch(page)
    await page.goto((await site.calscim("console", "link", "--role", role)).strip())
    await expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    return page


async def visit(page, name):
    await page.get_by_role("link", name=name, exact=True).first.click()
    await expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()


async def test_the_set_up_of_okta_can_be_clicked_through(site, daemon, page):
    await visit(page, "Directories")
    await page.get_by_label("Directory name").fill("Okta Europe")
    await page.get_by_label("Directory provider").select_option("Okta SCIM v2.0")
    await page.get_by_role("button", name="Configure").click()
    url = await page.get_by_label("SCIM Base URL").input_value()
    token = await page.get_by_label("SCIM Bearer Token").input_value()
    await expect(page.get_by_text("No request has arrived yet.")).to_be_visible()

    async with aiohttp.ClientSession() as session:
        await _test_call(session, url, token)
        await expect(page.get_by_text("requests arrive")).to_be_visible(timeout=15_000)

        await visit(page, "Mapping")
        row = page.locator(f'tr[data-team-id="{site.world.team_id("Support")}"]')
        await row.get_by_role("button", name="Add group name").click()
        await page.get_by_label("Directory").select_option("Okta Europe")
        await page.get_by_label("Group name").fill("Helpdesk")
        await page.get_by_label("Mode").select_option("managed")
        await page.get_by_role("button", name="Preview").click()
        await expect(page.get_by_role("region", name="Preview")).to_contain_text(
            "waits for a group"
        )
        await page.get_by_role("button", name="Save").click()
        await expect(row).to_contain_text("Helpdesk")

        okta = Okta(session, url, token)
        await okta.assign("zoe@acme.example", "Zoe", "Zed")
        await okta.push_group("Helpdesk", ["zoe@acme.example"])
        await until(lambda: "zoe@acme.example" in site.teams()["Support"], 20)

    await visit(page, "People")
    await page.get_by_label("Name, address or id").fill("zoe")
    await page.get_by_role("button", name="Find").click()
    await page.get_by_role("link", name="Zoe Zed").click()
    await expect(page.locator("main")).to_contain_text("Helpdesk")
    assert page.complaints == []


async def _test_call(session, url, token):
    headers = {"Authorization": f"Bearer {token}"}
    async with session.get(f"{url}/Users?startIndex=1&count=2", headers=headers) as answer:
        assert answer.status == 200


async def test_the_preview_lists_the_people_and_saving_adds_them(site, page, okta):
    for email in PEOPLE:
        await okta.assign(email, "Given", email.partition("@")[0].title())
    await okta.push_group("Night shift", PEOPLE[:3])
    await until(lambda: len(site.world.snapshot()["people"]) >= len(PEOPLE), 20)

    await visit(page, "Mapping")
    row = page.locator(f'tr[data-team-id="{site.world.team_id("Sales")}"]')
    await row.get_by_role("button", name="Add group name").click()
    await page.get_by_label("Group name").fill("Night shift")
    await page.get_by_label("Role").select_option("ADMIN")
    await page.get_by_role("button", name="Preview").click()
    preview = page.get_by_role("region", name="Preview")
    for email in PEOPLE[:3]:
        await expect(preview).to_contain_text(email)
    await expect(preview).not_to_contain_text(PEOPLE[3])
    await page.get_by_role("button", name="Save").click()

    await until(lambda: set(PEOPLE[:3]) <= site.teams()["Sales"], 20)
    assert page.complaints == []


async def test_a_hold_is_shown_and_approved(site, page, okta, owner):
    for email in PEOPLE:
        await okta.assign(email, "Given", "Family")
    await okta.push_group("Engineering", PEOPLE)
    await until(lambda: set(PEOPLE) <= site.teams()["Engineering"], 20)
    await okta.push_now("Engineering", [])

    await page.get_by_role("link", name="Look at it").click(timeout=20_000)
    held = page.locator("[data-hash]")
    for email in PEOPLE:
        await expect(held).to_contain_text(email)
    await page.get_by_label("Reason").fill("the team is dissolved")
    await page.get_by_role("button", name="Approve").click()
    await expect(page.get_by_text("carries it out in its next pass").first).to_be_visible()

    await until(lambda: not site.teams()["Engineering"], 20)
    remote = await owner.fetchval("SELECT remote FROM calscim.journal WHERE path = 'hold.approve'")
    assert " via console@" in remote


async def test_an_approval_of_what_has_changed_is_refused(site, page, okta):
    for email in PEOPLE:
        await okta.assign(email, "Given", "Family")
    await okta.push_group("Engineering", PEOPLE)
    await until(lambda: set(PEOPLE) <= site.teams()["Engineering"], 20)
    await okta.push_now("Engineering", [])
    await page.get_by_role("link", name="Look at it").click(timeout=20_000)

    await okta.push_now("Engineering", PEOPLE[:1])
    await expect(page.get_by_role("button", name="Approve")).to_be_visible()
    await page.get_by_role("button", name="Approve").click()

    await expect(page.get_by_text("no longer held")).to_be_visible()
    assert set(PEOPLE) <= site.teams()["Engineering"]


async def test_two_people_edit_one_mapping_and_the_second_is_told(site, page, context):
    other = await signed_in(site, context)
    for one in (page, other):
        await visit(one, "Mapping")
        row = one.locator(f'tr[data-team-id="{site.world.team_id("Support")}"]')
        await row.get_by_role("link", name="Change the mapping").click()
    await page.get_by_label("Mode").select_option("add-only")
    await page.get_by_role("button", name="Preview", exact=True).click()
    await other.get_by_label("Mode").select_option("observe")
    await other.get_by_role("button", name="Preview", exact=True).click()

    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("main")).to_contain_text("add-only")
    await other.get_by_role("button", name="Save").click()

    await expect(other.get_by_role("heading", name="Changed meanwhile")).to_be_visible()


async def test_a_viewer_sees_no_button_and_cannot_change_anything(site, daemon, context):
    page = await signed_in(site, context, "viewer")
    for name in ("Directories", "Mapping", "Plan", "People", "Activity", "Settings"):
        await visit(page, name)
        for button in ("Add group name", "Configure", "Approve", "Save"):
            await expect(page.get_by_role("button", name=button)).to_have_count(0)
    assert page.complaints == []


async def test_an_expired_session_leads_to_the_sign_in_and_nothing_is_changed(page, owner):
    await visit(page, "Directories")
    await page.get_by_label("Directory name").fill("Late")
    await owner.execute("UPDATE calscim.console_sessions SET expires_at = now()")

    await page.get_by_role("button", name="Configure").click()

    await expect(page.get_by_text("Your session has ended")).to_be_visible()
    assert await owner.fetchval("SELECT count(*) FROM calscim.directories") == 1


async def test_hostile_names_are_only_text(site, page, okta):
    await okta.assign("mallory@acme.example", HOSTILE, "\u202egnp.exe")
    await okta.push_group(GROUP, ["mallory@acme.example"])
    await visit(page, "Mapping")
    row = page.locator(f'tr[data-team-id="{site.world.team_id(HOSTILE)}"]')
    await row.get_by_role("button", name="Add group name").click()
    await page.get_by_label("Group name").fill(GROUP)
    await page.get_by_role("button", name="Preview").click()
    await expect(page.get_by_role("region", name="Preview")).to_contain_text("mallory@acme.example")
    await page.get_by_role("button", name="Save").click()
    await visit(page, "People")
    await page.get_by_role("link", name=re.compile("img src")).click()
    await expect(page.locator("main")).to_contain_text(GROUP)
    await visit(page, "Activity")

    assert page.complaints == []
    assert await page.locator("img[src='x']").count() == 0


async def test_pages_work_without_javascript(site, daemon, browser):
    async with chromium.browsing(browser, java_script_enabled=False) as context:
        page = await signed_in(site, context)
        await visit(page, "Mapping")
        row = page.locator(f'tr[data-team-id="{site.world.team_id("Sales")}"]')
        await row.get_by_role("button", name="Add group name").click()
        await page.get_by_label("Group name").fill("Sales EMEA")
        await page.get_by_role("button", name="Preview").click()
        await page.get_by_role("button", name="Save").click()
        await expect(row).to_contain_text("Sales EMEA")


async def test_300_teams_and_5000_people_are_found_in_two_tabs(site, daemon, context, owner):
    for number in range(300):
        site.world.add_team(f"Team {number:03}", slug=f"team-{number:03}")
    await owner.execute(
        """INSERT INTO calscim.users (id, directory_id, user_name, user_name_key, email, active, managed, source, data,
               changed_seq, created_at, updated_at)
           SELECT gen_random_uuid(), $1, n, n, n, false, true, 'provider',
               jsonb_build_object('userName', n, 'displayName', 'Person ' || i), 1, now(), now()
           FROM generate_series(1, 5000) i, LATERAL (SELECT 'person' || i || '@acme.example' AS n) x""",
        site.directory,
    )
    mapping, people = await signed_in(site, context), await context.new_page()
    await people.goto(mapping.url)

    await visit(mapping, "Mapping")
    await mapping.get_by_label("Find a team or a group").fill("team 299")
    await mapping.get_by_role("button", name="Find").click()
    row = mapping.locator(f'tr[data-team-id="{site.world.team_id("Team 299")}"]')
    await row.get_by_role("button", name="Add group name").click()
    await mapping.get_by_label("Group name").fill("Sales")
    await mapping.get_by_role("button", name="Preview").click()
    await mapping.get_by_role("button", name="Save").click()
    await expect(row).to_contain_text("Sales")

    await visit(people, "People")
    await people.get_by_label("Name, address or id").fill("person 4999")
    await people.get_by_role("button", name="Find").click()
    await people.get_by_role("link", name="Person 4999").click()
    await expect(people.locator("main")).to_contain_text("person4999@acme.example")
    await people.get_by_role("button", name="Sign out").click()
    await mapping.get_by_role("link", name="Plan", exact=True).click()
    await expect(mapping.get_by_role("heading", name="Sign in")).to_be_visible()
