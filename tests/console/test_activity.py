"""The journal in the console: the list, one row with its body, and the download."""

import json

import pytest

from tests.support.acme import ANN, Acme


@pytest.fixture
async def acme(db, site):
    made = Acme(db, await site.directory())
    await made.happen()
    return made


@pytest.fixture
def row(acme) -> str:
    return f"/activity/{acme.directory.id}/1"


async def test_the_list_names_what_each_row_is_about(browser, acme, row):
    answer = await browser.open("/activity")

    assert f'href="{row}"' in answer.text
    assert ANN in answer.text


async def test_an_operator_reads_a_row_with_its_body_and_effect(site, row):
    operator = await site.signed_in("operator")

    answer = await operator.open(row)

    assert answer.status == 200
    assert "<h2>Body</h2>" in answer.text
    assert "user.put" in answer.text
    assert "<dt>request id</dt>" in answer.text


async def test_a_viewer_reads_a_row_without_its_body(site, row):
    viewer = await site.signed_in("viewer", "viewer@acme.example")

    answer = await viewer.open(row)

    assert answer.status == 200
    assert "shown to people with the role operator" in answer.text
    assert ANN not in answer.text
    assert "user.put" not in answer.text


async def test_the_download_has_the_rows_as_journal_export_writes_them(site, acme):
    operator = await site.signed_in("operator")

    answer = await operator.open(f"/activity/download?person={ANN}")

    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert rows
    assert any(ANN in f"{one['effect']}{one['body']}" for one in rows)
    assert all(one.keys().isdisjoint({"unreadable", "body_base64", "erased"}) for one in rows)
    assert [one["seq"] for one in rows] == sorted(one["seq"] for one in rows)
