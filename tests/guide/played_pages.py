"""Pages whose blocks show what calscim prints while an identity provider is connected, step by step.

The text of such a page is written by hand. Its `console` blocks with `$ calscim` have the commands; `make guide` writes
their output.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from tests.guide import concepts, guide_pages, moving, okta_start
from tests.guide.play import Play

DOCS = Path(__file__).parents[2] / "docs"
_HASH = re.compile(r"\b[0-9a-f]{16}\b")
_BLOCK = re.compile(r"^```console\n(\$ calscim .*?)^```$", re.MULTILINE | re.DOTALL)

Step: TypeAlias = Callable[[Play], Awaitable[None]]

# What happens before each console block of the page, in the order of the blocks.
PAGES: dict[str, tuple[Step, ...]] = {
    "guide/attributes.md": guide_pages.ATTRIBUTES_OF_PEOPLE,
    "guide/teams.md": guide_pages.TEAMS,
    "start/okta.md": okta_start.STEPS,
    "move/adopt.md": moving.ADOPT,
    "move/from-calcom-sync.md": moving.FROM_CALCOM_SYNC,
}


# Several pages that are played one after the other on one stage, by the folder that they are in.
STORIES: dict[str, dict[str, tuple[Step, ...]]] = {"concepts": concepts.PAGES}


async def play_pages(
    play: Play, steps_of: Mapping[str, tuple[Step, ...]]
) -> dict[str, tuple[str, str]]:
    """Play pages in order on one stage; return the text of each page, as it is and with the output of this run."""
    played = {}
    for page, steps in steps_of.items():
        text = (DOCS / page).read_text(encoding="utf-8")
        played[page] = (text, await play_page(play, text, steps))
    return played


async def play_page(play: Play, text: str, steps: tuple[Step, ...]) -> str:
    """Run the commands of each console block after its step; return the text with the output of this run."""
    blocks = list(_BLOCK.finditer(text))
    assert len(blocks) == len(steps), "each console block of a played page needs a step"
    parts, end = [], 0
    for block, step in zip(blocks, steps, strict=True):
        await step(play)
        for line in block[1].splitlines():
            if line == "$ calscim sync":
                await play.sync()
            elif line.startswith("$ calscim approve "):
                await play.calscim(_HASH.sub(play.hash, line.removeprefix("$ calscim ")))
            elif line.startswith("$ calscim "):
                await play.calscim(line.removeprefix("$ calscim "))
            if line.startswith("$ calscim directory create "):
                play.use_created_directory()
        parts += [text[end : block.start()], play.take_block()]
        end = block.end()
    return "".join([*parts, text[end:]])
