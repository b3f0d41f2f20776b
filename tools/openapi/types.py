"""JSON Schemas of resources and requests, made from the SCIM schemas of calscim.

A response has the form that RFC 7643 gives an attribute. A request may also have the forms that identity providers send
instead and that calscim accepts, such as a number for a text.
"""

from typing import Any

from calscim.scim.coerce import EXACT_NUMBERS, MAX_TEXT, MAX_VALUES
from calscim.scim.decode import MAX_KEY, MAX_NAME
from calscim.scim.groups import MAX_MEMBERS
from calscim.scim.schema import GROUP, USER, Attribute, Type

Json = dict[str, Any]
_PLAIN = {"boolean": "boolean", "integer": "integer", "decimal": "number"}
_BLANK: Json = {
    "type": "string",
    "pattern": r"^[ \t\r\n]*$",
    "description": "Clears the attribute.",
}
_VISIBLE = r"[^\s\u0000-\u001f\u0085]"  # a character that calscim does not trim, in all dialects of patterns
_EMPTY: Json = {"type": "array", "maxItems": 0, "description": "Clears the attribute."}
_EXACT_NUMBER: Json = {
    "type": "number",
    "minimum": 1 - EXACT_NUMBERS,
    "maximum": EXACT_NUMBERS - 1,
}
# The required attributes of a request, and those that calscim writes itself.
_NAMES = {"User": "userName", "Group": "displayName"}
_ANY: Json = {"description": "Ignored."}
_EXTENSION = "^urn:"


def ref(name: str) -> Json:
    """Return a reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


# ---------------------------------------------------------------- responses


def shown(kind: Type) -> Json:
    """Return the schema of a resource in a response. Which attributes it has depends on the request."""
    fields = {one.name: _shown(one) for one in kind.attributes.values() if not one.write_only} | {
        name: _shown(one) for name, one in _extensions(kind)
    }
    return {
        "type": "object",
        "required": ["schemas", "id"],
        "properties": fields,
        "patternProperties": {_EXTENSION: {"type": "object"}},
        "additionalProperties": False,
    }


def _shown(attribute: Attribute) -> Json:
    one = _shown_value(attribute)
    return {"type": "array", "items": one} if attribute.multi else one


def _shown_value(attribute: Attribute) -> Json:
    if attribute.subs:
        fields = {sub.name: _shown(sub) for sub in attribute.subs.values()}
        return {"type": "object", "properties": fields, "additionalProperties": False}
    if attribute.kind == "dateTime":
        return {"type": "string", "format": "date-time"}
    return {"type": _PLAIN.get(attribute.kind, "string")}


# ---------------------------------------------------------------- requests


def accepted(kind: Type, *, partial: bool = False) -> Json:
    """Return the schema of a resource in a POST or PUT, or of a value without a path in a PATCH (``partial``)."""
    fields: dict[str, Json] = {}
    for one in (*kind.attributes.values(), *(one for _, one in _extensions(kind))):
        ignored = one.read_only or one.write_only
        fields[one.name] = _ANY if ignored else _accepted(one)
    name = _NAMES[kind.name]
    fields[name] = ref("Name")
    fields["externalId"] = ref("ExternalId")
    if kind is USER:
        fields["emails"] = _emails(kind.attributes["emails"])
    if kind is GROUP:
        fields["members"] = ref("MembersInput")
    required = {} if partial else {"required": [name]}
    return {"type": "object", "properties": fields} | required


def _accepted(attribute: Attribute) -> Json:
    value = _accepted_value(attribute)
    if not attribute.multi:
        if not attribute.subs:
            return value
        return {"anyOf": [value, {"type": "array", "items": value, "maxItems": 1}]}
    return {"anyOf": [value, {"type": "array", "items": value, "maxItems": MAX_VALUES}]}


def _accepted_value(attribute: Attribute) -> Json:
    if attribute.subs:
        fields = {sub.name: _accepted(sub) for sub in attribute.subs.values() if not sub.read_only}
        options: list[Json] = [{"type": "object", "properties": fields}, {"type": "null"}, _BLANK]
        if "value" in attribute.subs:
            options.append(ref("ValueInput"))
        return {"anyOf": options}
    if attribute.kind == "boolean":
        return ref("BooleanInput")
    return ref("TextInput")


def _emails(attribute: Attribute) -> Json:
    """Return the schema of `emails`, whose values have to be addresses."""
    fields = {sub.name: _accepted(sub) for sub in attribute.subs.values()}
    fields["value"] = ref("AddressInput")
    entry: Json = {"type": "object", "properties": fields}
    value = {"anyOf": [entry, {"type": "null"}, _BLANK, {"type": "string", "format": "email"}]}
    return {"anyOf": [value, {"type": "array", "items": value, "maxItems": MAX_VALUES}]}


def _extensions(kind: Type) -> list[tuple[str, Attribute]]:
    return [(one.name, one) for one in kind.extensions.values()]


def inputs() -> dict[str, Json]:
    """Return the schemas that the requests of users and groups share."""
    return {
        "Name": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_NAME,
            "pattern": rf"^[^\u0000]*{_VISIBLE}[^\u0000]*$",
            "description": f"Not empty, and at most {MAX_KEY} bytes as UTF-8. Unique in the directory.",
        },
        "TextInput": {
            "anyOf": [
                {"type": "string", "maxLength": MAX_TEXT, "pattern": "^[^\\u0000]*$"},
                {**_EXACT_NUMBER, "description": "Becomes a text."},
                {"type": "null", "description": "Clears the attribute, as an empty text does."},
                _EMPTY,
            ]
        },
        "AddressInput": {
            "anyOf": [{"type": "string", "format": "email"}, {"type": "null"}, _BLANK, _EMPTY],
            "description": "An address, unless the user is inactive.",
        },
        "ValueInput": {
            "type": "string",
            "maxLength": MAX_TEXT,
            "pattern": r"^[^\u0000{\[]*$",
            "description": "Stands for an object with this `value`.",
        },
        "ExternalId": {
            "anyOf": [
                {"type": "string", "maxLength": MAX_KEY, "pattern": "^[^\\u0000]*$"},
                _EXACT_NUMBER,
                {"type": "null"},
                _EMPTY,
            ],
            "description": f"At most {MAX_KEY} bytes as UTF-8.",
        },
        "BooleanInput": {
            "anyOf": [
                {"type": "boolean"},
                {"type": "string", "pattern": "^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$"},
                {"type": "null"},
                _BLANK,
                _EMPTY,
            ]
        },
        "MembersInput": {
            "anyOf": [
                {"type": "array", "items": ref("MemberInput"), "maxItems": MAX_MEMBERS},
                ref("MemberInput"),
            ],
            "description": "Ids that no user or group has are skipped.",
        },
        "MemberInput": {
            "anyOf": [
                {"type": "object", "required": ["value"], "properties": {"value": ref("MemberId")}},
                ref("MemberId"),
                {"type": "null"},
            ]
        },
        "MemberId": {
            "type": "string",
            "maxLength": MAX_TEXT,
            "pattern": rf"^(?![{{\[]){_VISIBLE}[^\u0000]*$",
        },
        "UserInput": accepted(USER),
        "UserChange": accepted(USER, partial=True),
        "GroupInput": accepted(GROUP),
        "GroupChange": accepted(GROUP, partial=True),
    }
