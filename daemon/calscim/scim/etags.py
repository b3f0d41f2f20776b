"""If-Match and If-None-Match (RFC 7644 section 3.14, RFC 9110 section 13): weak tags compare by number."""

from collections.abc import Mapping

from calscim.errors import ScimError


def expected(headers: Mapping[str, str], version: int) -> bool:
    """Whether a write may go on; ScimError 412 when the resource has another version than expected.

    True: the client named a version, so a change in the meantime is its business and not to be retried.
    """
    match, none_match = headers.get("If-Match"), headers.get("If-None-Match")
    if (match is not None and not _holds(match, version)) or (
        none_match is not None and _holds(none_match, version)
    ):
        raise ScimError(
            412, f'the resource has version W/"{version}" now: read it again before changing it'
        )
    return match is not None


def unchanged(headers: Mapping[str, str], version: int) -> bool:
    """Whether a read may be answered with 304."""
    header = headers.get("If-None-Match")
    return header is not None and _holds(header, version)


def conditional(headers: Mapping[str, str]) -> bool:
    """Whether a write depends on the present version."""
    return "If-Match" in headers or "If-None-Match" in headers


def _holds(header: str, version: int) -> bool:
    return header.strip() == "*" or version in _versions(header)


def _versions(header: str) -> set[int]:
    found = set()
    for entry in header.split(","):
        text = entry.strip().removeprefix("W/").strip('"')
        if text.isdecimal() and len(text) < 19:
            found.add(int(text))
    return found
