"""docs/guide/cases.md: its chapters, and how a case becomes a section of it."""

import inspect
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

from tests.guide import brakes, people, teams
from tests.guide.play import Play, played

PATH = Path(__file__).parents[2] / "docs" / "guide" / "cases.md"
RENEW = "docs/guide/cases.md is not what calscim prints: `make guide` writes it anew, `git diff` shows what changed"

Case: TypeAlias = Callable[[Play], Awaitable[None]]

CHAPTERS: dict[str, tuple[Case, ...]] = {
    "People": (
        people.invited,
        people.attached,
        people.refused,
        people.there,
        people.pending,
        people.inactive,
        people.deactivated,
        people.reactivated_by_number,
        people.half_member,
        people.account_deleted,
        people.several_entries,
        people.deleted,
        people.renamed,
        people.exchanged,
        people.office,
        people.attributes,
    ),
    "Teams and groups": (
        teams.pushed_then_mapped,
        teams.mapped_then_pushed,
        teams.left,
        teams.several,
        teams.pending,
        teams.renamed,
        teams.renamed_then_deleted,
        teams.deleted,
        teams.unmapped,
        teams.created,
    ),
    "Edits by hand": (
        teams.put_back,
        teams.handmade,
        teams.exclusive,
        teams.patient,
    ),
    "Brakes": (
        brakes.team,
        brakes.one_by_one,
        brakes.stale,
        brakes.organization,
        brakes.leavers,
        brakes.drift,
        brakes.protected,
    ),
    "Leaving Cal.com alone": (
        brakes.adopting,
        brakes.observe,
        brakes.paused,
        teams.paused,
        brakes.window,
    ),
    "When Cal.com fails": (brakes.incomplete, people.failing),
}
CASES = tuple(case for cases in CHAPTERS.values() for case in cases)

PREFACE = """\
# Case by case

What calscim does in each case, and what it says about it: `calscim plan` before and after, `explain` and `status` where
they tell something. Every block is real output. The cases are played by the test suite, with Okta's pushes over HTTP, a real
Postgres and a simulated Cal.com; `make guide` writes this page, and a test fails when it is not what calscim prints.

How to read the blocks:

- The organization is called acme, its directory Okta; Cal.com has the teams Sales and Engineering. Each case begins anew.
- Ids, hashes and times differ from one run to the next, so others stand in their place: it always is nine o'clock.
- `# exit code 2` is the verb's exit code, where it is not 0. `plan` and `sync`: 0 in step, 2 changes pending, 3 something held,
  1 not everything could be read.
- The first column of a plan: `run` is done by the daemon's next pass, which is right after a push; `held` is over a limit and waits
  for `approve`; `observed` and `paused` are only shown.
- What `mapping add` and `mapping change` print, the mapping field by field, is left out, but for warnings.
- `journal 8` is the row with that number in the directory's journal: `calscim journal show 8` has the provider's request."""


def heading(case: Case) -> str:
    return _lines(case)[0]


async def section(case: Case, db, dsn: str, folder: Path) -> str:
    """Play a case; its heading, its introduction and what was seen."""
    title, *introduction = _lines(case)
    async with played(db, dsn, folder) as play:
        await case(play)
        return "\n".join([f"### {title}", *introduction, "", play.text])


def assembled(sections: dict[str, str]) -> str:
    """The whole page. ``sections``: by heading."""
    chapters = [
        f"## {name}\n\n" + "\n\n".join(sections[heading(case)] for case in cases)
        for name, cases in CHAPTERS.items()
    ]
    return "\n\n".join([PREFACE, *chapters]) + "\n"


def written() -> dict[str, str]:
    """The sections that are in the page now, by heading."""
    text = PATH.read_text(encoding="utf-8") if PATH.exists() else ""
    _, *parts = text.replace("\n## ", "\n### \n## ").split("\n### ")
    return {part.partition("\n")[0]: f"### {part}".strip() for part in parts}


def _lines(case: Case) -> list[str]:
    return inspect.cleandoc(case.__doc__ or "").splitlines()
