"""What the scope of a token opens: ``read`` opens GET, HEAD and searches, ``write`` opens everything."""

from calscim.errors import ScimError
from calscim.scim.auth import Caller

# RFC 6750, section 3.1
_INSUFFICIENT = {
    "WWW-Authenticate": 'Bearer realm="SCIM", error="insufficient_scope", scope="write"'
}


def require_scope(caller: Caller, method: str, *, is_search: bool) -> None:
    """Raise ScimError(403) if the caller's token may only read and the request is no read."""
    if caller.scope == "write" or method == "GET" or is_search:
        return
    raise ScimError(
        403,
        "this token may only read: use one made with `calscim token create --scope write`",
        headers=_INSUFFICIENT,
    )
