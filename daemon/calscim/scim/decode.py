"""The body of a request as the resource that is stored: names of the schema, nothing unknown, nothing read-only.

The daemon tolerates what identity providers get wrong if nothing is lost by it. docs/reference/scim.md names every
tolerance.
"""

from collections.abc import Collection
from typing import Any

from calscim.errors import ScimError
from calscim.names import folded, is_address
from calscim.scim.coerce import (
    MAX_VALUES,
    is_blank,
    is_json_text,
    known_attributes,
    refuse_json_text,
    stripped_text,
    too_many_values,
    without_duplicates,
)
from calscim.scim.emails import add_primary_email
from calscim.scim.schema import GROUP, GROUP_URN, USER, USER_URN

MAX_NAME = 1024  # characters
MAX_KEY = (
    2048  # bytes of a value that has an index: an entry of a Postgres index has less than 2,704
)
_FLAT_NAMES = {
    "email": "emails",
    "username": "userName",
    "givenname": "givenName",
    "familyname": "familyName",
}


def user(body: dict[str, Any], *, active: bool | None = True) -> dict[str, Any]:
    """Return the user that a POST or PUT describes. Raise ScimError(400) for an invalid user.

    ``active``: the value of ``active`` if the body has none, null or "" (RFC 7643 section 2.5 does not tell these
    apart). With None, ``active`` stays unassigned and the caller keeps the stored value.
    """
    return check_addresses(unchecked_user(body, active=active))


def unchecked_user(body: dict[str, Any], *, active: bool | None = None) -> dict[str, Any]:
    """Return the user as ``user`` does, without a check of the addresses: the caller calls ``check_addresses``."""
    resource = known_attributes(USER, body)
    _add_flat_attributes(body, resource)
    if active is not None:
        resource.setdefault("active", active)
    return _normalized(resource)


def changed_user(resource: dict[str, Any], stored: Collection[str] = ()) -> dict[str, Any]:
    """Return a user that a PATCH has changed, normalized and checked. ``stored``: see ``check_addresses``."""
    return check_addresses(_normalized(resource), stored)


def check_addresses(resource: dict[str, Any], stored: Collection[str] = ()) -> dict[str, Any]:
    """Return the user. Raise ScimError(400) for an invalid address that is not among the ``stored`` ones.

    An inactive user passes: nothing stops a deactivation.
    """
    for value in invalid_addresses(resource):
        if value not in stored:
            raise ScimError(
                400,
                f"emails.value {value[:200]!r} cannot be an e-mail address: "
                "send one such as ann@example.com",
                "invalidValue",
            )
    return resource


def invalid_addresses(resource: dict[str, Any]) -> list[str]:
    """Return the values that cannot be e-mail addresses. Those of an inactive user do not count."""
    if resource.get("active") is False:
        return []
    values = (email.get("value", "") for email in resource.get("emails", ()))
    return [value for value in values if value and (is_json_text(value) or not is_address(value))]


def group(body: dict[str, Any]) -> tuple[dict[str, Any], list[str] | None]:
    """Return a group without its members, and the members' raw ids, or None if the body has no members."""
    resource = known_attributes(GROUP, body, skip=("members",))
    members = next((value for key, value in body.items() if key.lower() == "members"), None)
    return changed_group(resource), None if members is None else member_ids(members)


def changed_group(resource: dict[str, Any]) -> dict[str, Any]:
    """Return a group, checked and with its schemas."""
    _check_name(resource, "displayName")
    _set_schemas(GROUP_URN, resource)
    return resource


def member_ids(value: Any) -> list[str]:
    """Return the raw ids of members that are given as objects, texts or references, each once and in order."""
    found: dict[str, None] = {}
    if is_blank(value):
        return []
    for entry in value if isinstance(value, list) else [value]:
        if entry is None:
            continue
        raw_id = entry
        if isinstance(entry, dict):
            low = {key.lower(): part for key, part in entry.items()}
            raw_id = low.get("value") or str(low.get("$ref", "")).rstrip("/").rpartition("/")[2]
        if not isinstance(raw_id, str) or is_blank(raw_id):
            raise ScimError(
                400, 'a member has no "value": send the id of a user or a group', "invalidValue"
            )
        refuse_json_text("members", raw_id)
        found[stripped_text("members.value", raw_id)] = None
    return list(found)


def _normalized(resource: dict[str, Any]) -> dict[str, Any]:
    """Return a user with checked names and its schemas, each value once and at most one primary value."""
    _check_name(resource, "userName")
    _set_schemas(USER_URN, resource)
    for name in [key for key, value in resource.items() if isinstance(value, list)]:
        if name == "schemas":
            continue
        values = without_duplicates(value for value in resource[name] if _has_content(value))
        if len(values) > MAX_VALUES:
            raise too_many_values(name)
        if values:
            _keep_one_primary(values)
            resource[name] = values
        else:
            del resource[name]
    for email in resource.get("emails", ()):
        _check_key("emails.value", email.get("value", ""))
    return resource


def _has_content(value: Any) -> bool:
    """Return True if a value says more than its own kind."""
    return not isinstance(value, dict) or bool(value.keys() - {"primary", "type"})


def _keep_one_primary(values: list[Any]) -> None:
    """Keep at most one value primary: the last that says so."""
    primary = [value for value in values if isinstance(value, dict) and value.get("primary")]
    for value in primary[:-1]:
        value["primary"] = False


def _check_name(resource: dict[str, Any], attribute: str) -> None:
    """Raise ScimError(400) if the required name is missing, or if it or the externalId is too long."""
    name = resource.get(attribute)
    if not isinstance(name, str):
        raise ScimError(
            400, f"{attribute} is required: send a text that is not empty", "invalidValue"
        )
    if len(name) > MAX_NAME:
        raise ScimError(
            400, f"{attribute} has more than {MAX_NAME} characters: shorten it", "invalidValue"
        )
    _check_key(attribute, name)
    _check_key("externalId", resource.get("externalId", ""))


def _check_key(path: str, value: str) -> None:
    if len(value) * 4 > MAX_KEY and len(folded(value).encode()) > MAX_KEY:
        raise ScimError(400, f"{path} has more than {MAX_KEY} bytes: shorten it", "invalidValue")


def _set_schemas(urn: str, resource: dict[str, Any]) -> None:
    """Set ``schemas`` from the extensions that the resource has. What the client sends does not count."""
    resource["schemas"] = [urn, *(key for key in resource if key.lower().startswith("urn:"))]


def _add_flat_attributes(body: dict[str, Any], resource: dict[str, Any]) -> None:
    """Add the attributes that Okta's integration for Cal.com sends at the top level, unless the schema's are there."""
    for key, value in body.items():
        name = _FLAT_NAMES.get(key.lower())
        if name is None or key in ("userName", "emails") or not isinstance(value, str):
            continue
        if is_blank(value):
            continue
        text = stripped_text(key, value)
        if name == "emails":
            add_primary_email(resource, text)
        elif name == "userName":
            resource.setdefault("userName", text)
        else:
            resource.setdefault("name", {}).setdefault(name, text)
