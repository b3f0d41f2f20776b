"""Values that an identity provider sends, brought into the form that the schema gives an attribute."""

from collections.abc import Iterable
from typing import Any

import orjson

from calscim.errors import ScimError
from calscim.scim.redaction import is_password, names_password
from calscim.scim.schema import Attribute, Type
from calscim.scim.sizes import check_extension

MAX_TEXT = 8192  # characters of any one text
MAX_VALUES = 500  # of one multi-valued attribute
# Two numbers of this size or larger may be one float. A whole number of up to 64 bits is an int, and exact.
EXACT_NUMBERS = 2**53
_UNASSIGNED: tuple[Any, ...] = (None, "", [], {})


def known_attributes(
    kind: Type, body: dict[str, Any], skip: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return the known, writable attributes that have a value, and unknown extensions as they are."""
    resource: dict[str, Any] = {}
    for key, value in body.items():
        attribute = kind.top(key)
        if attribute is None:
            low = key.lower()
            if low.startswith("urn:") and isinstance(value, dict) and value:
                if low == kind.urn.lower():
                    resource = known_attributes(kind, value, skip) | resource
                elif extension := assigned(copy_extension(key, value)):
                    resource[key] = extension
            continue
        if attribute.read_only or attribute.write_only or attribute.name in skip:
            continue
        coerced = coerce(attribute, attribute.name, value)
        if coerced is not None:
            resource[attribute.name] = coerced
    return resource


def coerce(attribute: Attribute, path: str, value: Any) -> Any:
    """Return a value in the attribute's form, or None for a value that clears it.

    Raise ScimError(400) for a value of another type.
    """
    if is_blank(value) or value == []:
        return None
    if attribute.multi:
        entries = value if isinstance(value, list) else [value]
        if len(entries) > MAX_VALUES:
            raise too_many_values(path)
        coerced = (
            None if is_blank(entry) else _coerce_one(attribute, path, entry) for entry in entries
        )
        return without_duplicates(entry for entry in coerced if entry is not None) or None
    if isinstance(value, list):
        if len(value) > 1:
            raise ScimError(
                400,
                f"{path} has a single value: send the value itself, not a list",
                "invalidValue",
            )
        return coerce(attribute, path, value[0] if value else None)
    return _coerce_one(attribute, path, value)


def coerce_parts(attribute: Attribute, path: str, value: Any) -> dict[str, Any]:
    """Return the known, writable sub-attributes of a complex value; one that is cleared is None."""
    if isinstance(value, str) and "value" in attribute.subs:
        refuse_json_text(path, value)
        value = {"value": value}  # Entra sends the manager as a text
    if not isinstance(value, dict):
        raise ScimError(400, f"{path} is complex: send an object", "invalidValue")
    parts = {}
    for key, part in value.items():
        sub = attribute.subs.get(key.lower())
        if sub is not None and not sub.read_only:
            parts[sub.name] = coerce(sub, f"{path}.{sub.name}", part)
    return parts


def _coerce_one(attribute: Attribute, path: str, value: Any) -> Any:
    if attribute.subs or attribute.kind == "complex":
        parts = coerce_parts(attribute, path, value)
        return {name: part for name, part in parts.items() if part is not None} or None
    if attribute.kind == "boolean":
        return _boolean(path, value)
    if attribute.kind in ("integer", "decimal"):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ScimError(400, f"{path} is a number: send a JSON number", "invalidValue")
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ScimError(400, f"{path} is a text: send a JSON string", "invalidValue")
    if isinstance(value, float) and abs(value) >= EXACT_NUMBERS:
        raise ScimError(
            400,
            f"{path} is a text, and a number of this size loses digits: send a JSON string",
            "invalidValue",
        )
    return stripped_text(path, str(value)) or None


def _boolean(path: str, value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    low = value.strip().lower() if isinstance(value, str) else ""
    if low in ("true", "false"):
        return low == "true"
    raise ScimError(400, f"{path} is a boolean: send true or false", "invalidValue")


def without_duplicates(values: Iterable[Any]) -> list[Any]:
    """Return the first of equal values, in order. The time grows with the number of values, not with its square."""
    found: dict[Any, Any] = {}
    for value in values:
        found.setdefault(equality_key(value), value)
    return list(found.values())


def equality_key(value: Any) -> Any:
    """Return a hashable value that is equal for equal JSON values."""
    if isinstance(value, dict):
        return frozenset((name, equality_key(part)) for name, part in value.items())
    if isinstance(value, list):
        return tuple(map(equality_key, value))
    return value


def too_many_values(path: str) -> ScimError:
    return ScimError(
        400, f"{path} has more than {MAX_VALUES} values: send at most {MAX_VALUES}", "invalidValue"
    )


# -------------------------------------------------------------------- texts


def stripped_text(path: str, value: str) -> str:
    """Return a text without white space around it. Raise ScimError(400) if it cannot be stored."""
    return _check_text(path, value.strip())


def _check_text(path: str, value: str) -> str:
    if "\x00" in value:
        raise ScimError(400, f"{path} contains a NUL character: remove it", "invalidValue")
    if len(value) > MAX_TEXT:
        raise ScimError(
            400, f"{path} has more than {MAX_TEXT} characters: shorten it", "invalidValue"
        )
    return value


def is_blank(value: Any) -> bool:
    """Return True for null and for a text of white space, which both clear an attribute."""
    return value is None or (isinstance(value, str) and not value.strip())


def is_json_text(text: str) -> bool:
    """Return True for a JSON object or list that was sent as a text."""
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        return isinstance(orjson.loads(text), dict | list)
    except orjson.JSONDecodeError:
        return False


def refuse_json_text(path: str, value: str) -> None:
    """Raise ScimError(400) for JSON in quotes where an object belongs: stored as a text, it would mean nothing."""
    if is_json_text(value):
        raise ScimError(
            400,
            f"{path} is JSON in quotes: send the object itself, without quotes",
            "invalidValue",
        )


# -------------------------------------------------------------------- unknown extensions


def copy_extension(name: str, value: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of an extension that has no schema here, with null and empty values still in it.

    Raise ScimError(400) if it is too large.
    """
    check_extension(name, value)
    copied: dict[str, Any] = copy_unknown(name, value)
    return copied


def is_unassigned(value: Any) -> bool:
    """Return True for a value without a schema that is stored as no value (RFC 7643 section 2.5)."""
    return value in _UNASSIGNED


def assigned(value: Any) -> Any:
    """Return a value without a schema, in which no object at any depth has a null or empty value. Lists keep theirs."""
    if isinstance(value, dict):
        kept = ((name, assigned(part)) for name, part in value.items())
        return {name: part for name, part in kept if part not in _UNASSIGNED}
    if isinstance(value, list):
        return [assigned(part) for part in value]
    return value


def copy_unknown(path: str, value: Any) -> Any:
    """Return a copy of a value that has no schema here, without the passwords in it (calscim.scim.redaction)."""
    name = _check_text(path[:100], path)
    if isinstance(value, str):
        return _check_text(name[:100], value)
    if isinstance(value, dict):
        return {
            key: copy_unknown(f"{name}.{key}", part)
            for key, part in value.items()
            if not is_password(key) and not (key.lower() == "value" and names_password(value))
        }
    if isinstance(value, list):
        return [copy_unknown(name, part) for part in value]
    return value
