"""Where scim2-parse-filter 0.2.10 does not read filters by the grammar of RFC 7644 section 3.4.2.2 (figure 1)."""

import re
from dataclasses import dataclass

_STRINGS = re.compile(r'"(?:[^"\\]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"')
_BACKSLASH = r"\\"


@dataclass(frozen=True, slots=True)
class Fault:
    """Filters that the package answers wrongly. ``accepts``: what it does with them; ``pattern``: what they contain."""

    reason: str
    accepts: bool
    pattern: re.Pattern[str]
    example: str


def _fault(reason: str, pattern: str, example: str, *, accepts: bool) -> Fault:
    return Fault(reason, accepts, re.compile(pattern, re.IGNORECASE), example)


FAULTS = [
    _fault(
        "an attribute name starts with a letter",
        r"(?<![\w:$.+-])[\d_][\w.:-]*\s*(?:[a-z]{2}\b|\[)|[.:][\d_-]",
        "1userName pr",
        accepts=True,
    ),
    _fault(
        "a path has at most one sub-attribute",
        r"\.[\w-]*\.|\.(?:[\s:\[)]|$)|\.[\w-]+\s*\[|\.[\w-]*:",
        "emails.value.type pr",
        accepts=True,
    ),
    _fault(
        "what stands before a colon is a URN",
        r"(?<![\w:$.-])(?!urn:[a-z])[\w.$-]+:|::|:[\s\[.-]",
        'user:userName eq "a"',
        accepts=True,
    ),
    _fault(
        "the filter after not is in parentheses",
        r"\bnot\s+(?!\()",
        "not userName pr",
        accepts=True,
    ),
    _fault(
        "not combines no two filters",
        r"(?:null|true|false|pr|[\d\"\])])\s*not\b",
        "userName pr not (title pr)",
        accepts=True,
    ),
    _fault(
        "not begins a filter and is no attribute",
        r"\bnot\.",
        "not.value pr",
        accepts=True,
    ),
    _fault(
        "a string is one of JSON, so a backslash begins an escape",
        r'\\(?!(?-i:["\\/bfnrt]|u[0-9A-Fa-f]{4}))',
        r'userName eq "acme\ann"',
        accepts=True,
    ),
    _fault(
        "a string may end with an escaped backslash",
        r"\\\\",
        r'userName eq "acme\\"',
        accepts=False,
    ),
    _fault(
        "$ref is a sub-attribute (RFC 7643 section 2.3.7)",
        r"\$",
        "manager.$ref pr",
        accepts=False,
    ),
    _fault(
        "a number with a sign may stand before a space or a parenthesis",
        r"(?:-\d[\d.e+-]*|\de\+\d+)[\s)]",
        "(userName eq -2.5)",
        accepts=False,
    ),
    # The last four are valid for calscim only. The grammar knows true, and wants a space before "and".
    _fault(
        "Entra sends True, which calscim understands",
        r"\b(?:true|false|null)\b",
        "active eq True",
        accepts=False,
    ),
    _fault(
        "authentik sends one comparison without quotes, which calscim understands",
        r"^\s*[\w.:$-]+\s+eq\s+[^\s\"'()\[\]]+\s*$",
        "userName eq ann@acme.example",
        accepts=False,
    ),
    _fault(
        "calscim allows a space after brackets",
        r"\]\s+\.",
        'emails[type eq "work"] .value pr',
        accepts=False,
    ),
    _fault(
        "calscim needs no space after a number",
        r"\d(?:and|or)\b",
        "userName eq 1and title pr",
        accepts=False,
    ),
]


def is_explained(text: str, *, accepts: bool) -> bool:
    """Return True if a fault explains that the package accepts, or refuses, a filter that calscim does not."""
    shortened = _STRINGS.sub(lambda found: f'"{_BACKSLASH * (_BACKSLASH in found[0])}"', text)
    return any(fault.accepts == accepts and fault.pattern.search(shortened) for fault in FAULTS)
