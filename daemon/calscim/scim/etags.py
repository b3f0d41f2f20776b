"""The preconditions If-Match and If-None-Match (RFC 7644 section 3.14, RFC 9110 section 13), by version numbers."""

from collections.abc import Mapping

from calscim.errors import ScimError


def check_preconditions(headers: Mapping[str, str], version: int) -> bool:
    """Raise ScimError(412) if the resource has another version than the request expects.

    Return True if the request names a version: then a change by another request is an error, and is not retried.
    """
    match, none_match = headers.get("If-Match"), headers.get("If-None-Match")
    if (match is not None and not _is_met(match, version)) or (
        none_match is not None and _is_met(none_match, version)
    ):
        raise ScimError(
            412, f'the resource now has version W/"{version}": read it again before you change it'
        )
    return match is not None


def is_not_modified(headers: Mapping[str, str], version: int) -> bool:
    """Return True if the response to a read is 304."""
    header = headers.get("If-None-Match")
    return header is not None and _is_met(header, version)


def has_precondition(headers: Mapping[str, str]) -> bool:
    """Return True if a write depends on the present version."""
    return "If-Match" in headers or "If-None-Match" in headers


def _is_met(header: str, version: int) -> bool:
    return header.strip() == "*" or version in _versions(header)


def _versions(header: str) -> set[int]:
    found = set()
    for entry in header.split(","):
        text = entry.strip().removeprefix("W/").strip('"')
        if text.isdecimal() and len(text) < 19:
            found.add(int(text))
    return found
