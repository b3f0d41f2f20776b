"""The table of teams: its rows and chips, the form with its preview, and import and export."""

import html
import re

import aiohttp
import pytest

from calscim import admin
from calscim.testing.calcom.faults import Fault
from tests.support.acme import ANN, Acme
from tests.support.console_site import EDITOR


@pytest.fixture
async def acme(db, site):
    made = Acme(db, await site.directory())
    await made.happen()
    return made


def row(answer, key):
    """The text of one row of the table."""
    found = re.search(rf'<tr data-team-id="{re.escape(str(key))}".*?</tr>', answer.text, re.DOTALL)
    return "" if found is None else html.unescape(found[0])


def preview(answer):
    """The text of the preview."""
    found = re.search(r'aria-label="Preview".*?</section>', answer.text, re.DOTALL)
    return "" if found is None else html.unescape(found[0])


def field(answer, name):
    """The value of a hidden field of the last form that has it."""
    return html.unescape(re.findall(rf'name="{name}" value="([^"]*)"', answer.text)[-1])


def form(site, team="Sales", **fields):
    """What the browser sends for a new mapping."""
    key = team if team.startswith(("@", "new")) else str(site.world.team_id(team))
    return {"team": key, "group": "Sales", "role": "MEMBER", "mode": "managed"} | fields


async def saved(site):
    return [
        (one.group, one.team_name, one.role.value, one.mode.value)
        for one in await admin.mappings(site.db)
    ]


async def test_each_team_is_a_row_and_its_groups_are_chips(site, browser, acme):
    await browser.send("/mapping/save", form(site))

    answer = await browser.open("/mapping")

    assert "2 members" in row(answer, site.world.team_id("Sales"))
    assert "member, managed" in row(answer, site.world.team_id("Sales"))
    assert "Add group name" in row(answer, site.world.team_id("Engineering"))
    assert "the organization itself" in row(answer, "@organization")


async def test_a_waiting_group_stands_out_and_near_names_are_offered(site, browser, acme):
    answer = await browser.send("/mapping/preview", form(site, group="Sale"))
    assert "Sales" in preview(answer)

    await browser.send("/mapping/save", form(site, group="Sale"))
    line = row(await browser.open("/mapping"), site.world.team_id("Sales"))

    assert "chip warn" in line
    assert "waits for the group" in line
    assert "did you mean Sales?" in line


async def test_the_preview_changes_nothing_and_saving_does(site, browser, acme):
    answer = await browser.send("/mapping/preview", form(site, role="ADMIN"))
    assert ANN in preview(answer)
    assert await saved(site) == []

    await browser.send("/mapping/save", form(site, role="ADMIN"))

    assert await saved(site) == [("Sales", "Sales", "ADMIN", "managed")]


async def test_a_team_that_calscim_creates_has_its_own_row(site, browser, acme):
    opened = await browser.open("/mapping?add=new")
    assert 'name="team_name"' in row(opened, "new")

    await browser.send("/mapping/save", form(site, "new", team_name="Night shift"))

    answer = await browser.open("/mapping")
    assert "to be created" in row(answer, "new:Night shift")


async def test_a_group_can_give_a_role_of_the_organization(site, browser, acme):
    await browser.send("/mapping/save", form(site, "@organization", role="ADMIN"))

    assert "admin, managed" in row(await browser.open("/mapping"), "@organization")


async def test_with_several_directories_the_form_asks_for_one(site, browser, acme):
    other = await site.directory("Entra")
    opened = await browser.open(f"/mapping?add={site.world.team_id('Sales')}")
    assert 'name="directory"' in opened.text

    refused = await browser.send("/mapping/save", form(site))
    assert refused.status == 400
    assert "choose the directory" in refused.text
    await browser.send("/mapping/save", form(site, directory=other.id))

    assert [one.directory for one in await admin.mappings(site.db)] == ["Entra"]


async def test_a_change_and_a_removal_are_previewed_first(site, browser, acme):
    await browser.send("/mapping/save", form(site))
    mapping = (await admin.mappings(site.db))[0]
    opened = await browser.open(f"/mapping?change={mapping.id}")
    fields = {"mapping": str(mapping.id), "seen": field(opened, "seen"), "role": "MEMBER"}

    changed = await browser.send("/mapping/preview", fields | {"mode": "observe"})
    assert "would no longer be made" in preview(changed)
    removed = await browser.send("/mapping/preview", fields | {"mode": "managed", "remove": "1"})
    assert field(removed, "remove") == "1"
    assert await saved(site) == [("Sales", "Sales", "MEMBER", "managed")]

    await browser.send("/mapping/save", fields | {"mode": "managed", "remove": "1"})
    assert await saved(site) == []


