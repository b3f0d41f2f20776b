"""What the directories and the mappings of one organization ask for, as Postgres has it."""

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

# Stands for the journal row of an edit that is planned for and not saved: later than every row there is.
UNSAVED = 2**63 - 1


@dataclass(frozen=True, slots=True)
class User:
    """One SCIM user. ``seq`` is the journal row behind its present state."""

    id: UserId
    directory: DirectoryId
    email: str  # as written; "" when it has none
    name: str
    active: bool
    managed: bool  # the provider has written to it
    seq: int
    locale: str | None = None
    time_zone: str | None = None
    data: MappingOf[str, Any] = field(default_factory=dict)  # what the attributes' table is about
    user_name: str = ""  # of a user without an address, who has to be named by something


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
    """(group, team, role, mode). Unbound while no group of that exact name was pushed."""

    id: MappingId
    directory: DirectoryId
    group_name: str
    group: GroupId | None
    team: TeamId | None  # None: the organization itself
    role: Role
    mode: Mode
    seq: int  # row in the organization's stream
    removed_seq: int | None = None  # set: an operator has unmapped it
    since: int = 0  # how far the directory's journal had come at ``seq``; 0: not known
    new_team: str | None = None  # the name of a team that is yet to be made; ``team`` is below 0


@dataclass(frozen=True, slots=True)
class Link:
    """Which account a SCIM user is; made once, kept over renames."""

    user: UserId
    cal_user: CalUserId
    origin: str  # created, attached, found
    email: str


@dataclass(frozen=True, slots=True)
class MembershipRecord:
    """A team membership in the ledger: one that calscim added, or found in place when it was wanted."""

    team: TeamId
    cal_user: CalUserId
    user: UserId
    origin: str  # added, found
    role: Role
    mode: Mode  # under which it was last wanted
    mappings: tuple[MappingId, ...]
    membership: MembershipId | None = None


@dataclass(frozen=True, slots=True)
class OrgRoleGrant:
    """A role in the organization that calscim gave, and for which mappings."""

    cal_user: CalUserId
    user: UserId
    role: Role
    mode: Mode  # under which it was given
    mappings: tuple[MappingId, ...]


@dataclass(frozen=True, slots=True)
class BootstrapOwner:
    """Whom Cal.com made the owner of a team because calscim made that team with this person's key."""

    cal_user: CalUserId
    membership: MembershipId | None  # None: not seen on the team yet


@dataclass(frozen=True, slots=True)
class DesiredState:
    """All that is wanted of one organization, as the database has it. Big maps, read only."""

    users: MappingOf[UserId, User]
    deleted_users: MappingOf[UserId, DeletedUser]
    groups: MappingOf[GroupId, str]  # id -> displayName
    members: MappingOf[GroupId, MappingOf[UserId, int]]  # nested groups resolved; seq that added
    former: MappingOf[tuple[GroupId, UserId], int]  # seq that removed
    mappings: tuple[Mapping, ...]  # live ones and removed ones that the ledger still names
    links: MappingOf[UserId, Link]
    ledger: MappingOf[tuple[TeamId, CalUserId], MembershipRecord]
    paused_directories: frozenset[DirectoryId] = frozenset()
    paused_teams: frozenset[TeamId] = frozenset()
    paused: bool = False  # the whole organization
    bootstrap_owners: MappingOf[TeamId, BootstrapOwner] = field(default_factory=dict)
    org_role_grants: MappingOf[CalUserId, OrgRoleGrant] = field(default_factory=dict)
    attributes: MappingOf[tuple[CalUserId, str], str] = field(default_factory=dict)  # last told
    # The account that a user had before it left the organization.
    former_accounts: MappingOf[UserId, CalUserId] = field(default_factory=dict)
