"""Where in a SCIM user a value is found, as written in the configuration.

``title``, ``name.familyName``, ``emails[type eq "work"].value``, an extension's attribute after the name of
its schema and a colon. Of RFC 7644's paths no more than this: one attribute, at most one filter, at most one
sub-attribute.
"""

import re

from calscim.config.model import Source
from calscim.config.types import Kind, ValueRefusedError

CORE = "urn:ietf:params:scim:schemas:core:2.0:user"
_PATH = re.compile(
    r"^(?:(?P<schema>urn:[^\s\"\[\]]+):)?(?P<attribute>[A-Za-z$][\w$-]*)"
    r"(?:\[\s*(?P<where>[A-Za-z]\w*)\s+eq\s+\"(?P<equals>[^\"]+)\"\s*\])?"
    r"(?:\.(?P<sub>[A-Za-z$][\w$-]*))?$",
    re.IGNORECASE,
)
_EXAMPLES = '"title", "name.familyName" or "urn:...:enterprise:2.0:User:department"'
# Of these a user's resource has nothing to give.
_NEVER = {"id", "meta", "groups", "schemas", "password"}


def source(value: object) -> Source:
    """Raises ValueRefusedError for anything else than such a path."""
    if not isinstance(value, str) or not value.strip():
        raise ValueRefusedError(f"is no attribute: write {_EXAMPLES}")
    text = value.strip()
    found = _PATH.match(text)
    if found is None:
        raise ValueRefusedError(f"{text!r} is no path of one attribute: write {_EXAMPLES}")
    schema = found["schema"]
    if schema is not None and schema.lower() == CORE:
        schema = None
    if schema is None and found["attribute"].lower() in _NEVER:
        raise ValueRefusedError(f"{text!r} cannot be told to Cal.com: choose another attribute")
    return Source(text, schema, found["attribute"], found["where"], found["equals"], found["sub"])


SOURCE = Kind(source)
