"""The layers and the files that docs/architecture.md names are those of the tree."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "importlinter"
]["contracts"]


def test_the_layers_of_the_page_are_those_of_the_contract():
    [layers] = [one["layers"] for one in CONTRACTS if one["type"] == "layers"]
    [block] = re.findall(r"^```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)

    assert block.splitlines() == layers


def test_every_file_that_the_page_names_exists():
    named = re.findall(r"`(\w[\w.]*/\w[\w./]*)`", PAGE)
    roots = (ROOT, ROOT / "daemon" / "calscim")
    missing = [one for one in named if not any((root / one).exists() for root in roots)]

    assert len(named) > 20
    assert missing == []
