"""One term for one concept: names that were replaced by a term of the glossary do not come back."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("daemon", "sql", "config", "systemd", "docs", "tests", "benchmarks", "tools")
SUFFIXES = {".py", ".sql", ".md", ".toml", ".yml", ".json", ".service", ".socket"}
# A word, and the term of the glossary that replaced it.
REPLACED = {
    "at_home": "is_restored_copy",
    "Away": "RemoteUnavailable",
    "count_out": "reserve_removal",
    "creators": "bootstrap owners",
    "Departed": "DeletedUser",
    "head_file": "checkpoint_file",
    "head_interval": "checkpoint_interval",
    "head_refused": "checkpoint.publish_failed",
    "head_url": "checkpoint_url",
    "in_step": "in_sync",
    "IN_STEP": "IN_SYNC",
    "LastLook": "Preflight",
    "made_teams": "created_teams",
    "newteams": "pending teams",
    "offices": "org_role_grants",
    "Performer": "Executor",
    "read_share": "read_budget_share",
    "Roster": "TeamProtections",
    "Sighting": "DriftObservation",
    "sightings": "drift_observations",
    "Sweep": "PacedReader",
    "Tally": "PassResult",
    "Telling": "AttributeSync",
    "Touched": "DirtySet",
    "Unsettled": "Deferred",
}
IN_SYNC = re.compile(r"\b(is|are|was|were|not) in step\b")
WORDS = re.compile(rf"\b({'|'.join(map(re.escape, REPLACED))})\b")


def texts() -> list[Path]:
    """Every text of the project but this one."""
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    return sorted(
        path
        for path in [*found, ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
        if path.suffix in SUFFIXES and path.is_file() and path != Path(__file__).resolve()
    )


@pytest.mark.parametrize("folder", [*FOLDERS, "."])
def test_replaced_words_do_not_come_back(folder):
    found = {
        f"{path.relative_to(ROOT)}: {word} (write {REPLACED[word]})"
        for path in texts()
        if path.relative_to(ROOT).parts[0] == folder or (folder == "." and path.parent == ROOT)
        for word in WORDS.findall(path.read_text(encoding="utf-8"))
    }
    in_step = {
        str(path.relative_to(ROOT))
        for path in texts()
        if path.relative_to(ROOT).parts[0] == folder or (folder == "." and path.parent == ROOT)
        if IN_SYNC.search(path.read_text(encoding="utf-8"))
    }

    assert found == set()
    assert in_step == set(), "write in sync"
