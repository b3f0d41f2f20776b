"""The journal in the console: filters, older rows, bodies, the download, and verification."""

import html
import json
import re

import pytest

from calscim.directory import resources
from calscim.encryption import cipher
from calscim.journal.erasure import erase
from tests.support.acme import ANN, BOB, EDITOR, Acme
from tests.support.journaled import owning

__all__ = ["owning"]


@pytest.fixture
async def acme(db, site):
    made = Acme(db, await site.directory())
    await made.happen()
    return made


def rows(answer):
    """The links of the rows that a page lists, latest first."""
    return re.findall(r'<td><a href="/activity/([^"?]+)"', answer.text)


def of(acme, *seqs):
    return [f"{acme.directory.id}/{seq}" for seq in seqs]


async def test_the_latest_rows_come_first(browser, acme):
    found = rows(await browser.open("/activity"))

    assert found[:4] == of(acme, 4, 3, 2, 1)


@pytest.mark.parametrize(
    ("filters", "seqs"),
    [
        ("kind=scim", (4, 3, 2, 1)),
        ("kind=refused", ()),
        (f"kind=scim&person={ANN}", (4, 3, 1)),
        ("kind=scim&person=unknown@acme.example", ()),
        ("kind=scim&group=Sales", (3,)),
        ("kind=scim&until=2001-01-01", ()),
        ("kind=scim&since=2001-01-01", (4, 3, 2, 1)),
        ("request=r", (4, 3, 2, 1)),
        ("request=other", ()),
    ],
)
async def test_filters_choose_rows(browser, acme, filters, seqs):
    assert rows(await browser.open(f"/activity?{filters}")) == of(acme, *seqs)


async def test_the_filter_of_a_directory_shows_only_its_rows(site, browser, acme):
    other = await site.directory("Entra")

    answer = await browser.open(f"/activity?directory={other.id}")

    assert not set(rows(answer)) & set(of(acme, 1, 2, 3, 4))
    assert "directory: Entra" in answer.text


async def test_each_filter_can_be_taken_away(browser, acme):
    answer = await browser.open(f"/activity?kind=scim&person={ANN}")

    links = [
        html.unescape(one) for one in re.findall(r'<a href="([^"]+)" aria-label="Show', answer.text)
    ]
    assert sorted(links) == ["/activity?kind=scim", "/activity?person=ann%40acme.example"]


async def test_the_form_keeps_the_filters_that_it_does_not_show(browser, acme):
    answer = await browser.open("/activity?request=r-1&group=Sales&kind=scim")

    assert '<input type="hidden" name="request" value="r-1">' in answer.text
    assert '<input type="hidden" name="group" value="Sales">' in answer.text


@pytest.mark.parametrize("filters", ["kind=magic", "since=yesterday", "until=%00"])
async def test_a_filter_that_cannot_be_read_is_a_clear_page(browser, filters):
    answer = await browser.open(f"/activity?{filters}")

    assert answer.status == 400
    assert "Traceback" not in answer.text


async def test_older_rows_continue_without_a_gap(browser, acme, db, monkeypatch):
    monkeypatch.setattr("calscim.console.pages.activity.ROWS", 2)
    append = "SELECT calscim.append_row($1, 'admin', 'r', '', 'x', 0, '', NULL, '', '', 'b', NULL)"
    async with db.connection() as connection, connection.transaction():
        for _ in range(7):
            await connection.fetchval(append, "@acme")
    path, seen = "/activity", []

    while path and len(seen) < 50:
        answer = await browser.open(path)
        seen += rows(answer)
        more = re.search(r'href="([^"]+)">Older rows', answer.text)
        path = html.unescape(more[1]) if more else None

    stored = await db.fetch(
        "SELECT stream, seq FROM calscim.journal ORDER BY at DESC, stream, seq DESC"
    )
    assert [one.replace("%40", "@") for one in seen] == [
        f"{row['stream']}/{row['seq']}" for row in stored
    ]


async def test_only_operators_see_a_body(site, browser, acme):
    path = f"/activity/{acme.directory.id}/2"
    viewer = await site.signed_in("viewer")

    operators, viewers = await browser.open(path), await viewer.open(path)

    assert "00ubob" in operators.text
    assert "00ubob" not in viewers.text
    assert "role operator" in viewers.text
    assert (await viewer.open("/activity/download")).status == 403
    assert (await viewer.open("/activity/verify")).status == 403


@pytest.mark.parametrize("path", ["/activity/nothing/1", "/activity/@acme/999999"])
async def test_an_unknown_row_is_not_found(browser, path):
    assert (await browser.open(path)).status == 404


async def test_the_download_has_the_rows_that_the_filters_choose(browser, acme):
    answer = await browser.open(f"/activity/download?kind=scim&person={BOB}")

    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["seq"] for line in lines] == [2, 3]
    assert "00ubob" in json.dumps(lines[0]["body"])
    assert answer.headers["Content-Disposition"] == 'attachment; filename="journal.jsonl"'
    empty = await browser.open("/activity/download?person=unknown@acme.example")
    assert (empty.status, empty.text) == (200, "")


async def test_an_erased_body_is_gone(browser, acme, db, owning):
    await resources.delete_user(db, acme.origin(b""), acme.bob)
    await erase.erase(owning, EDITOR, BOB)

    answer = await browser.open(f"/activity/{acme.directory.id}/2")

    assert answer.status == 200
    assert BOB not in answer.text
    assert "00ubob" not in answer.text


async def test_a_encrypted_body_without_its_key_says_which_key_is_needed(site, browser, acme, db):
    encrypted = bytes(cipher(b"k" * 32).encrypt(b"secret"))
    append = "SELECT calscim.append_row($1, 'admin', 'r', '', 'x', 0, '', NULL, '', '', $2, NULL)"
    await db.fetchval(append, "@other", encrypted)

    answer = await browser.open("/activity/@other/1")

    assert answer.status == 200
    assert "journal.old_key_files" in answer.text
    assert (await browser.open("/activity")).status == 200


async def test_a_whole_chain_is_verified(browser, acme):
    answer = await browser.open("/activity/verify")

    assert "match the chain" in answer.text
    assert acme.directory.id in answer.text


async def test_a_broken_chain_is_an_alert_with_its_row(browser, acme, owner):
    await owner.execute(
        "UPDATE calscim.journal SET remote = 'eve' WHERE seq = 2 AND stream = $1", acme.directory.id
    )

    answer = await browser.open("/activity/verify")

    assert "The journal was altered" in answer.text
    assert f"{acme.directory.id} row 2" in answer.text
