"""How many values a JSON body has and how deep they are nested, found in its bytes before it is parsed.

orjson parses a body in one call that holds the interpreter, so a body that takes long to parse must not reach it: no
thread would help. Counting and replacing bytes costs less than a tenth of the parsing.
"""

from calscim.errors import ScimError

# 50,000 members (groups.MOST_MEMBERS) written as {"value": …} are 100,000 values, and 160,000 with display, type and
# $ref in 4 MiB. Parsing 200,000 values takes up to 30 ms.
MOST_VALUES = 200_000
# No attribute of RFC 7643 is more than 5 deep; 40 leave room for unknown extensions, and for Python's recursion.
MOST_DEPTH = 40

_QUOTES_PER_VALUE = 4  # a name and a text
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def check(body: bytes) -> None:
    """ScimError 400 for a body with too many values or too deep a nesting; what is no JSON is left to the parser."""
    openings = body.count(b"{") + body.count(b"[")
    # Every value has a comma before it, a bracket, or is the only one in its brackets.
    is_large = len(body) > MOST_VALUES and openings + body.count(b",") > MOST_VALUES
    if not is_large and openings <= MOST_DEPTH:
        return
    marks = _outside_of_texts(body)
    if marks is None or _values(marks) > MOST_VALUES:
        raise ScimError(
            400,
            f"the body has more than {MOST_VALUES:,} values: send less at once, such as a part of the members",
            "invalidSyntax",
        )
    if _is_deeper(marks, MOST_DEPTH):
        raise ScimError(
            400,
            f"the JSON is nested more than {MOST_DEPTH} deep: send flatter values",
            "invalidSyntax",
        )


def _values(marks: bytes) -> int:
    return marks.count(b"{") + marks.count(b"[") + marks.count(b",")


def _outside_of_texts(body: bytes) -> bytes | None:
    """The body without its texts, whose marks mean nothing. None if there are too many texts to be looked at."""
    plain = body.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in body else body
    if plain.count(b'"') > _QUOTES_PER_VALUE * MOST_VALUES:
        return None
    return b"".join(plain.split(b'"')[::2])


def _is_deeper(marks: bytes, levels: int) -> bool:
    """Take the innermost brackets away, level by level. Brackets that do not match are left to the parser."""
    brackets = marks.translate(_BRACKETS, _NO_BRACKETS)
    for _ in range(levels):
        inner = brackets.replace(b"[]", b"")
        if inner == brackets:
            return False
        brackets = inner
    return b"[]" in brackets
