"""The preconditions If-Match and If-None-Match (RFC 7644 section 3.14, RFC 9110 section 13), by version numbers."""

from multidict import MultiMapping

from calscim.errors import ScimError


def check_preconditions(headers: MultiMapping[str], version: int) -> bool:
    """Raise ScimError(412) if the resource has another version than the request expects.

    Return True if the request names a version: then a change by another request is an error, and is not retried.
    """
    none_match = _field(headers, "If-None-Match")
    if none_match is not None and _is_met(none_match, version):
        raise _failed(version)
    return _check_match(headers, version)


def is_not_modified(headers: MultiMapping[str], version: int) -> bool:
    """Return True if the response to a read is 304. Raise ScimError(412) if the read expects another version."""
    _check_match(headers, version)
    none_match = _field(headers, "If-None-Match")
    return none_match is not None and _is_met(none_match, version)


def has_precondition(headers: MultiMapping[str]) -> bool:
    """Return True if a write depends on the present version."""
    return "If-Match" in headers or "If-None-Match" in headers


def _check_match(headers: MultiMapping[str], version: int) -> bool:
    match = _field(headers, "If-Match")
    if match is not None and not _is_met(match, version):
        raise _failed(version)
    return match is not None


def _failed(version: int) -> ScimError:
    return ScimError(
        412, f'the resource now has version W/"{version}": read it again before you change it'
    )


def _field(headers: MultiMapping[str], name: str) -> str | None:
    """Return the value of a header; several lines are one list (RFC 9110 section 5.3)."""
    return ",".join(headers.getall(name)) if name in headers else None


def _is_met(header: str, version: int) -> bool:
    return header.strip() == "*" or version in _versions(header)


def _versions(header: str) -> set[int]:
    found = set()
    for entry in header.split(","):
        text = entry.strip().removeprefix("W/").strip('"')
        if text.isdecimal() and len(text) < 19:
            found.add(int(text))
    return found
