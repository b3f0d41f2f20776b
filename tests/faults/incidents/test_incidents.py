"""docs/guide/incidents.md shows exactly what an operator gets in each incident."""

import pytest

from tests.faults.incidents.document import (
    INCIDENTS,
    OUTDATED,
    PATH,
    assemble_page,
    heading,
    read_sections,
    section,
)


@pytest.mark.parametrize("play", INCIDENTS, ids=lambda play: play.__name__)
async def test_the_guide_shows_what_an_operator_gets(play, postgres, database, tmp_path):
    text = await section(play, postgres, database.name, tmp_path)

    assert text.splitlines() == read_sections().get(heading(play), "").splitlines(), OUTDATED


def test_the_guide_has_these_incidents_in_this_order_and_nothing_else():
    assert PATH.read_text(encoding="utf-8") == assemble_page(read_sections()), OUTDATED
