"""What an organization's settings allow, and whom nothing is ever taken from."""

from dataclasses import dataclass

from calscim.names import address_key
from calscim.planner.model import CalUserId, OrgMember, PeopleMode, Provision, Role

PATIENCE = 3  # complete passes in a row without an account before it counts as gone


@dataclass(frozen=True, slots=True)
class Source:
    """An attribute of a SCIM user; ``schema`` None: the core schema's. ``text``: as it was written."""

    text: str
    schema: str | None
    attribute: str
    where: str | None = None
    equals: str | None = None
    sub: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table from SCIM attributes to Cal.com's. ``to``: slug or name."""

    source: Source
    to: str
    create_options: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """Read from an organization's settings. ``protected``: addresses, by their keys."""

    organization: str
    protected: frozenset[str] = frozenset()
    people: PeopleMode = PeopleMode.MANAGED
    provision: Provision = Provision.ASSIGNED
    patience: int = PATIENCE
    attributes: tuple[Rule, ...] = ()

    @property
    def stream(self) -> str:
        """The journal that holds the organization's own edits: mappings, pauses, approvals."""
        return f"@{self.organization}"


def untouchable(person: OrgMember, me: CalUserId, policy: Policy) -> str | None:
    """Why this person is never deprovisioned or demoted in the organization, if so."""
    if person.user == me:
        return "the API key belongs to this person"
    if person.role is Role.OWNER:
        return "an owner of the organization"
    if address_key(person.email) in policy.protected:
        return "on the protected list"
    return None
