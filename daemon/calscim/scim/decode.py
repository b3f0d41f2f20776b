"""What a provider sends, as the resource that is stored: the schema's names, nothing unknown, nothing read-only.

Tolerant where providers are sloppy and nothing is lost by it; every tolerance is named in docs/reference/scim.md.
"""

from collections.abc import Collection, Iterable
from typing import Any

import orjson

from calscim.errors import ScimError
from calscim.names import address_key, folded, is_address
from calscim.scim.redaction import is_password, names_password
from calscim.scim.schema import GROUP, GROUP_URN, USER, USER_URN, Attribute, Type
from calscim.scim.sizes import check_extension

LONGEST = 8192  # characters of any one text
LONGEST_NAME = 1024
LONGEST_KEY = (
    2048  # bytes of what is looked up by: an entry of a Postgres index has less than 2,704
)
MOST_VALUES = 500  # of one multi-valued attribute
_PRIVATE = ("home", "other")  # types of addresses that are not the company's
_FLAT = {
    "email": "emails",
    "username": "userName",
    "givenname": "givenName",
    "familyname": "familyName",
}


def user(body: dict[str, Any], *, active: bool | None = True) -> dict[str, Any]:
    """A user to be stored, of a POST or PUT. ScimError 400 names what is wrong.

    ``active``: what an unassigned ``active`` means, which null, "" and a left-out attribute are alike (RFC 7643
    section 2.5); None: it stays unassigned, and the caller keeps what the user has.
    """
    return sound(replacement(body, active=active))


def replacement(body: dict[str, Any], *, active: bool | None = None) -> dict[str, Any]:
    """As ``user``, with addresses that are not looked at: the caller asks ``sound``."""
    resource = canonical(USER, body)
    _flat(body, resource)
    if active is not None:
        resource.setdefault("active", active)
    return _in_order(resource)


def finished(resource: dict[str, Any], known: Collection[str] = ()) -> dict[str, Any]:
    """What holds of every stored user, however it came about. ``known``: see ``sound``."""
    return sound(_in_order(resource), known)


def sound(resource: dict[str, Any], known: Collection[str] = ()) -> dict[str, Any]:
    """Return the user. ``known``: addresses that were stored before.

    ScimError 400 for a new address that can be none, unless the user is inactive: nothing stops a deactivation.
    """
    for value in doubtful(resource):
        if value not in known:
            _refuse_address(value)
    return resource


def doubtful(resource: dict[str, Any]) -> list[str]:
    """Return the addresses that can be none; none of an inactive user."""
    if resource.get("active") is False:
        return []
    values = (one.get("value", "") for one in resource.get("emails", ()))
    return [one for one in values if one and (_is_json(one) or not is_address(one))]


def _in_order(resource: dict[str, Any]) -> dict[str, Any]:
    _named(resource, "userName")
    _schemas(USER_URN, resource)
    for name in [key for key, value in resource.items() if isinstance(value, list)]:
        if name == "schemas":
            continue
        values = _distinct(resource[name])
        if len(values) > MOST_VALUES:
            raise ScimError(400, f"{name} has more than {MOST_VALUES} values", "invalidValue")
        if values:
            _one_primary(values)
            resource[name] = values
        else:
            del resource[name]
    for one in resource.get("emails", ()):
        _findable("emails.value", one.get("value", ""))
    return resource


def addresses(resource: dict[str, Any]) -> frozenset[str]:
    """Every address as it is stored."""
    return frozenset(one.get("value", "") for one in resource.get("emails", ()))


def _refuse_address(value: str) -> None:
    raise ScimError(
        400,
        f"emails.value {value[:200]!r} cannot be an e-mail address: send one such as ann@example.com",
        "invalidValue",
    )


def group(body: dict[str, Any]) -> tuple[dict[str, Any], list[str] | None]:
    """A group without its members, and the members' ids; None where they were left out."""
    resource = canonical(GROUP, body, skip=("members",))
    given = next((value for key, value in body.items() if key.lower() == "members"), None)
    return finished_group(resource), None if given is None else member_ids(given)


def finished_group(resource: dict[str, Any]) -> dict[str, Any]:
    _named(resource, "displayName")
    _schemas(GROUP_URN, resource)
    return resource


def _named(resource: dict[str, Any], attribute: str) -> None:
    """The attribute without which there is no resource."""
    name = resource.get(attribute)
    if not isinstance(name, str):
        raise ScimError(400, f"{attribute} is required and must not be empty", "invalidValue")
    if len(name) > LONGEST_NAME:
        raise ScimError(400, f"{attribute} has more than {LONGEST_NAME} characters", "invalidValue")
    _findable(attribute, name)
    _findable("externalId", resource.get("externalId", ""))


def _findable(path: str, value: str) -> None:
    if len(value) * 4 > LONGEST_KEY and len(folded(value).encode()) > LONGEST_KEY:
        raise ScimError(400, f"{path} has more than {LONGEST_KEY} bytes", "invalidValue")


