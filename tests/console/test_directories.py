"""Directories in the console: the token that is shown once, rotation, revocation, pauses, and deletion."""

import html
import re

import pytest

from calscim import admin
from tests.support.console_site import EDITOR

FORM = {"name": "Okta Europe", "provider": "okta-scim-v2"}


def token(answer):
    """The token that a page shows, or None."""
    found = re.search(r'<input id="token" readonly value="([^"]+)"', answer.text)
    return None if found is None else html.unescape(found[1])


@pytest.fixture
async def directory(site):
    return await site.directory()


@pytest.fixture
async def first(db, directory):
    made, _ = await admin.create_token(db, EDITOR, directory, name="first")
    return made


def text(answer):
    return html.unescape(answer.text)


async def only(db):
    [found] = await admin.directories(db)
    return found


async def states(db, directory):
    return {one.name: one.state for one in await admin.tokens(db, directory)}


async def test_a_new_directory_shows_its_token_once(site, browser, db):
    answer = await browser.send("/directories", FORM)
    made = await only(db)

    assert token(answer)
    assert f"/scim/v2/{made.id}" in answer.text
    assert "No request has arrived yet." in answer.text
    assert token(await browser.open(f"/directories/{made.id}")) is None


async def test_a_new_directory_shows_the_steps_at_its_provider(browser, db):
    answer = await browser.send("/directories", FORM | {"provider": "azure-scim-v2"})

    assert "?aadOptscim062020" in answer.text
    assert "SCIM connector base URL" not in answer.text


async def test_a_directory_can_start_paused(browser, db):
    await browser.send("/directories", FORM | {"paused": "on"})

    assert (await only(db)).paused


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"name": ""}, "Directory name is empty"),
        ({"provider": "magic"}, "magic"),
        ({"organization": "other"}, "other"),
    ],
)
async def test_a_directory_that_cannot_be_created_says_why(browser, db, form, said):
    answer = await browser.send("/directories", FORM | form)

    assert answer.status == 400
    assert said in text(answer)
    assert await admin.directories(db) == []


async def test_a_name_that_is_taken_is_said_beside_the_form(browser, db, directory):
    answer = await browser.send("/directories", FORM | {"name": "Okta"})

    assert answer.status == 400
    assert 'value="Okta"' in answer.text
    assert len(await admin.directories(db)) == 1


async def test_a_rotated_token_stays_valid_for_a_day(browser, db, directory, first):
    answer = await browser.send(f"/directories/{directory.id}/rotate", {"token": str(first.id)})

    assert token(answer)
    assert "is valid until" in answer.text
    assert [one.state for one in await admin.tokens(db, directory)] == ["valid", "valid"]
    again = await browser.open(f"/directories/{directory.id}")
    assert token(again) is None
    assert again.text.count("Rotate token first") == 1  # the new one


async def test_a_revoked_token_is_shown_as_revoked(browser, db, directory, first):
    await browser.send(f"/directories/{directory.id}/revoke", {"token": str(first.id)})

    assert await states(db, directory) == {"first": "revoked"}
    shown = await browser.open(f"/directories/{directory.id}")
    assert "Revoke token first" not in shown.text


@pytest.mark.parametrize("change", ["rotate", "revoke"])
async def test_a_token_of_another_directory_is_refused(site, browser, db, first, change):
    other = await site.directory("Entra")

    answer = await browser.send(f"/directories/{other.id}/{change}", {"token": str(first.id)})

    assert answer.status in (400, 404)
    assert await states(db, site.directories["Okta"]) == {"first": "valid"}


@pytest.mark.parametrize("sent", ["", "x", "9" * 30])
async def test_a_token_that_is_no_number_is_a_clear_page(browser, directory, sent):
    answer = await browser.send(f"/directories/{directory.id}/revoke", {"token": sent})

    assert answer.status == 400


async def test_a_pause_ends_by_itself_or_with_resume(browser, db, directory):
    answer = await browser.send(f"/directories/{directory.id}/pause", {"seconds": "3600"})
    paused = await only(db)
    assert paused.paused
    assert paused.paused_until is not None
    assert f"until {paused.paused_until:%Y-%m-%d %H:%M:%S}Z" in answer.text

    await browser.send(f"/directories/{directory.id}/resume")
    assert not (await only(db)).paused

    await browser.send(f"/directories/{directory.id}/pause", {"seconds": ""})
    assert (await only(db)).paused_until is None


@pytest.mark.parametrize("seconds", ["5", "-1", "x"])
async def test_a_pause_of_another_length_is_refused(browser, db, directory, seconds):
    answer = await browser.send(f"/directories/{directory.id}/pause", {"seconds": seconds})

    assert answer.status == 400
    assert not (await only(db)).paused


async def test_a_directory_is_deleted_only_with_its_name(browser, db, directory):
    for wrong in ("", "okta", "Okta Europe"):
        answer = await browser.send(f"/directories/{directory.id}/delete", {"name": wrong})
        assert answer.status == 400
        assert "nothing was deleted" in answer.text
    assert (await only(db)).id == directory.id

    await browser.send(f"/directories/{directory.id}/delete", {"name": "Okta"})

    assert await admin.directories(db) == []
    assert (await browser.open(f"/directories/{directory.id}")).status == 404


async def test_an_unknown_directory_is_not_found(browser):
    assert (await browser.open("/directories/nothing")).status == 404
