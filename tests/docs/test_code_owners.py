"""Every path of CODEOWNERS exists, and a line without an owner is a comment."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINES = (ROOT / ".github" / "CODEOWNERS").read_text(encoding="utf-8").splitlines()
_RULE = re.compile(r"(# )?(/\S+) +(\S.*)")
RULES = [match.groups() for line in LINES if (match := _RULE.fullmatch(line)) is not None]


def test_every_path_exists():
    missing = [path for _, path, _ in RULES if not (ROOT / path.strip("/")).exists()]

    assert RULES
    assert missing == []


def test_a_path_of_a_folder_ends_with_a_slash():
    wrong = [
        path for _, path, _ in RULES if (ROOT / path.strip("/")).is_dir() != path.endswith("/")
    ]

    assert wrong == []


def test_a_line_without_an_owner_is_a_comment():
    wrong = [path for mark, path, owner in RULES if (owner == "<team>") != (mark == "# ")]

    assert wrong == []