def _schemas(urn: str, resource: dict[str, Any]) -> None:
    """What a client says of them does not count: they follow from what is there."""
    resource["schemas"] = [urn, *(key for key in resource if key.lower().startswith("urn:"))]


def _distinct(values: list[Any]) -> list[Any]:
    """Each value once, those left out of which nothing is said but their kind."""
    return each_once(
        one for one in values if not isinstance(one, dict) or one.keys() - {"primary", "type"}
    )


def each_once(values: Iterable[Any]) -> list[Any]:
    """The first of those that are equal, in order. 500 values are not compared with 500 others."""
    found: dict[Any, Any] = {}
    for one in values:
        found.setdefault(equality(one), one)
    return list(found.values())


def equality(value: Any) -> Any:
    """Return something hashable that is equal for equal JSON values."""
    if isinstance(value, dict):
        return frozenset((name, equality(part)) for name, part in value.items())
    if isinstance(value, list):
        return tuple(map(equality, value))
    return value


def member_ids(value: Any) -> list[str]:
    """Ids of members given as objects, texts or references; each once, in order."""
    found: dict[str, None] = {}
    if _is_blank(value):
        return []
    for entry in value if isinstance(value, list) else [value]:
        if entry is None:
            continue
        number = entry
        if isinstance(entry, dict):
            low = {key.lower(): part for key, part in entry.items()}
            number = low.get("value") or str(low.get("$ref", "")).rstrip("/").rpartition("/")[2]
        if not isinstance(number, str) or _is_blank(number):
            raise ScimError(400, "a member needs a value: the id of a user", "invalidValue")
        _refuse_json("members", number)
        found[_text("members.value", number)] = None
    return list(found)


def email_of(resource: dict[str, Any]) -> str:
    """The address of the account in Cal.com; "" when the user has none. docs/reference/scim.md has the table.

    The primary address, else the first for work, else the first that is not private, else a userName that is an
    address, else the first private one. A text that can be no address counts as none.
    """
    emails = [one for one in resource.get("emails", ()) if is_address(one.get("value", ""))]
    chosen = _main_email(emails)
    if chosen is not None:
        return str(chosen["value"])
    name: str = resource["userName"]
    if is_address(name):
        return name
    return str(emails[0]["value"]) if emails else ""


