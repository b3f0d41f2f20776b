"""Builds users, groups and members from the effects in a directory's journal.

Implements the rules of the functions in sql/schema a second time; tests compare the two. ``data`` stays the text that
Postgres returns, so that no number changes.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from calscim.errors import StoreError
from calscim.journal.erasure.records import Erasures


@dataclass(slots=True)
class User:
    user_name: str
    user_name_key: str
    external_id: str | None
    email: str
    emails: frozenset[str]
    active: bool
    managed: bool
    source: str
    version: int
    data: str
    changed_seq: int
    created_at: datetime
    updated_at: datetime


@dataclass(slots=True)
class Member:
    kind: str  # User or Group
    seq: int
    at: datetime


@dataclass(slots=True)
class Group:
    display_name: str
    display_name_key: str
    external_id: str | None
    version: int
    data: str
    changed_seq: int
    created_at: datetime
    updated_at: datetime
    members: dict[str, Member] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tombstone:
    kind: str
    name: str
    email: str
    managed: bool
    seq: int
    at: datetime


@dataclass(slots=True)
class Tables:
    """The tables of one directory, by id, in the order of creation. ``former``: (group, member) -> (seq, at).

    ``erased``: users whose rows may have no effect. Remaining rows of theirs are ignored.
    """

    users: dict[str, User] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    former: dict[tuple[str, str], tuple[int, datetime]] = field(default_factory=dict)
    tombstones: dict[str, Tombstone] = field(default_factory=dict)
    erased: Erasures = field(default_factory=Erasures, compare=False)

    def apply(self, seq: int, at: datetime, effect: dict[str, Any], data: str) -> None:
        """Apply the effect of one row. Raise StoreError if this release does not know the effect."""
        match effect.get("op"):
            case "user.put":
                self._put_user(seq, at, effect, data)
            case "user.delete":
                self._delete_user(seq, at, effect["id"])
            case "group.put":
                self._put_group(seq, at, effect, data)
            case "group.delete":
                self._delete_group(seq, at, effect["id"])
            case other:
                raise StoreError(
                    f"row {seq} of the journal has the effect {other!r}, which this release does not "
                    "know: use the release that wrote it, or a later one"
                )

    def called(self, user: str) -> tuple[str, str]:
        """Return a user's name and address, or the placeholder for both if the user was erased."""
        if user in self.users:
            return self.users[user].user_name, self.users[user].email
        return self.erased.users[user].name, self.erased.users[user].name

    def people_of(self, group: str) -> dict[str, datetime]:
        """Return the users of a group, through nested groups too, with the time when each became a member."""
        found: dict[str, datetime] = {}
        waiting = [(group, datetime.min.replace(tzinfo=UTC))]
        seen = {group}
        while waiting:
            current, since = waiting.pop()
            if current not in self.groups:
                continue
            for key, member in self.groups[current].members.items():
                later = max(member.at, since)
                if member.kind == "User":
                    found[key] = min(found.get(key, later), later)
                elif key not in seen:
                    seen.add(key)
                    waiting.append((key, later))
        return found

    def _put_user(self, seq: int, at: datetime, effect: dict[str, Any], data: str) -> None:
        if effect["id"] in self.erased.users:
            return
        before = self.users.get(effect["id"])
        changed = before is None or before.version != effect["version"]
        if before is not None and not changed and before.managed == effect["managed"]:
            return
        self.users[effect["id"]] = User(
            user_name=effect["user_name"],
            user_name_key=effect["user_name_key"],
            external_id=effect["external_id"],
            email=effect["email"],
            emails=frozenset(effect["emails"]),
            active=effect["active"],
            managed=effect["managed"],
            source=effect["source"],
            version=effect["version"],
            data=data,
            changed_seq=seq,
            created_at=before.created_at if before else at,
            updated_at=before.updated_at if before and not changed else at,
        )

    def _put_group(self, seq: int, at: datetime, effect: dict[str, Any], data: str) -> None:
        key = effect["id"]
        before = self.groups.get(key)
        if before is not None and before.version == effect["version"]:
            return
        members = before.members if before else {}
        for member in effect["removed"]:
            if members.pop(member, None) is not None:
                self.former[key, member] = (seq, at)
        for kind, added in (("User", effect["added"]), ("Group", effect["added_groups"])):
            for member in added:
                members[member] = Member(kind, seq, at)
                self.former.pop((key, member), None)
        self.groups[key] = Group(
            display_name=effect["display_name"],
            display_name_key=effect["display_name_key"],
            external_id=effect["external_id"],
            version=effect["version"],
            data=data,
            changed_seq=seq,
            created_at=before.created_at if before else at,
            updated_at=at,
            members=members,
        )

    def _delete_user(self, seq: int, at: datetime, key: str) -> None:
        self._remove_from_groups(seq, at, key)
        erased = self.erased.users.get(key)
        if erased is not None:
            self.users.pop(key, None)
            self.tombstones[key] = Tombstone(
                "User", erased.name, erased.name, erased.managed, seq, at
            )
            return
        user = self.users.pop(key)
        self.tombstones[key] = Tombstone("User", user.user_name, user.email, user.managed, seq, at)

    def _delete_group(self, seq: int, at: datetime, key: str) -> None:
        self._remove_from_groups(seq, at, key)
        group = self.groups.pop(key)
        for member in group.members:
            self.former[key, member] = (seq, at)
        self.tombstones[key] = Tombstone("Group", group.display_name, "", True, seq, at)

    def _remove_from_groups(self, seq: int, at: datetime, member: str) -> None:
        """Remove a member from all groups, and increment the versions of those groups."""
        for key, group in self.groups.items():
            if group.members.pop(member, None) is not None:
                self.former[key, member] = (seq, at)
                group.version += 1
                group.changed_seq = seq
                group.updated_at = at
