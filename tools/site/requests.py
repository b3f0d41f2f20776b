"""Find what a built page would request from another host."""

from html.parser import HTMLParser
from pathlib import Path

_LOADED = {"img": "src", "link": "href", "script": "src", "iframe": "src", "source": "src"}
_FOREIGN = ("http:", "https:", "//")
_DIAGRAM = "mermaid"


def foreign(site: Path) -> list[str]:
    """Return "page: address" for each request of a page to another host."""
    return [
        f"{page.relative_to(site)}: {address}"
        for page in sorted(site.rglob("*.html"))
        for address in requested(page.read_text(encoding="utf-8"))
    ]


def requested(page: str) -> list[str]:
    """Return the addresses on other hosts that a browser requests to show a page."""
    found = _Requests()
    found.feed(page)
    if found.has_diagram and not found.has_script:
        found.addresses.append("https://unpkg.com/mermaid (by the theme: the page lacks our copy)")
    return found.addresses


class _Requests(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.has_diagram = False
        self.has_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        address = given.get(_LOADED.get(tag, ""), "")
        if address.startswith(_FOREIGN) and given.get("rel") != "canonical":
            self.addresses.append(address)
        self.has_script |= tag == "script" and _DIAGRAM in address
        self.has_diagram |= given.get("class") == _DIAGRAM