def _main_email(emails: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the address that ``email`` stands for: never a private one that is not primary."""
    for choice in (
        [one for one in emails if one.get("primary")],
        [one for one in emails if folded(str(one.get("type", ""))) == "work"],
        [one for one in emails if not _is_private(one)],
    ):
        if choice:
            return choice[0]
    return None


def _is_private(one: dict[str, Any]) -> bool:
    return not one.get("primary") and folded(str(one.get("type", ""))) in _PRIVATE


def emails_of(resource: dict[str, Any]) -> tuple[str, ...]:
    """Every address, as it is compared."""
    values = (one.get("value") for one in resource.get("emails", ()))
    return tuple(dict.fromkeys(address_key(value) for value in values if value))


def canonical(kind: Type, body: dict[str, Any], skip: tuple[str, ...] = ()) -> dict[str, Any]:
    """Known, writable attributes that have a value. Unknown extensions are kept as they are."""
    resource: dict[str, Any] = {}
    for key, value in body.items():
        attribute = kind.top(key)
        if attribute is None:
            low = key.lower()
            if low.startswith("urn:") and isinstance(value, dict) and value:
                if low == kind.urn.lower():
                    resource = canonical(kind, value, skip) | resource
                else:
                    resource[key] = kept_extension(key, value)
            continue
        if attribute.read_only or attribute.write_only or attribute.name in skip:
            continue
        made = coerced(attribute, attribute.name, value)
        if made is not None:
            resource[attribute.name] = made
    return resource


def coerced(attribute: Attribute, path: str, value: Any) -> Any:
    """A value in the attribute's form; None for one that clears it. ScimError 400 for a wrong type."""
    if _is_blank(value) or value == []:
        return None
    if attribute.multi:
        entries = value if isinstance(value, list) else [value]
        if len(entries) > MOST_VALUES:
            raise ScimError(400, f"{path} has more than {MOST_VALUES} values", "invalidValue")
        made = (None if _is_blank(entry) else _single(attribute, path, entry) for entry in entries)
        return each_once(single for single in made if single is not None) or None
    if isinstance(value, list):
        if len(value) > 1:
            raise ScimError(400, f"{path} takes one value, not a list", "invalidValue")
        return coerced(attribute, path, value[0] if value else None)
    return _single(attribute, path, value)


def parts(attribute: Attribute, path: str, value: Any) -> dict[str, Any]:
    """A complex value's known, writable sub-attributes; None for one that is cleared."""
    if isinstance(value, str) and "value" in attribute.subs:
        _refuse_json(path, value)
        value = {"value": value}  # a bare text where an object belongs: Entra's manager
    if not isinstance(value, dict):
        raise ScimError(400, f"{path} takes an object", "invalidValue")
    made = {}
    for key, part in value.items():
        sub = attribute.subs.get(key.lower())
        if sub is not None and not sub.read_only:
            made[sub.name] = coerced(sub, f"{path}.{sub.name}", part)
    return made


def _single(attribute: Attribute, path: str, value: Any) -> Any:
    if attribute.subs or attribute.kind == "complex":
        given = parts(attribute, path, value)
        return {name: part for name, part in given.items() if part is not None} or None
    if attribute.kind == "boolean":
        return _boolean(path, value)
    if attribute.kind in ("integer", "decimal"):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ScimError(400, f"{path} takes a number", "invalidValue")
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ScimError(400, f"{path} takes a text", "invalidValue")
    return _text(path, str(value)) or None


def _boolean(path: str, value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    low = value.strip().lower() if isinstance(value, str) else ""
    if low in ("true", "false"):
        return low == "true"
    raise ScimError(400, f"{path} takes true or false", "invalidValue")


def _text(path: str, value: str) -> str:
    """A text without white space around it."""
    return _storable(path, value.strip())


def _storable(path: str, value: str) -> str:
    if "\x00" in value:
        raise ScimError(400, f"{path} holds a NUL character", "invalidValue")
    if len(value) > LONGEST:
        raise ScimError(400, f"{path} has more than {LONGEST} characters", "invalidValue")
    return value


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _is_json(text: str) -> bool:
    """Return True for an object or a list that was made a text of."""
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        return isinstance(orjson.loads(text), dict | list)
    except orjson.JSONDecodeError:
        return False


def _refuse_json(path: str, value: str) -> None:
    """ScimError 400 for JSON in quotes where an object belongs: stored as a text, it would mean nothing."""
    if _is_json(value):
        raise ScimError(
            400,
            f"{path} has JSON as a text: send the object itself, without quotes",
            "invalidValue",
        )


def kept_extension(name: str, value: dict[str, Any]) -> dict[str, Any]:
    """A copy of an extension that is stored without being understood. ScimError 400 if it is too large."""
    check_extension(name, value)
    copy: dict[str, Any] = kept(name, value)
    return copy


def kept(path: str, value: Any) -> Any:
    """A copy of what is stored without being understood: no NUL anywhere, and no password (calscim.scim.redaction)."""
    name = _storable(path[:100], path)
    if isinstance(value, str):
        return _storable(name[:100], value)
    if isinstance(value, dict):
        return {
            key: kept(f"{name}.{key}", part)
            for key, part in value.items()
            if not is_password(key) and not (key.lower() == "value" and names_password(value))
        }
    if isinstance(value, list):
        return [kept(name, part) for part in value]
    return value


def _flat(body: dict[str, Any], resource: dict[str, Any]) -> None:
    """Attributes that Okta's set-up for Cal.com names at the top level."""
    for key, value in body.items():
        name = _FLAT.get(key.lower())
        if name is None or key in ("userName", "emails") or not isinstance(value, str):
            continue
        if _is_blank(value):
            continue
        set_flat(resource, name, _text(key, value))


def set_flat(resource: dict[str, Any], name: str, value: str) -> None:
    """email, givenName and familyName where the schema has them; userName only when there is none."""
    if name == "emails":
        emails = resource.setdefault("emails", [])
        if not any(address_key(one.get("value", "")) == address_key(value) for one in emails):
            for one in emails:
                one.pop("primary", None)
            emails.append({"value": value, "type": "work", "primary": True})
    elif name == "userName":
        resource.setdefault("userName", value)
    else:
        resource.setdefault("name", {}).setdefault(name, value)


def set_email(resource: dict[str, Any], value: str | None) -> None:
    """A PATCH of ``email``: the address that it stands for becomes this one. Without one, only private ones stay."""
    emails: list[dict[str, Any]] = resource.get("emails", [])
    chosen = _main_email([one for one in emails if one.get("value")])
    same = [
        one for one in emails if value and address_key(one.get("value", "")) == address_key(value)
    ]
    if not value:
        emails = [one for one in emails if _is_private(one)]
    elif same:
        same[0]["value"] = value
        if not any(one is chosen for one in same):
            for one in emails:
                if one is same[0] or one.get("primary"):
                    one["primary"] = one is same[0]
    elif chosen is not None:
        chosen["value"] = value
        chosen.pop("display", None)
    else:
        emails = [*emails, {"value": value, "type": "work", "primary": True}]
    resource["emails"] = emails


def _one_primary(values: list[Any]) -> None:
    """At most one value is primary: the last that says so."""
    primary = [one for one in values if isinstance(one, dict) and one.get("primary")]
    for one in primary[:-1]:
        one["primary"] = False
