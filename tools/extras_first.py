"""Put requirements with extras first in lock files (`make lock`).

pip checks a requirement without extras, such as ``pydantic>=2``, against the lock while it resolves. It only finds
``pydantic[email]==2.14.3`` there if that line was read before, so that these lines have to come first.
"""

import re
import sys
from pathlib import Path

_ENTRY = re.compile(r"^(?=[A-Za-z0-9])", re.MULTILINE)
_WITH_EXTRAS = re.compile(r"^[A-Za-z0-9._-]+\[")


def ordered(text: str) -> str:
    """Return a lock file with the entries that have extras before the others, each group in its order."""
    header, *entries = _ENTRY.split(text)
    return header + "".join(sorted(entries, key=lambda entry: not _WITH_EXTRAS.match(entry)))


def main() -> None:
    """Reorder the files that are named on the command line."""
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(ordered(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
