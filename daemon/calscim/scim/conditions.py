"""If-Match and If-None-Match (RFC 7644 section 3.14, RFC 9110 section 13): weak tags compare by number."""

from calscim.errors import ScimError


def expected(header: str | None, version: int) -> bool:
    """Whether a write may go on; ScimError 412 when the resource has another version than expected.

    True: the client named a version, so a change in the meantime is its business and not to be retried.
    """
    if header is None:
        return False
    if header.strip() != "*" and version not in _versions(header):
        raise ScimError(
            412, f'the resource has version W/"{version}" now: read it again before changing it'
        )
    return True


def unchanged(header: str | None, version: int) -> bool:
    """Whether a read may be answered with 304."""
    return header is not None and (header.strip() == "*" or version in _versions(header))


def _versions(header: str) -> set[int]:
    found = set()
    for entry in header.split(","):
        text = entry.strip().removeprefix("W/").strip('"')
        if text.isdecimal() and len(text) < 19:
            found.add(int(text))
    return found