async def test_a_change_of_what_another_person_changed_is_refused(site, browser, acme):
    await browser.send("/mapping/save", form(site))
    mapping = (await admin.mappings(site.db))[0]
    fields = {"mapping": str(mapping.id), "seen": str(mapping.seq), "role": "MEMBER"}
    other = await site.signed_in(person="bob@acme.example")
    await other.send("/mapping/save", fields | {"mode": "add-only"})

    answer = await browser.send("/mapping/save", fields | {"mode": "observe"})

    assert answer.status == 409
    assert await saved(site) == [("Sales", "Sales", "MEMBER", "add-only")]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"team": "999999"}, "999999"),
        ({"group": ""}, "Group name is empty"),
        ({"role": "KING"}, "Role is"),
        ({"mode": "yes"}, "Mode is"),
    ],
)
async def test_a_form_that_cannot_be_saved_says_why(site, browser, acme, fields, said):
    for path in ("/mapping/preview", "/mapping/save"):
        answer = await browser.send(path, form(site) | fields)

        assert answer.status == 400
        assert said in answer.text
    assert await saved(site) == []


async def test_an_unknown_mapping_is_not_found(browser):
    assert (await browser.open("/mapping?change=77")).status == 404
    assert (await browser.open("/mapping?change=x")).status == 404


async def test_an_incomplete_read_of_cal_com_is_said_in_the_preview(site, browser, acme):
    site.simulation.faults.append(Fault(path="/memberships", status=500, times=1000))

    answer = await browser.send("/mapping/preview", form(site))

    assert "may be incomplete" in preview(answer)


async def test_the_export_can_be_imported(site, browser, acme):
    await browser.send("/mapping/save", form(site))
    exported = await browser.open("/mapping/export")
    await browser.send("/mapping/save", form(site, "Engineering"))

    compared = await browser.send("/mapping/import", {"text": exported.text})
    assert "removed" in preview(compared)
    assert len(await saved(site)) == 2
    confirmed = {"text": exported.text, "confirmed": "1", "seen": field(compared, "seen")}
    await browser.send("/mapping/import", confirmed)

    assert await saved(site) == [("Sales", "Sales", "MEMBER", "managed")]


async def test_a_file_is_uploaded(site, browser, acme):
    await browser.send("/mapping/save", form(site))
    exported = await browser.open("/mapping/export")
    await browser.open("/mapping")
    data = aiohttp.FormData({"form_token": browser.form_token})
    data.add_field("file", exported.text.encode(), filename="mappings.toml")

    async with browser.session.post(f"{site.url}/mapping/import", data=data) as response:
        assert "The saved mappings are those of the file" in await response.text()


async def test_an_import_after_another_persons_change_is_refused(site, browser, acme):
    await browser.send("/mapping/save", form(site))
    exported = await browser.open("/mapping/export")
    compared = await browser.send("/mapping/import", {"text": exported.text})
    assert "those of the file" in compared.text
    first = (await admin.mappings(site.db))[0]
    await admin.remove_mapping(site.db, EDITOR, first)

    answer = await browser.send(
        "/mapping/import", {"text": exported.text, "confirmed": "1", "seen": f"1/{first.seq}"}
    )

    assert answer.status == 409
    assert await saved(site) == []


@pytest.mark.parametrize("text", ["", "[[mapping]", "[[mapping]]\ngroup = 3\n"])
async def test_a_file_that_cannot_be_read_is_a_clear_page(browser, text):
    answer = await browser.send("/mapping/import", {"text": text})

    assert answer.status == 400
    assert "Traceback" not in answer.text


async def test_the_form_of_a_team_on_a_later_page_opens_on_that_page(site, browser, monkeypatch):
    monkeypatch.setattr("calscim.console.pages.mapping.PER_PAGE", 2)

    answer = await browser.open(f"/mapping?add={site.world.team_id('Sales')}")

    assert 'id="edit"' in row(answer, site.world.team_id("Sales"))
    assert re.search(r'page=2" aria-current="page"', answer.text)
