"""What the directories and mappings of one organization ask for, as stored in Postgres."""

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from typing import Any

from calscim.planner.ids import (
    CalUserId,
    DirectoryId,
    GroupId,
    MappingId,
    MembershipId,
    TeamId,
    UserId,
)
from calscim.planner.modes import Mode
from calscim.planner.roles import Role

# Stands for the journal row of an edit that is planned but not saved: later than every saved row.
UNSAVED = 2**63 - 1


@dataclass(frozen=True, slots=True)
class User:
    """A SCIM user. ``seq`` is the journal row that set its current state."""

    id: UserId
    directory: DirectoryId
    email: str  # as written; "" without an address
    name: str
    active: bool
    managed: bool  # the identity provider has written to this user
    seq: int
    locale: str | None = None
    time_zone: str | None = None
    data: MappingOf[str, Any] = field(default_factory=dict)  # for the attributes table
    user_name: str = ""  # names a user without an address


@dataclass(frozen=True, slots=True)
class DeletedUser:
    """A SCIM user that was deleted, by journal row ``seq``."""

    id: UserId
    directory: DirectoryId
    email: str
    managed: bool
    seq: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping (group, team, role, mode). Unbound until a group with exactly that name is pushed."""

    id: MappingId
    directory: DirectoryId
    group_name: str
    group: GroupId | None
    team: TeamId | None  # None: the organization itself
    role: Role
    mode: Mode
    seq: int  # row in the organization's stream
    removed_seq: int | None = None  # set once an operator removed the mapping
    since: int = 0  # the directory's last journal row at ``seq``; 0: not known
    new_team: str | None = None  # the name of a team that does not exist yet; ``team`` is below 0


@dataclass(frozen=True, slots=True)
class Link:
    """The account of a SCIM user; created once, and kept when the address changes."""

    user: UserId
    cal_user: CalUserId
    origin: str  # created, attached, found
    email: str


@dataclass(frozen=True, slots=True)
class MembershipRecord:
    """A team membership in the ledger: calscim added it, or found it in place when it was wanted.

    An operator can have calscim adopt memberships that it found.
    """

    team: TeamId
    cal_user: CalUserId
    user: UserId
    origin: str  # added, adopted, found
    role: Role
    mode: Mode  # the mappings that last asked for it
    mappings: tuple[MappingId, ...]
    membership: MembershipId | None = None

    @property
    def is_owned(self) -> bool:
        """Return True if calscim removes the membership once no mapped group asks for it: added or adopted."""
        return self.origin in ("added", "adopted")


@dataclass(frozen=True, slots=True)
class OrgRoleGrant:
    """An organization role that calscim granted, and the mappings that ask for it."""

    cal_user: CalUserId
    user: UserId
    role: Role
    mode: Mode  # the mappings under which it was granted
    mappings: tuple[MappingId, ...]


@dataclass(frozen=True, slots=True)
class BootstrapOwner:
    """The owner that Cal.com gave a team that calscim created: the API key's user."""

    cal_user: CalUserId
    membership: MembershipId | None  # None: not seen on the team yet


@dataclass(frozen=True, slots=True)
class DesiredState:
    """The desired state of one organization, as stored in Postgres. Large maps, read-only."""

    users: MappingOf[UserId, User]
    deleted_users: MappingOf[UserId, DeletedUser]
    groups: MappingOf[GroupId, str]  # id -> displayName
    # Members of nested groups count as members of the outer group.
    members: MappingOf[GroupId, MappingOf[UserId, int]]  # the row that added the member
    former: MappingOf[tuple[GroupId, UserId], int]  # the journal row that removed the member
    mappings: tuple[Mapping, ...]  # active mappings, and removed ones that the ledger still names
    links: MappingOf[UserId, Link]
    ledger: MappingOf[tuple[TeamId, CalUserId], MembershipRecord]
    paused_directories: frozenset[DirectoryId] = frozenset()
    paused_teams: frozenset[TeamId] = frozenset()
    paused: bool = False  # the whole organization is paused
    bootstrap_owners: MappingOf[TeamId, BootstrapOwner] = field(default_factory=dict)
    org_role_grants: MappingOf[CalUserId, OrgRoleGrant] = field(default_factory=dict)
    attributes: MappingOf[tuple[CalUserId, str], str] = field(default_factory=dict)  # as sent last
    # The account that a user had before it left the organization.
    former_accounts: MappingOf[UserId, CalUserId] = field(default_factory=dict)
