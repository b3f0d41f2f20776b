"""The reference pages list every event, metric and table of the code."""

import ast
import re
from pathlib import Path

import pytest

from tools import cli_page, metrics_page, tables_page

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"
DAEMON = ROOT / "daemon"
LEVELS = {"debug", "info", "warning", "error", "critical", "exception", "log"}
EVENT = re.compile(r"[a-z_]+\.[a-z_]+")


def test_the_page_of_metrics_is_current():
    assert metrics_page.PAGE.read_text(encoding="utf-8") == metrics_page.page(), (
        "the page is outdated: run `make reference`"
    )


def test_the_page_of_the_command_line_is_current():
    assert cli_page.PAGE.read_text(encoding="utf-8") == cli_page.page(), (
        "the page is outdated: run `make reference`"
    )


def test_the_page_of_tables_is_current_and_lists_every_table():
    schema = "".join(
        file.read_text(encoding="utf-8") for file in sorted((ROOT / "sql/migrations").glob("*.sql"))
    )
    created = set(re.findall(r"^CREATE TABLE calscim\.(\w+) \(", schema, re.MULTILINE))

    assert tables_page.PAGE.read_text(encoding="utf-8") == tables_page.page(), (
        "the page is outdated: run `make reference`"
    )
    assert {name for name, _ in tables_page.tables()} == created


def test_every_event_in_the_code_is_on_the_page():
    assert events() - listed_events() == set()


def test_every_event_on_the_page_is_in_the_code():
    code = "".join(path.read_text(encoding="utf-8") for path in sorted(DAEMON.rglob("*.py")))

    assert {name for name in listed_events() if f'"{name}"' not in code} == set()


@pytest.mark.parametrize("page", sorted(path.name for path in REFERENCE.glob("*.md")))
def test_the_documentation_links_to_every_reference_page(page):
    texts = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]

    assert any(page in text.read_text(encoding="utf-8") for text in texts if text.name != page)


def listed_events() -> set[str]:
    """Return the event names in the first column of the page."""
    page = (REFERENCE / "events.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+) \|", page, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def events() -> set[str]:
    """Return the event names that the code passes to log methods, as literals or constants."""
    found: set[str] = set()
    for path in DAEMON.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        constants = {
            target.id: node.value.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr in LEVELS and node.args:
                found |= {
                    name for name in strings(node.args[:2], constants) if EVENT.fullmatch(name)
                }
    return found


def strings(arguments: list[ast.expr], constants: dict[str, object]) -> set[str]:
    """Return the strings in these expressions, including both branches of a conditional expression."""
    found: set[str] = set()
    for argument in arguments:
        for node in ast.walk(argument):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
            elif isinstance(node, ast.Name) and isinstance(constants.get(node.id), str):
                found.add(str(constants[node.id]))
    return found
