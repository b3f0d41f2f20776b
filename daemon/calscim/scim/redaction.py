r"""Redaction: no password and no token of a request gets into the journal, a stored resource or the log.

The journal cannot be changed later, so the rules are strict, and they apply before a row is written:

- A path loses its query string, and ``*`` replaces each part that cannot be a resource id: both may contain a pasted
  token or an address, and the hash chain covers the path.
- The value of a password is replaced, however the request names the attribute: as a key in any case, with a prefix
  (``userPassword``), abbreviated (``passwd``, ``pwd``), with JSON escapes (``p\u0061ssword``), as the path of a PATCH
  operation with a URN, a filter or a sub-attribute, or within JSON in quotes.
- Of a body that is not a JSON object, or that names a password and is very large, only the length and the digest are
  kept, because the place of the secret is unknown.

An attribute about a password, such as ``passwordLastChanged``, is kept.
"""

import re
from hashlib import sha256
from typing import Any

import orjson

REDACTED = "***"

# The end of the name of a password, in lower case and without anything but letters and digits.
_PASSWORD = re.compile(
    r"(?:password|passwd|passwort|passphrase|passcode|pwd)s?(?:\d*|hash|value|salt|confirm|confirmation|plain)$"
)
# A quick check for such a name in a text, perhaps with separators between its parts.
_MENTION = re.compile(rb"pass[^a-z0-9]{0,3}(?:word|wd|wort|phrase|code)|pwd")
# No encoder escapes ASCII letters. A text with such escapes is checked after they are decoded.
_ESCAPED_LETTER = re.compile(rb"\\u00(?:[46][1-9a-fA-F]|[57][0-9aA])")
# A body that names a password is rewritten, which takes about 30 ms for this size and delays other requests. Of a
# longer one only the digest is kept. No resource is that large, and a long list of members names no password.
MAX_REWRITTEN = 128 * 1024  # bytes
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


def redact_path(raw: str) -> str:
    """Return the path of a request for the journal: no query string, and ``*`` for each part that is not an id."""
    operation = _OPERATION.search(raw)
    path = _QUERY.split(raw, maxsplit=1)[0].partition("#")[0]
    root, found, rest = path.partition("/scim/v2/")
    if found:
        directory, *parts = rest.split("/")
        path = "/".join((f"{root}{found}{directory}", *map(_redact_part, parts)))
    return path + (operation[0] if operation else "")


def _redact_part(part: str) -> str:
    return part if not part or part.lower() in _WORDS or _ID.fullmatch(part) else "*"


def redact_id(resource_id: str) -> str:
    """Return a resource id for the journal, or "" for a text that cannot be an id."""
    return resource_id if _ID.fullmatch(resource_id) else ""


def redact_body(body: bytes, *, is_object: bool = False) -> bytes:
    """Return a body for the journal: the same bytes, unless it names a password or is not a JSON object.

    ``is_object``: the body was parsed before and is an object.
    """
    if not body:
        return body
    mentions = _mentions_password(body)
    if is_object and not mentions:
        return body
    if mentions and len(body) > MAX_REWRITTEN:
        return body_digest(body)
    try:
        value = orjson.loads(body)
        if not isinstance(value, dict):
            return body_digest(body)
        if not mentions:
            return body
        redact(value)
        # Serialized even if nothing was redacted: of a repeated key, the parser saw the last value only.
        return orjson.dumps(value)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, RecursionError):
        return body_digest(body)


def body_digest(body: bytes) -> bytes:
    """Return what the journal keeps of a body that cannot be parsed."""
    return orjson.dumps({"unparsable": {"bytes": len(body), "sha256": sha256(body).hexdigest()}})


def redact(value: Any) -> None:
    """Replace every password in place."""
    if isinstance(value, dict):
        if names_password(value):
            _redact_operation(value)
            return
        for key, part in value.items():
            if is_password(key):
                value[key] = REDACTED
            elif isinstance(part, str):
                value[key] = _redact_text(part)
            else:
                redact(part)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            if isinstance(part, str):
                value[index] = _redact_text(part)
            else:
                redact(part)


def is_password(name: str) -> bool:
    """Return True if a name or path is that of a password, with any URN, filter or parent attribute."""
    low = name.lower()
    return ("pas" in low or "pwd" in low or not low.isalnum()) and _ends_like_password(name)


def _ends_like_password(name: str) -> bool:
    path = _FILTER.sub("", name).rpartition(":")[2]
    return any(
        _PASSWORD.search(_NO_LETTER.sub("", segment.lower())) is not None
        for segment in path.split(".")
    )


def selects_by_password(path: str) -> bool:
    """Return True if a filter within a path compares a password."""
    return any(map(_compares_password, _FILTER.findall(path)))


def names_password(value: dict[str, Any]) -> bool:
    """Return True if an object declares that its value is a password, as ``{"type": "password"}`` does."""
    return any(_declares_password(key, part) for key, part in value.items())


def redact_message(text: str) -> str:
    """Return an error message for the log: no query string, and no quotation if it mentions a password."""
    text = _PASTED.sub(f"?{REDACTED}", text) if "?" in text else text
    if not _text_mentions_password(text):
        return text
    return _QUOTED.sub(f'"{REDACTED}"', re.sub(r"'(?:[^'\\]|\\.)*'?", f"'{REDACTED}'", text))


def _mentions_password(body: bytes) -> bool:
    if _has_password_name(body):
        return True
    if b"\\u00" not in body or _ESCAPED_LETTER.search(body) is None:
        return False
    return len(body) > MAX_REWRITTEN or _has_password_name(
        _JSON_ESCAPE.sub(lambda match: bytes((int(match[1], 16),)), body)
    )


def _has_password_name(body: bytes) -> bool:
    low = body.lower()
    return (b"pass" in low or b"pwd" in low) and _MENTION.search(low) is not None


def _text_mentions_password(text: str) -> bool:
    """Return True if a string mentions a password."""
    low = text.lower()
    if "pass" not in low and "pwd" not in low and "\\u00" not in low:
        return False
    return _mentions_password(text.encode(errors="replace"))


def _declares_password(key: str, part: Any) -> bool:
    """Return True if ``part`` declares that the value of its object is a password, as the path of an operation does."""
    if key.lower() not in _NAMING or not isinstance(part, str):
        return False
    return is_password(part) or (key.lower() == "path" and selects_by_password(part))


def _compares_password(text: str) -> bool:
    """Return True for a filter that compares a password."""
    return _COMPARISON.search(text) is not None


def _redact_operation(value: dict[str, Any]) -> None:
    """Replace every part of an object except the operation and the name of the attribute."""
    for key, part in value.items():
        if key.lower() in _NAMING and isinstance(part, str):
            value[key] = _FILTER.sub(f"[{REDACTED}]", part)
        elif key.lower() != "op":
            value[key] = REDACTED


def _redact_text(text: str) -> str:
    """Return a text unchanged, unless it is JSON in quotes or a filter and contains a password."""
    if not _text_mentions_password(text):
        return text
    if text.lstrip().startswith(("{", "[")) or _compares_password(text):
        return REDACTED
    return text
