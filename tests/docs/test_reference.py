"""The reference pages list every event, metric and table of the code."""

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from calscim.app.health import ops_app
from tools import cli_page, metrics_page, tables_page

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"


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


def test_the_page_of_the_http_api_lists_every_path_for_operators():
    routes = ops_app(CollectorRegistry(), None, None).router.resources()
    page = (REFERENCE / "http.md").read_text(encoding="utf-8")

    listed = re.findall(r"^\| `(/[^`]*)` \|", page, re.MULTILINE)
    assert listed == [*(route.canonical for route in routes), "/v1/events"]


@pytest.mark.parametrize("page", sorted(path.name for path in REFERENCE.glob("*.md")))
def test_the_documentation_links_to_every_reference_page(page):
    texts = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]

    assert any(page in text.read_text(encoding="utf-8") for text in texts if text.name != page)
