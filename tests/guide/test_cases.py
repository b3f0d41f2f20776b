"""docs/guide/cases.md shows exactly what calscim prints."""

import re

import pytest

from tests.guide.document import (
    CASES,
    OUTDATED,
    PATH,
    assemble_page,
    heading,
    read_sections,
    section,
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: heading(case).replace("`", ""))
async def test_the_guide_shows_what_calscim_prints(case, db, database, tmp_path):
    text = await section(case, db, database.dsn, tmp_path)

    assert text.splitlines() == read_sections().get(heading(case), "").splitlines(), OUTDATED


def test_the_guide_has_these_cases_in_this_order_and_nothing_else():
    assert PATH.read_text(encoding="utf-8") == assemble_page(read_sections()), OUTDATED


def test_every_link_to_a_case_leads_to_one():
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in read_sections()
    }

    for page in PATH.parent.glob("*.md"):
        assert set(re.findall(r"cases\.md#([^)]+)", page.read_text(encoding="utf-8"))) <= anchors, (
            page
        )
