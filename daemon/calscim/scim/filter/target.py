"""The attribute that a path of a filter or of sortBy names, in the schema of one resource type."""

from dataclasses import dataclass

from scim2_models.path import AttrPath

from calscim.errors import ScimError
from calscim.scim.schema import ENTERPRISE_URN, USER, Attribute, Type

# Names without a schema that Okta's Cal.com integration filters users by.
ALIASES = {
    "email": (None, "emails", "value"),
    "username": (None, "userName", None),
    "givenname": (None, "name", "givenName"),
    "familyname": (None, "name", "familyName"),
    "manager": (ENTERPRISE_URN, "manager", "value"),
}


@dataclass(frozen=True, slots=True)
class Target:
    """An attribute. ``path``: keys into the JSON, the last of them below each value if ``multi``."""

    attribute: Attribute
    path: tuple[str, ...]
    below: str | None  # a sub-attribute of each value of a multi-valued attribute
    multi: bool
    name: str  # lower case, dotted, without a URN


def find_target(kind: Type, path: AttrPath) -> Target:
    """Return the attribute. Raise ScimError(400, invalidFilter) if the type has no such attribute to filter by."""
    uri, attr, sub = path.uri, path.attr, path.sub_attr
    if uri is None and sub is None and attr.lower() in ALIASES and kind is USER:
        uri, attr, sub = ALIASES[attr.lower()]
    found = kind.find(uri, attr)
    if found is None or found[1].write_only:
        raise unknown_attribute(str(path))
    urn, attribute = found
    keys = (attribute.name,) if urn is None else (urn, attribute.name)
    name = attribute.name.lower()
    if sub is None:
        return Target(attribute, keys, None, attribute.multi, name)
    part = attribute.subs.get(sub.lower())
    if part is None:
        raise unknown_attribute(str(path))
    name = f"{name}.{part.name.lower()}"
    if attribute.multi:
        return Target(part, keys, part.name, True, name)
    return Target(part, (*keys, part.name), None, False, name)


def has_target(kind: Type, path: AttrPath) -> bool:
    """Return True if the type has the attribute."""
    try:
        find_target(kind, path)
    except ScimError:
        return False
    return True


def unknown_attribute(name: str) -> ScimError:
    return ScimError(
        400,
        f"{name[:100]} is not an attribute that a filter can use: name one of the schema",
        "invalidFilter",
    )
