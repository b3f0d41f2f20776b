r"""What of a request is kept: no secret in the journal, in the stored resource or in the log.

The journal cannot be changed later, so the rules are strict and decided before a row is written:

- A path is kept without its query string, and with ``*`` for what cannot be a resource id: both may hold a pasted token
  or an address, and the hash chain covers the path.
- The value of a password is replaced, however the request names the attribute: as a key in any case, with a prefix
  (``userPassword``), abbreviated (``passwd``, ``pwd``), with JSON escapes (``p\u0061ssword``), as the path of a PATCH
  operation with a URN, a filter or a sub-attribute, or within JSON in quotes.
- Of a body that is no JSON object, or that names a password and is very large, only its length and digest are kept:
  where a secret stands in it is not known.

An attribute that only tells about a password, such as ``passwordLastChanged``, is kept.
"""

import re
from hashlib import sha256
from typing import Any

import orjson

HIDDEN = "***"

# What the name of a password ends with once its letters are small and everything else is taken out.
_PASSWORD = re.compile(
    r"(?:password|passwd|passwort|passphrase|passcode|pwd)s?(?:\d*|hash|value|salt|confirm|confirmation|plain)$"
)
# A quick look whether a name like that may be in a text, with separators between its parts.
_MENTION = re.compile(rb"pass[^a-z0-9]{0,3}(?:word|wd|wort|phrase|code)|pwd")
# No encoder escapes ASCII letters; what does is looked through without the escapes.
_ESCAPED_LETTER = re.compile(rb"\\u00(?:[46][1-9a-fA-F]|[57][0-9aA])")
# A body that names a password is rewritten, which takes some 30 ms for this much and holds up other requests. Of a
# longer one only the digest is kept. No resource is that large; a long list of members names no password.
LARGEST_REWRITTEN = 128 * 1024  # bytes
_JSON_ESCAPE = re.compile(rb"\\+u00([2-7][0-9a-fA-F])")
_COMPARISON = re.compile(
    r"(?:pass[^a-z0-9]{0,3}(?:word|wd|wort|phrase|code)|pwd)\S*\s+(?:eq|ne|co|sw|ew|g[te]|l[te])\s",
    re.IGNORECASE,
)
_PASTED = re.compile(r"\?\S+?=[^\s'\"]*")  # a query string within a message
_NO_LETTER = re.compile(r"[^a-z0-9]")
_FILTER = re.compile(r"\[.*?(?:\]|$)", re.DOTALL)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"?')
_NAMING = frozenset({"path", "name", "attribute", "type", "key", "field"})
_ID = re.compile(r"[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")
_WORDS = frozenset({"users", "groups", "bulk", "me", ".search", "schemas", "resourcetypes"})
_QUERY = re.compile(r"\?|%3f", re.IGNORECASE)
_OPERATION = re.compile(r"#\d+$")  # which operation of a bulk request


def kept_path(raw: str) -> str:
    """Return a request's path for the journal: no query string, and ``*`` for what is no resource id."""
    operation = _OPERATION.search(raw)
    path = _QUERY.split(raw, maxsplit=1)[0].partition("#")[0]
    root, found, rest = path.partition("/scim/v2/")
    if found:
        directory, *parts = rest.split("/")
        path = "/".join((f"{root}{found}{directory}", *map(_kept_part, parts)))
    return path + (operation[0] if operation else "")


def _kept_part(part: str) -> str:
    return part if not part or part.lower() in _WORDS or _ID.fullmatch(part) else "*"


def kept_id(resource_id: str) -> str:
    """Return the resource id that a request named, or "" where that can be no id."""
    return resource_id if _ID.fullmatch(resource_id) else ""


def kept_body(body: bytes, *, is_object: bool = False) -> bytes:
    """Return a body for the journal; the same bytes unless it names a password or is no JSON object.

    ``is_object``: it is known to be one, and need not be parsed for that.
    """
    if not body:
        return body
    mentions = _mentions(body)
    if is_object and not mentions:
        return body
    if mentions and len(body) > LARGEST_REWRITTEN:
        return digest_of(body)
    try:
        value = orjson.loads(body)
        if not isinstance(value, dict):
            return digest_of(body)
        if not mentions:
            return body
        hide(value)
        # Serialized again even if nothing was hidden: of a repeated key the parser saw only the last value.
        return orjson.dumps(value)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, RecursionError):
        return digest_of(body)


