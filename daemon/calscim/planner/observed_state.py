"""What calscim read of one organization in Cal.com."""

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

from calscim.planner.ids import (
    CalUserId,
    MembershipId,
    TeamId,
)
from calscim.planner.roles import Role

T = TypeVar("T")


class AttributeType(Enum):
    TEXT = "TEXT"
    NUMBER = "NUMBER"
    SINGLE_SELECT = "SINGLE_SELECT"
    MULTI_SELECT = "MULTI_SELECT"

    @property
    def selects(self) -> bool:
        """Return True if a value must be one of the attribute's options."""
        return self in (AttributeType.SINGLE_SELECT, AttributeType.MULTI_SELECT)


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of the organization. ``options``: value -> id, for the options that were read."""

    id: str
    name: str
    slug: str
    type: AttributeType
    options: MappingOf[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, order=True)
class AttributeValue:
    """An attribute value of a person, by the ids of the attribute and of its option."""

    attribute: str
    option: str
    value: str


@dataclass(frozen=True, slots=True)
class OrgMember:
    membership: MembershipId
    user: CalUserId
    email: str
    name: str
    username: str
    role: Role
    accepted: bool
    attributes: tuple[AttributeValue, ...] | None = None  # None: not shown
    has_profile: bool | None = None  # in the organization; None: not read

    @property
    def has_joined(self) -> bool:
        """Return True if Cal.com treats the person as a member, as far as is known.

        An accepted membership without a Profile is a half-member: no team takes the person, the user cannot
        be changed, and there is no invitation left to accept.
        """
        return self.accepted and self.has_profile is not False


@dataclass(frozen=True, slots=True)
class TeamMember:
    membership: MembershipId
    user: CalUserId
    role: Role
    accepted: bool


@dataclass(frozen=True, slots=True)
class Team:
    id: TeamId
    name: str
    slug: str | None


@dataclass(frozen=True, slots=True)
class Complete(Generic[T]):
    """Everything was read."""

    value: T


@dataclass(frozen=True, slots=True)
class Incomplete:
    """Not everything was read. Never treat this as an empty list."""

    reason: str


@dataclass(frozen=True, slots=True)
class ObservedState:
    """The observed state of one organization. A team that is missing from ``teams`` was not read."""

    me: CalUserId  # the API key's own user
    people: "Complete[MappingOf[CalUserId, OrgMember]] | Incomplete"
    teams: "MappingOf[TeamId, Complete[MappingOf[CalUserId, TeamMember]] | Incomplete]"
    team_names: MappingOf[TeamId, str] = field(default_factory=dict)
    attributes: "Complete[tuple[Attribute, ...]] | Incomplete" = field(
        default_factory=lambda: Incomplete("they were not looked at")
    )
    clears_teams: bool | None = None  # see planner.build.BuildTraits
