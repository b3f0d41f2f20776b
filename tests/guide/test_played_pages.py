"""The played pages show exactly what calscim prints."""

import pytest

from tests.guide.document import OUTDATED
from tests.guide.play import open_play
from tests.guide.played_pages import DOCS, PAGES, STORIES, play_page, play_pages


@pytest.mark.parametrize("page", PAGES)
async def test_a_played_page_shows_what_calscim_prints(page, db, database, tmp_path):
    text = (DOCS / page).read_text(encoding="utf-8")

    async with open_play(db, database.dsn, tmp_path) as play:
        played = await play_page(play, text, PAGES[page])

    assert text.splitlines() == played.splitlines(), OUTDATED


@pytest.mark.parametrize("story", STORIES)
async def test_a_story_over_several_pages_shows_what_calscim_prints(story, db, database, tmp_path):
    async with open_play(db, database.dsn, tmp_path) as play:
        played = await play_pages(play, STORIES[story])

    for page, (text, printed) in played.items():
        assert text.splitlines() == printed.splitlines(), f"{page}: {OUTDATED}"
