"""Limits on the number and nesting of the values of a JSON body, checked on its bytes before it is parsed.

orjson parses a body in one call that holds the interpreter, even in a thread, so it must not get a body that takes long
to parse. Counting and replacing bytes takes less than a tenth of the time of parsing.
"""

from calscim.errors import ScimError

# 50,000 members (groups.MAX_MEMBERS) written as {"value": …} are 100,000 values, and 160,000 with display, type and
# $ref in 4 MiB. Parsing 200,000 values takes up to 30 ms.
MAX_VALUES = 200_000
# No attribute of RFC 7643 is more than 5 deep. 40 leave room for unknown extensions, and suit Python's recursion limit.
MAX_DEPTH = 40

_QUOTES_PER_VALUE = 4  # of a name and a string
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def check(body: bytes) -> None:
    """Raise ScimError(400) for too many values or too deep nesting. The parser will refuse what is not JSON."""
    openings = body.count(b"{") + body.count(b"[")
    # Each value follows a comma, is an object or a list, or is the only one in its brackets.
    is_large = len(body) > MAX_VALUES and openings + body.count(b",") > MAX_VALUES
    if not is_large and openings <= MAX_DEPTH:
        return
    marks = _without_strings(body)
    if marks is None or _values(marks) > MAX_VALUES:
        raise ScimError(
            400,
            f"the body has more than {MAX_VALUES:,} values: send it in several requests, with fewer members each",
            "invalidSyntax",
        )
    if _is_deeper(marks, MAX_DEPTH):
        raise ScimError(
            400,
            f"the body is nested more than {MAX_DEPTH} deep: send flatter values",
            "invalidSyntax",
        )


def _values(marks: bytes) -> int:
    return marks.count(b"{") + marks.count(b"[") + marks.count(b",")


def _without_strings(body: bytes) -> bytes | None:
    """Return the body without its strings, or None if it has too many strings to examine."""
    plain = body.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in body else body
    if plain.count(b'"') > _QUOTES_PER_VALUE * MAX_VALUES:
        return None
    return b"".join(plain.split(b'"')[::2])


def _is_deeper(marks: bytes, levels: int) -> bool:
    """Return True if brackets are nested deeper. Each level removes the innermost brackets."""
    brackets = marks.translate(_BRACKETS, _NO_BRACKETS)
    for _ in range(levels):
        inner = brackets.replace(b"[]", b"")
        if inner == brackets:
            return False
        brackets = inner
    return b"[]" in brackets
