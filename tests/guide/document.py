"""The chapters of docs/guide/cases.md, and how each case becomes a section."""

import inspect
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

from tests.guide import limits, manual_edits, outages, pauses, people, teams
from tests.guide.play import Play, open_play

PATH = Path(__file__).parents[2] / "docs" / "guide" / "cases.md"
OUTDATED = "the page differs from what calscim prints: run `make guide`, then read `git diff`"

Case: TypeAlias = Callable[[Play], Awaitable[None]]

CHAPTERS: dict[str, tuple[Case, ...]] = {
    "People": (
        people.new_person,
        people.existing_account,
        people.attach_not_possible,
        people.existing_member,
        people.pending_invitation,
        people.created_inactive,
        people.deactivated,
        people.reattached_by_id,
        people.without_profile,
        people.account_deleted,
        people.several_entries,
        people.deleted,
        people.new_address,
        people.exchanged_addresses,
        people.organization_role,
        people.attributes,
    ),
    "Teams and groups": (
        teams.pushed_then_mapped,
        teams.mapped_then_pushed,
        teams.left_group,
        teams.several_groups,
        teams.pending_membership,
        teams.renamed_group,
        teams.renamed_then_deleted,
        teams.deleted_group,
        teams.removed_mapping,
        teams.created_team,
    ),
    "Edits by hand": (
        manual_edits.removed_by_hand,
        manual_edits.added_by_hand,
        manual_edits.exclusive_team,
        manual_edits.drift_grace,
    ),
    "Limits and holds": (
        limits.team_limit,
        limits.one_by_one,
        limits.stale_approval,
        limits.organization_limit,
        limits.deprovision_limit,
        limits.drift_limit,
        limits.protected_people,
    ),
    "Leaving Cal.com alone": (
        pauses.existing_organization,
        pauses.observe,
        pauses.paused_directory,
        pauses.paused_team,
        pauses.maintenance_window,
    ),
    "When Cal.com fails": (
        outages.incomplete_list,
        outages.failed_action,
    ),
}
CASES = tuple(case for cases in CHAPTERS.values() for case in cases)

PREFACE = """\
# Case by case

This page shows what calscim does in each case: `calscim plan` before and after, and `explain` and `status` where they add something.
Every block is real output. The test suite plays the cases with Okta's pushes over HTTP, a real Postgres, and a simulated Cal.com.
`make guide` writes this page, and a test fails if calscim prints anything else.

How to read the blocks:

- The organization is acme, and its directory is Okta. Cal.com has the teams Sales and Engineering. Each case starts from nothing.
- Ids, hashes, and times differ between runs, so the page shows stand-ins. It is always nine o'clock.
- `# exit code 2` is the verb's exit code, if it is not 0. `plan` and `sync` exit with 0 if the organization is in sync, 2 if changes are
  pending, 3 if something is held, and 1 if calscim could not read everything.
- The first column of a plan is the state of the action. `run`: the daemon's next pass, right after a push, makes the change. `held`:
  the change is over a limit and waits for `approve`. `observed` and `paused`: the change is only shown.
- The output of `mapping add` and `mapping change`, which repeats the mapping, is left out, except for warnings.
- `journal 8` is the row with that number in the directory's journal. `calscim journal show 8` shows the provider's request."""


def heading(case: Case) -> str:
    """Return the heading of the case: the first line of its docstring."""
    return _docstring_lines(case)[0]


async def section(case: Case, db, dsn: str, folder: Path) -> str:
    """Play the case and return its section: heading, introduction, and output."""
    title, *introduction = _docstring_lines(case)
    async with open_play(db, dsn, folder) as play:
        await case(play)
        return "\n".join([f"### {title}", *introduction, "", play.text])


def assemble_page(sections: dict[str, str]) -> str:
    """Return the whole page. ``sections``: the text of each section by its heading."""
    chapters = [
        f"## {name}\n\n" + "\n\n".join(sections[heading(case)] for case in cases)
        for name, cases in CHAPTERS.items()
    ]
    return "\n\n".join([PREFACE, *chapters]) + "\n"


def read_sections() -> dict[str, str]:
    """Return the sections of the page as it is now, by heading."""
    text = PATH.read_text(encoding="utf-8") if PATH.exists() else ""
    _, *parts = text.replace("\n## ", "\n### \n## ").split("\n### ")
    return {part.partition("\n")[0]: f"### {part}".strip() for part in parts}


def _docstring_lines(case: Case) -> list[str]:
    return inspect.cleandoc(case.__doc__ or "").splitlines()
