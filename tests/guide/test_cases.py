"""docs/guide/cases.md is what calscim prints."""

import re

import pytest

from tests.guide.document import CASES, PATH, RENEW, assembled, heading, section, written


@pytest.mark.parametrize("case", CASES, ids=lambda case: heading(case).replace("`", ""))
async def test_the_guide_shows_what_happens(case, db, database, tmp_path):
    played = await section(case, db, database.dsn, tmp_path)

    assert played.splitlines() == written().get(heading(case), "").splitlines(), RENEW


def test_the_guide_has_these_cases_in_this_order_and_nothing_else():
    assert PATH.read_text(encoding="utf-8") == assembled(written()), RENEW


def test_every_link_to_a_case_leads_to_one():
    known = {re.sub(r"[^a-z0-9 -]", "", one.lower()).replace(" ", "-") for one in written()}

    for page in PATH.parent.glob("*.md"):
        assert set(re.findall(r"cases\.md#([^)]+)", page.read_text(encoding="utf-8"))) <= known, (
            page
        )
