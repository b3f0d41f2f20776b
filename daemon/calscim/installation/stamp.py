"""Marks the files that an installation writes, so that a file that an operator has edited is recognized.

The first line of a stamped file has a digest of all other lines.
"""

import hashlib
import re

_DIGEST = re.compile(r"^# Written by `calscim install` \(digest ([0-9a-f]{16})\)")
_FIRST_LINE = "# Written by `calscim install` (digest {digest}), which updates this file unless it was edited.\n"


def stamped(content: str) -> str:
    """Return the content with a first line that marks it."""
    return _FIRST_LINE.format(digest=_digest(content)) + content


def is_unedited(text: str) -> bool:
    """Return True if the text is exactly what ``stamped`` returned, in this release or another one."""
    first, _, content = text.partition("\n")
    found = _DIGEST.match(first)
    return found is not None and found[1] == _digest(content)


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()[:16]
