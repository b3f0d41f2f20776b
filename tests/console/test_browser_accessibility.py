"""Every page of the console passes axe-core's checks of accessibility, in light and in dark.

axe-core is an npm package, and no part of the project: ``npm install axe-core`` in the project's folder, or set
AXE_CORE to the path of its ``axe.min.js``.
"""

import os
from pathlib import Path

import pytest

from calscim import admin
from calscim.admin import TeamRef
from calscim.planner.modes import Mode
from calscim.planner.roles import Role
from calscim.reconciler.state import holds
from tests.support import chromium
from tests.support.console_site import console_site
from tests.support.stage import PEOPLE, staged

AXE = Path(os.environ.get("AXE_CORE", "node_modules/axe-core/axe.min.js"))
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CHECK = (
    "async (tags) => (await axe.run(document, {runOnly: {type: 'tag', values: tags}})).violations"
)
SCHEMES = ("light", "dark")

pytestmark = [
    pytest.mark.skipif(chromium.PROGRAM is None, reason=chromium.MISSING),
    pytest.mark.skipif(
        not AXE.is_file(),
        reason="axe-core is not installed (npm install axe-core, or AXE_CORE=.../axe.min.js)",
    ),
]


async def violations(page, scheme):
    """Return what axe finds, as lines: page, color scheme, rule, elements."""
    await page.emulate_media(color_scheme=scheme)
    await page.evaluate(AXE.read_text())
    return [
        f"{page.url} {scheme} {one['id']}: {one['help']}: {node['html'][:200]}"
        for one in await page.evaluate(CHECK, RULES)
        for node in one["nodes"]
    ]


async def test_no_page_has_a_violation(db):
    async with (
        staged(db) as stage,
        console_site(db, stage=stage) as site,
        chromium.browsing(bypass_csp=True) as context,
    ):
        paths = await fill(stage)
        page = await context.new_page()
        found = []

        await page.goto(f"{site.url}/sign-in")
        for scheme in SCHEMES:
            found += await violations(page, scheme)
        await page.goto(await site.link())
        for path in paths:
            await page.goto(site.url + path)
            for scheme in SCHEMES:
                found += await violations(page, scheme)
        await page.goto(f"{site.url}/mapping?add={stage.team_id('Engineering')}")
        await page.get_by_label("Directory", exact=True).select_option(stage.directory.id)
        await page.get_by_label("Group name").fill("Engineers")
        await page.get_by_role("button", name="Preview").click()
        await page.get_by_role("region", name="Preview").wait_for()
        for scheme in SCHEMES:
            found += await violations(page, scheme)

    assert found == []


async def fill(stage):
    """Make a held set, a waiting mapping and a paused directory; return the paths of all pages."""
    await stage.given("Sales", "managed", *PEOPLE)
    await stage.okta.push_now("Sales", [])
    await stage.full()
    assert await holds.load_current(stage.db, "acme")
    team = TeamRef(stage.team_id("Engineering"), "Engineering")
    await admin.add_mapping(
        stage.db,
        stage.editor,
        admin.draft(stage.directory, group="Sale", team=team, role=Role.MEMBER, mode=Mode.MANAGED),
    )
    paused = await admin.create_directory(
        stage.db, stage.editor, organization="acme", name="Entra", provider="azure-scim-v2"
    )
    await admin.pause(
        stage.db,
        stage.editor,
        organization="acme",
        scope="directory",
        target=paused.id,
        seconds=3600.0,
    )
    person = f"{PEOPLE[0]}@acme.example"
    return [
        "/",
        "/directories",
        f"/directories/{stage.directory.id}",
        f"/directories/{paused.id}",
        "/mapping",
        f"/mapping?add={stage.team_id('Sales')}",
        "/mapping?add=new",
        "/plan",
        "/plan?read=1",
        "/people",
        f"/people/acme/{person}",
        f"/activity?person={person}",
        f"/activity/{stage.directory.id}/1",
        "/activity/verify",
        "/settings",
        "/sessions",
        "/nothing",
    ]
