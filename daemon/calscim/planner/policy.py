"""The settings of an organization, and the people who are never deprovisioned or demoted.

The dataclasses are sections of the configuration: ``config.model`` adds to them, and the planner reads them directly.
"""

import re
from dataclasses import KW_ONLY, dataclass
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainValidator

from calscim.names import address_key
from calscim.option_types import (
    Boolean,
    Count,
    DurationOrZero,
    Text,
    listed,
    member_of,
    text,
    type_of,
)
from calscim.planner.ids import CalUserId
from calscim.planner.modes import PeopleMode, Provision
from calscim.planner.observed_state import OrgMember
from calscim.planner.roles import Role

ABSENT_AFTER = 3  # complete passes in a row without an account before it counts as absent

_CORE_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:user"
_ATTRIBUTE_PATH = re.compile(
    r"^(?:(?P<schema>urn:[^\s\"\[\]]+):)?(?P<attribute>[A-Za-z$][\w$-]*)"
    r"(?:\[\s*(?P<where>[A-Za-z]\w*)\s+eq\s+\"(?P<equals>[^\"]+)\"\s*\])?"
    r"(?:\.(?P<sub>[A-Za-z$][\w$-]*))?$",
    re.IGNORECASE,
)
_EXAMPLES = '"title", "name.familyName" or "urn:...:enterprise:2.0:User:department"'
_UNAVAILABLE = {
    "id",
    "meta",
    "groups",
    "schemas",
    "password",
}  # a user's resource does not have these
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")


@dataclass(frozen=True, slots=True)
class AttributePath:
    """An attribute of a SCIM user. ``text``: as written; ``schema`` None: the core schema.

    Of the paths of RFC 7644 these are allowed: one attribute, at most one filter (``where`` eq ``equals``), at most
    one sub-attribute, as in ``emails[type eq "work"].value``. An extension's attribute follows the name of its
    schema and a colon.
    """

    text: str
    schema: str | None
    attribute: str
    where: str | None = None
    equals: str | None = None
    sub: str | None = None


def parse_attribute_path(value: object) -> AttributePath:
    """Return the path of one attribute; raise ValueError for anything else."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"is not an attribute: write {_EXAMPLES}")
    written = value.strip()
    match = _ATTRIBUTE_PATH.match(written)
    if match is None:
        raise ValueError(f"{written!r} is not the path of one attribute: write {_EXAMPLES}")
    schema = match["schema"]
    if schema is not None and schema.lower() == _CORE_SCHEMA:
        schema = None
    if schema is None and match["attribute"].lower() in _UNAVAILABLE:
        raise ValueError(f"{written!r} cannot be copied to Cal.com: choose another attribute")
    return AttributePath(
        written, schema, match["attribute"], match["where"], match["equals"], match["sub"]
    )


AttributePathOption = Annotated[AttributePath, PlainValidator(parse_attribute_path)]
"""path of an attribute"""


@dataclass(frozen=True, slots=True)
class AttributeRule:
    """One table ``[[organization.attributes]]``: a SCIM attribute that calscim copies to an attribute of Cal.com."""

    source: Annotated[AttributePathOption, Field(alias="from")]
    """The attribute of the SCIM user: `title`, `name.familyName`, or with the name of its schema and a colon."""
    to: Text
    """The slug or the name of the attribute in Cal.com."""
    create_options: Boolean = False
    """Create the options of a selection that Cal.com lacks."""


def _tables(value: object) -> object:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise ValueError(
            f"is {type_of(value)}: write tables into the file, [[organization.attributes]] in double brackets"
        )
    return value


def _address(value: object) -> str:
    address = text(value)
    if (
        address.count("@") != 1
        or address.startswith("@")
        or address.endswith("@")
        or " " in address
    ):
        raise ValueError(f"{address!r} is not an e-mail address: write it as name@company.com")
    return address_key(address)


def _name(value: object) -> str:
    if not _NAME.match(text(value)):
        raise ValueError(f"{value!r} cannot be a name: use letters, digits, '.', '_' and '-'")
    return text(value)


OrganizationName = Annotated[str, PlainValidator(_name)]
"""name of letters, digits, '.', '_' and '-'"""
PeopleOption = Annotated[PeopleMode, member_of(PeopleMode)]
""""managed", "observe" or "add-only\""""
ProvisionOption = Annotated[Provision, member_of(Provision)]
""""assigned" or "mapped\""""
Addresses = Annotated[frozenset[Annotated[str, PlainValidator(_address)]], listed("ceo@acme.com")]
"""list of e-mail addresses"""
AttributeRules = Annotated[tuple[AttributeRule, ...], BeforeValidator(_tables)]
"""tables"""


@dataclass(frozen=True, slots=True)
class Policy:
    """The keys of ``[[organization]]`` that decide what is planned. ``protected``: addresses, by their keys."""

    name: OrganizationName
    """The organization's name in calscim."""
    _: KW_ONLY
    protected: Addresses = frozenset()
    """People who are never removed and never demoted, besides owners and the API key's user."""
    people: PeopleOption = PeopleMode.MANAGED
    """What may be done to organization membership."""
    provision_people: ProvisionOption = Provision.ASSIGNED
    """Who becomes a member: `assigned`, every active user of the directory; `mapped`, the members of mapped groups."""
    attributes: AttributeRules = ()
    """SCIM attributes that calscim copies to attributes of Cal.com. It changes no other attributes."""

    @property
    def stream(self) -> str:
        """The journal that holds the organization's own edits: mappings, pauses, approvals."""
        return f"@{self.name}"


@dataclass(frozen=True, slots=True)
class DriftGrace:
    """How long drift must last before it is corrected. What the directory asks for is done at once."""

    drift_passes: Count = 1
    """The number of complete full passes in a row that must see drift before it is corrected. 2 is a good choice."""
    drift_grace: DurationOrZero = 0.0
    """How long ago drift must have been seen first, as in "10m"."""

    @property
    def is_active(self) -> bool:
        """Return True if any drift has to wait."""
        return self.drift_passes > 1 or self.drift_grace > 0


def find_org_protection(person: OrgMember, me: CalUserId, policy: Policy) -> str | None:
    """Return why this person is never deprovisioned or demoted in the organization, or None."""
    if person.user == me:
        return "the API key belongs to this person"
    if person.role is Role.OWNER:
        return "an owner of the organization"
    if address_key(person.email) in policy.protected:
        return "on the protected list"
    return None
