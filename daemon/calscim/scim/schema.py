"""The attributes of the schemas, by name without regard to case.

They are taken from scim2-models, as is the response of /Schemas, so that both agree.
"""

from dataclasses import dataclass, field
from typing import Any

from scim2_models import AuthenticationScheme as Scheme
from scim2_models import (
    Bulk,
    CaseExact,
    ChangePassword,
    EnterpriseUser,
    ETag,
    Filter,
    Group,
    Mutability,
    Pagination,
    Patch,
    ResourceType,
    Returned,
    Schema,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
    User,
)

USER_URN = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP_URN = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE_URN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

_KNOWN_URNS = (
    "urn:ietf:params:scim:schemas:core:",
    "urn:ietf:params:scim:api:",
    ENTERPRISE_URN.lower(),
)

DEFAULT_COUNT = 100
MAX_RESULTS = 1000
CURSOR_TIMEOUT = 3600  # seconds for which a cursor is valid
MAX_OPERATIONS = 1000


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute. ``kind`` is the schema's type: string, boolean, complex, dateTime, reference, binary..."""

    name: str
    kind: str = "string"
    multi: bool = False
    exact: bool = False
    read_only: bool = False
    write_only: bool = False
    always: bool = False  # returned whatever attributes the request names
    subs: dict[str, "Attribute"] = field(default_factory=dict)  # by lower-case name


@dataclass(frozen=True, slots=True, eq=False)
class Type:
    """A resource type: its own attributes and those of its extensions, by lower-case name."""

    name: str
    urn: str
    attributes: dict[str, Attribute]
    extensions: dict[str, Attribute]  # an extension is a complex attribute named by its URN

    def top(self, name: str) -> Attribute | None:
        """Return an attribute or an extension by its name, ignoring case."""
        low = name.lower()
        return self.attributes.get(low) or self.extensions.get(low)

    def find(self, uri: str | None, name: str) -> tuple[str | None, Attribute] | None:
        """Return an attribute, and the URN of its extension or None for the core schema."""
        low = name.lower()
        if uri is None or uri.lower() == self.urn.lower():
            found = self.attributes.get(low)
            return None if found is None else (None, found)
        extension = self.extensions.get(uri.lower())
        if extension is None or low not in extension.subs:
            return None
        return extension.name, extension.subs[low]


def is_unknown_extension(path: str) -> bool:
    """Return True if a path or a key names an extension that has no schema here, or a part of one."""
    low = path.lower()
    return low.startswith("urn:") and not low.startswith(_KNOWN_URNS)


def _attribute(described: Any) -> Attribute:
    subs = {sub.name.lower(): _attribute(sub) for sub in described.sub_attributes or ()}
    return Attribute(
        name=described.name,
        kind=described.type.value,
        multi=bool(described.multi_valued),
        exact=described.case_exact == CaseExact.true,
        read_only=described.mutability == Mutability.read_only,
        write_only=described.mutability == Mutability.write_only,
        always=described.returned == Returned.always,
        subs=subs,
    )


def _tree(schema: Schema) -> dict[str, Attribute]:
    attributes = (_attribute(entry) for entry in schema.attributes or ())
    return {attribute.name.lower(): attribute for attribute in attributes}


def _common() -> dict[str, Attribute]:
    """Return the attributes of every resource (RFC 7643 section 3.1)."""
    instant = {
        name.lower(): Attribute(name, "dateTime", exact=True, read_only=True)
        for name in ("created", "lastModified")
    }
    texts = {
        name.lower(): Attribute(name, exact=True, read_only=True)
        for name in ("resourceType", "version")
    }
    location = {"location": Attribute("location", "reference", exact=True, read_only=True)}
    return {
        "id": Attribute("id", exact=True, read_only=True, always=True),
        "externalid": Attribute("externalId", exact=True),
        "schemas": Attribute(
            "schemas", "reference", multi=True, exact=True, read_only=True, always=True
        ),
        "meta": Attribute("meta", "complex", read_only=True, subs=instant | texts | location),
    }


USER = Type(
    "User",
    USER_URN,
    _common() | _tree(User.to_schema()),
    {
        ENTERPRISE_URN.lower(): Attribute(
            ENTERPRISE_URN, "complex", subs=_tree(EnterpriseUser.to_schema())
        )
    },
)
GROUP = Type("Group", GROUP_URN, _common() | _tree(Group.to_schema()), {})


def pagination() -> Pagination:
    """Return the supported paginations: by index, unless the request has a cursor (RFC 9865 section 4)."""
    return Pagination(
        cursor=True,
        index=True,
        default_pagination_method=Pagination.DefaultPaginationMethod.index,
        default_page_size=DEFAULT_COUNT,
        max_page_size=MAX_RESULTS,
        cursor_timeout=CURSOR_TIMEOUT,
    )


def provider(max_body_bytes: int) -> ScimProvider:
    """Return what the discovery endpoints announce, without cursors, which scim2-server would encrypt itself."""
    config = ServiceProviderConfig(
        patch=Patch(supported=True),
        bulk=Bulk(supported=True, max_operations=MAX_OPERATIONS, max_payload_size=max_body_bytes),
        filter=Filter(supported=True, max_results=MAX_RESULTS),
        change_password=ChangePassword(supported=False),
        sort=Sort(supported=True),
        etag=ETag(supported=True),
        authentication_schemes=[
            Scheme(
                type=Scheme.Type.oauthbearertoken,
                name="Bearer token",
                description="A token of this directory in the Authorization header",
                primary=True,
            )
        ],
    )
    return ScimProvider(
        [User, EnterpriseUser, Group],
        [
            ResourceType.from_resource(User[EnterpriseUser]),
            ResourceType.from_resource(Group),
        ],
        config,
    )
