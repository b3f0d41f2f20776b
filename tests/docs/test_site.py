"""The pages become a site: lists, links out of docs/, and the navigation."""

import hashlib
import re
from textwrap import dedent

import pytest
import tomlkit

from tools.site import navigation, pages
from tools.site.lists import indent
from tools.site.requests import requested


@pytest.mark.parametrize(
    ("github", "site"),
    [
        ("1. one\n\n   ```console\n   $ ls\n   ```\n2. two\n", "1. one\n\n\n    ```console\n    $ ls\n    ```\n\n2. two\n"),
        ("- one\n  goes on\n\n  and on\n", "- one\n    goes on\n\n    and on\n"),
        ("- one\n  - inner\n    goes on\n- two\n", "- one\n    - inner\n        goes on\n- two\n"),
        ("Text:\n- one\n\nAfter.\n", "Text:\n\n- one\n\nAfter.\n"),
        ("```text\n- no list\n  at all\n```\n", "\n```text\n- no list\n  at all\n```\n\n"),
    ],
)  # fmt: skip
def test_lists_are_indented_by_four_columns_a_level(github, site):
    assert indent(github) == site


def test_code_in_a_list_keeps_its_own_indentation():
    github = dedent("""\
        - one

          ```toml
          a = [
            1,
          ]
          ```
        """)

    assert "    a = [\n      1,\n    ]\n" in indent(github)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "pages"
    pages.write(folder)
    return folder


def test_a_link_out_of_docs_leads_to_a_file_of_the_site(written):
    page = (written / "reference/configuration.md").read_text(encoding="utf-8")

    assert "](../files/config/calscim.example.toml)" in page
    assert (written / "files/config/calscim.example.toml").is_file()


def test_a_page_outside_docs_links_to_the_pages_in_it(written):
    page = (written / "CONTRIBUTING.md").read_text(encoding="utf-8")

    assert "](docs/" not in page
    assert re.search(r"\]\(architecture\.md", page)


def test_the_scripts_of_others_are_those_that_the_list_names():
    folder = pages.ROOT / "tools/site/theme/assets/javascripts"
    listed = re.findall(
        r"^([0-9a-f]{64})  (\S+)$", (folder / "README.md").read_text(), re.MULTILINE
    )

    assert {name for _, name in listed} == {script.name for script in folder.glob("*.js")}
    assert all(
        hashlib.sha256((folder / name).read_bytes()).hexdigest() == hash_ for hash_, name in listed
    )


@pytest.mark.parametrize("folder", ["decisions", "runbooks"])
def test_an_index_page_links_to_every_page_of_its_folder(folder):
    index = (pages.DOCS / folder / "README.md").read_text(encoding="utf-8")
    every = {page.name for page in (pages.DOCS / folder).glob("*.md")} - {"README.md"}

    assert set(re.findall(r"\]\((\w[\w-]*\.md)\)", index)) == every


def test_every_table_has_titles(written):
    untitled = [
        p.name
        for p in written.rglob("*.md")
        if re.search(r"^[| ]+\n *\|--", p.read_text("utf-8"), re.MULTILINE)
    ]

    assert untitled == [], "the site shows a table without titles as text"


def test_the_navigation_leads_to_every_page(written):
    settings = tomlkit.parse((pages.ROOT / "zensical.toml").read_text(encoding="utf-8")).unwrap()

    nav = navigation.expand(settings["project"]["nav"], written)

    assert navigation.missing(nav, written) == []


def test_a_folder_in_the_navigation_stands_for_the_pages_that_are_not_named(tmp_path):
    (tmp_path / "guide").mkdir()
    for name in ("b", "a", "index"):
        (tmp_path / f"guide/{name}.md").touch()

    nav = navigation.expand([{"Guide": ["guide/b.md", "guide/*"]}, {"FAQ": "faq.md"}], tmp_path)

    assert nav == [{"Guide": ["guide/b.md", "guide/index.md", "guide/a.md"]}]


@pytest.mark.parametrize(
    ("page", "addresses"),
    [
        ('<script src="https://cdn.example/a.js"></script><a href="https://cal.com">x</a>', ["https://cdn.example/a.js"]),
        ('<link rel="stylesheet" href="//fonts.example/a.css"><img src="a.png">', ["//fonts.example/a.css"]),
        ('<script src="assets/mermaid.tiny.js"></script><pre class="mermaid"></pre>', []),
    ],
)  # fmt: skip
def test_a_request_to_another_host_is_found(page, addresses):
    assert requested(page) == addresses


def test_a_diagram_without_the_script_of_the_site_is_a_request_to_another_host():
    assert len(requested('<pre class="mermaid"></pre>')) == 1
