"""Write the pages of the documentation as the site generator needs them, into build/pages.

The pages in docs/ are written for GitHub. Three things differ on the site:

- Pages and files outside docs/ that a page links to are part of the site, and links follow.
- A link to a folder leads to the index page of the folder.
- Lists are indented as Python-Markdown asks for.
"""

import re
import shutil
from pathlib import Path, PurePosixPath

from tools.site.lists import indent

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# The pages outside docs/, and their names on the site. A README.md would be taken for the home page.
OUTSIDE = {
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "SECURITY.md": "SECURITY.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "README.md": "repository.md",
}
_LINK = re.compile(r"(!?\[[^\]]*\]\()([^)\s#]+)((?:#[^)\s]*)?\))")
_CODE = re.compile(r"(^ *```.*?^ *``` *$)", re.MULTILINE | re.DOTALL)


def write(target: Path) -> None:
    """Write every page and file of the site into a new folder."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(DOCS, target, ignore=shutil.ignore_patterns("*.md"))
    for page in [*DOCS.rglob("*.md"), *(ROOT / name for name in OUTSIDE)]:
        written = target / site_name(page)
        written.parent.mkdir(parents=True, exist_ok=True)
        markdown = page.read_text(encoding="utf-8")
        written.write_text(indent(_with_links_of_site(page, markdown)), encoding="utf-8")
        for file in _files_outside(page, markdown):
            copy = target / site_name(file)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)


def site_name(file: Path) -> str:
    """Return the path on the site of a file of the repository."""
    if file.is_relative_to(DOCS):
        return file.relative_to(DOCS).as_posix()
    name = file.relative_to(ROOT).as_posix()
    return OUTSIDE.get(name, f"files/{name}")


def _with_links_of_site(page: Path, markdown: str) -> str:
    start = PurePosixPath(site_name(page)).parent

    def rewritten(link: re.Match[str]) -> str:
        target = _target(page, link[2])
        if target is None:
            return link[0]
        return f"{link[1]}{'../' * len(start.parts)}{site_name(target)}{link[3]}"

    pieces = _CODE.split(markdown)
    return "".join(p if i % 2 else _LINK.sub(rewritten, p) for i, p in enumerate(pieces))


def _files_outside(page: Path, markdown: str) -> list[Path]:
    """Return the files outside docs/ that a page links to and that are no pages."""
    targets = [_target(page, link[1]) for link in _LINK.findall(_CODE.sub("", markdown))]
    return [file for file in targets if file and file.is_file() and file.suffix != ".md"]


def _target(page: Path, link: str) -> Path | None:
    """Return the file that a link leads to, or None for a link that stays as it is."""
    if re.match(r"[a-z]+:", link):
        return None
    target = (page.parent / link).resolve()
    if target.is_dir():
        indexes = [target / name for name in ("index.md", "README.md")]
        target = next((index for index in indexes if index.exists()), target)
    elif page.is_relative_to(DOCS) and target.is_relative_to(DOCS):
        return None
    return target


if __name__ == "__main__":
    write(ROOT / "build" / "pages")
