"""The scopes of tokens: ``read`` permits GET, HEAD and searches, ``write`` permits every request."""

from calscim.errors import ScimError
from calscim.scim.auth import Caller

# RFC 6750, section 3.1
_INSUFFICIENT = {
    "WWW-Authenticate": 'Bearer realm="SCIM", error="insufficient_scope", scope="write"'
}


def require_scope(caller: Caller, method: str, *, is_search: bool) -> None:
    """Raise ScimError(403) if the token has the scope ``read`` and the request is a write."""
    if caller.scope == "write" or method == "GET" or is_search:
        return
    raise ScimError(
        403,
        "this token permits reads only: use one created with `calscim token create --scope write`",
        headers=_INSUFFICIENT,
    )
