"""Spell out the navigation of the site: which pages each section has, in which order."""

from pathlib import Path

Entry = dict[str, str | list[str]]  # the title of a section, and its page or pages
_ELSEWHERE = {"repository.md"}  # the README says again what other pages say: only links lead to it


def expand(nav: list[Entry], pages: Path) -> list[Entry]:
    """Return the navigation with the pages for `folder/*`, without pages that do not exist."""
    named = {name for entry in nav for value in entry.values() for name in _list(value)}
    expanded: list[Entry] = []
    for entry in nav:
        for title, value in entry.items():
            names = [page for name in _list(value) for page in _pages(name, pages, named)]
            if names:
                expanded.append({title: names if isinstance(value, list) else names[0]})
    return expanded


def missing(nav: list[Entry], pages: Path) -> list[str]:
    """Return the pages that the expanded navigation does not lead to."""
    named = {name for entry in nav for value in entry.values() for name in _list(value)}
    every = {page.relative_to(pages).as_posix() for page in pages.rglob("*.md")}
    return sorted(every - named - _ELSEWHERE)


def _list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _pages(name: str, pages: Path, named: set[str]) -> list[str]:
    if not name.endswith("*"):
        return [name] if (pages / name).exists() else []
    found = sorted((pages / name.removesuffix("*")).glob("*.md"), key=_order)
    names = [page.relative_to(pages).as_posix() for page in found]
    return [page for page in names if page not in named | _ELSEWHERE]


def _order(page: Path) -> tuple[bool, str]:
    return page.stem not in {"index", "README"}, page.name
