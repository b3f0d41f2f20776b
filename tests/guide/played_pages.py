"""Pages whose blocks show what calscim prints while an identity provider is connected, step by step.

The text of such a page is written by hand. Its `console` blocks with `$ calscim` have the commands; `make guide` writes
their output.
"""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

from tests.guide import moving, okta_start
from tests.guide.play import Play

DOCS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(r"^```console\n(\$ calscim .*?)^```$", re.MULTILINE | re.DOTALL)

Step: TypeAlias = Callable[[Play], Awaitable[None]]

# What happens before each console block of the page, in the order of the blocks.
PAGES: dict[str, tuple[Step, ...]] = {
    "start/okta.md": okta_start.STEPS,
    "move/adopt.md": moving.ADOPT,
    "move/from-calcom-sync.md": moving.FROM_CALCOM_SYNC,
}


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
            elif line.startswith("$ calscim "):
                await play.calscim(line.removeprefix("$ calscim "))
            if line.startswith("$ calscim directory create "):
                play.use_created_directory()
        parts += [text[end : block.start()], play.take_block()]
        end = block.end()
    return "".join([*parts, text[end:]])