def digest_of(body: bytes) -> bytes:
    """Return what is kept of a body that cannot be parsed."""
    return orjson.dumps({"unparsable": {"bytes": len(body), "sha256": sha256(body).hexdigest()}})


def hide(value: Any) -> None:
    """Replace every password in place."""
    if isinstance(value, dict):
        if names_password(value):
            _hide_operation(value)
            return
        for key, part in value.items():
            if is_password(key):
                value[key] = HIDDEN
            elif isinstance(part, str):
                value[key] = _kept_text(part)
            else:
                hide(part)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            if isinstance(part, str):
                value[number] = _kept_text(part)
            else:
                hide(part)


def is_password(name: str) -> bool:
    """Return True if an attribute name or path is a password's, with any URN, filter or parent attribute."""
    low = name.lower()
    return ("pas" in low or "pwd" in low or not low.isalnum()) and _ends(name)


def _ends(name: str) -> bool:
    path = _FILTER.sub("", name).rpartition(":")[2]
    return any(
        _PASSWORD.search(_NO_LETTER.sub("", segment.lower())) is not None
        for segment in path.split(".")
    )


def selects_by_password(path: str) -> bool:
    """Return True if a filter within a path compares a password."""
    return any(map(_compares_password, _FILTER.findall(path)))


def names_password(value: dict[str, Any]) -> bool:
    """Return True if an object says of itself that its value is a password, as ``{"type": "password"}`` does."""
    return any(_names_password(key, part) for key, part in value.items())


def hide_in_message(text: str) -> str:
    """Return an error message for the log: no query string, and no quotation where it mentions a password."""
    text = _PASTED.sub(f"?{HIDDEN}", text) if "?" in text else text
    if not _mentioned_in(text):
        return text
    return _QUOTED.sub(f'"{HIDDEN}"', re.sub(r"'(?:[^'\\]|\\.)*'?", f"'{HIDDEN}'", text))


def _mentions(body: bytes) -> bool:
    if _says(body):
        return True
    if b"\\u00" not in body or _ESCAPED_LETTER.search(body) is None:
        return False
    return len(body) > LARGEST_REWRITTEN or _says(
        _JSON_ESCAPE.sub(lambda match: bytes((int(match[1], 16),)), body)
    )


def _says(body: bytes) -> bool:
    low = body.lower()
    return (b"pass" in low or b"pwd" in low) and _MENTION.search(low) is not None


def _mentioned_in(text: str) -> bool:
    """The same for one string; most have none of the letters."""
    low = text.lower()
    if "pass" not in low and "pwd" not in low and "\\u00" not in low:
        return False
    return _mentions(text.encode(errors="replace"))


def _names_password(key: str, part: Any) -> bool:
    """Return True if ``part`` says that the object's value is a password, as the path of an operation does."""
    if key.lower() not in _NAMING or not isinstance(part, str):
        return False
    return is_password(part) or (key.lower() == "path" and selects_by_password(part))


def _compares_password(text: str) -> bool:
    """Return True for a filter that compares a password."""
    return _COMPARISON.search(text) is not None


def _hide_operation(value: dict[str, Any]) -> None:
    """Hide everything of an object but which operation it is on which attribute."""
    for key, part in value.items():
        if key.lower() in _NAMING and isinstance(part, str):
            value[key] = _FILTER.sub(f"[{HIDDEN}]", part)
        elif key.lower() != "op":
            value[key] = HIDDEN


def _kept_text(text: str) -> str:
    """Return a text as it is, unless it is JSON in quotes or a filter that holds a password."""
    if not _mentioned_in(text):
        return text
    if text.lstrip().startswith(("{", "[")) or _compares_password(text):
        return HIDDEN
    return text
