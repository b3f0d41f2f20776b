"""Find the journal row behind each grant and each removal, and describe it in a sentence.

A difference without a journal row is drift. Rows of different journals are never compared by number.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from calscim.planner.actions import Provenance
from calscim.planner.desired_state import (
    UNSAVED,
    DeletedUser,
    DesiredState,
    Mapping,
    MembershipRecord,
    OrgRoleGrant,
    User,
)
from calscim.planner.grants import EffectiveGrant, ResolvedGrants
from calscim.planner.identity import PersonKey
from calscim.planner.ids import CalUserId, GroupId, MappingId, TeamId, UserId
from calscim.planner.policy import Policy
from calscim.planner.roles import Role


@dataclass(frozen=True, slots=True)
class Explanation:
    """A reason and its journal row. ``provenance`` is None if no journal row is known.

    ``is_plural``: the reason names several groups, so that its verb is plural.
    """

    provenance: Provenance | None
    reason: str
    is_plural: bool = False

    @property
    def puts(self) -> str:
        """Return the reason with the verb to put: ``Sales (journal 2) puts``."""
        return f"{self.reason} {'put' if self.is_plural else 'puts'}"

    @property
    def gives(self) -> str:
        """Return the reason with the verb to give: ``Sales (journal 2) gives``."""
        return f"{self.reason} {'give' if self.is_plural else 'gives'}"


def journal_row(seq: int) -> str:
    """Return the journal row of an edit in words, for use inside a sentence."""
    return "not saved yet" if seq == UNSAVED else f"journal {seq}"


class ProvenanceIndex:
    """Looks up the journal rows behind the actions of a plan; builds its index on first use."""

    def __init__(self, desired: DesiredState, wanted: ResolvedGrants, policy: Policy) -> None:
        self._desired = desired
        self._grants = wanted
        self._policy = policy
        self.mappings = {mapping.id: mapping for mapping in desired.mappings}
        self._left: dict[UserId, list[tuple[GroupId, int]]] | None = None

    def why_granted(
        self, key: PersonKey, grant: EffectiveGrant, role: Role | None = None
    ) -> Explanation:
        """Explain a grant: name the groups, and return the latest of their journal rows.

        ``role``: only the groups that give this role are named.
        """
        if len(grant.mappings) == 1 and key not in self._grants.people.duplicates:
            return self._only(self._grants.people.primary_user[key], grant.mappings[0])
        found: list[tuple[int, str, Mapping]] = []
        said: set[tuple[str, int]] = set()
        of_role = [one for one in grant.mappings if role in (None, one.role)]
        for mapping in of_role or grant.mappings:
            for user in self._grants.people.users(key):
                seq = self._member(mapping, user.id) if user.active else None
                if seq is not None:
                    found.append((seq, user.directory, mapping))
                    said.add((self.group(mapping), seq))
        seq, stream, mapping = max(found, key=lambda one: (one[0], one[1], one[2].id))
        *most, last = (f"{name} (journal {number})" for name, number in sorted(said))
        names = f"{', '.join(most)} and {last}" if most else last
        return Explanation(self._later(mapping, stream, seq), names, is_plural=bool(most))

    def _only(self, user: User, mapping: Mapping) -> Explanation:
        """Explain the usual case: one user in one group."""
        seq = self._member(mapping, user.id)
        assert seq is not None
        provenance = self._later(mapping, user.directory, seq)
        return Explanation(provenance, f"{self.group(mapping)} (journal {seq})")

    def _later(self, mapping: Mapping, stream: str, seq: int) -> Provenance:
        """Return the row that added the member, or the edit of the mapping if the edit came later."""
        return (
            Provenance(self._policy.stream, mapping.seq)
            if mapping.since > seq
            else Provenance(stream, seq)
        )

    def why_ended(
        self, account: CalUserId, record: MembershipRecord | None, team: TeamId
    ) -> Explanation | None:
        """Explain why a person no longer belongs on a team; None if no journal row says so."""
        users = self._grants.people.users(account)
        deleted = self._grants.people.deleted.get(account, ())
        if not any(user.active for user in users) and (
            inactive := self.why_inactive(users, deleted)
        ):
            return inactive
        given = self.given(record)
        removed = self._last_removed(given)
        if removed is None or not all(mapping.removed_seq is not None for mapping in given):
            concerned = {one.id: one for one in (*given, *self._grants.live.get(team, ()))}
            entries = [user.id for user in users] or [user.id for user in deleted]
            if record is not None and record.user not in entries:
                entries.append(record.user)
            left = self.why_left(
                concerned.values(), entries, deleted=record is not None, gave=given
            )
            if left is not None or removed is None:
                return left
        return self._why_unmapped(removed)

    def why_inactive(
        self, users: Sequence[User], deleted: Sequence[DeletedUser]
    ) -> Explanation | None:
        """Return the row that deactivated or deleted the last of these users; None if there is none."""
        ended = [(user.seq, user.directory, "deactivated") for user in users if not user.active]
        ended += [(user.seq, user.directory, "deleted") for user in deleted]
        if not ended:
            return None
        seq, stream, what = max(ended)
        reason = f"the provider has {what} this user (journal {seq})"
        return Explanation(Provenance(stream, seq), reason)

    def why_left(
        self,
        mappings: Iterable[Mapping],
        users: Iterable[UserId],
        *,
        deleted: bool = False,
        gave: Iterable[Mapping] = (),
    ) -> Explanation | None:
        """Return the last row that removed one of these users from one of these groups.

        ``deleted``: groups that the provider deleted count as well, although no mapping is bound to them. ``gave``:
        the mappings that gave the record that ends, so that the reason can name such a group.
        """
        lost = ", ".join(sorted({one.group_name for one in gave if one.group is None}))
        was_in = f"{lost}, which the provider deleted" if lost else "a group that is not mapped now"
        left: list[tuple[int, str, str]] = []
        bound = {mapping.group: mapping for mapping in mappings if mapping.group is not None}
        for user in users:
            for group, seq in self._groups_left(user):
                if (mapping := bound.get(group)) is not None:
                    if self._member(mapping, user) is None:
                        left.append((seq, mapping.directory, f"left {self.group(mapping)}"))
                elif deleted and group not in self._desired.groups:
                    left.append((seq, self._stream(user), f"was in {was_in}"))
        if not left:
            return None
        seq, stream, what = max(left)
        return Explanation(Provenance(stream, seq), f"{what} (journal {seq})")

    def why_role_ended(
        self, given: Sequence[Mapping], users: Sequence[UserId]
    ) -> Explanation | None:
        """Explain why an organization role ends; None if no journal row says so."""
        removed = self._last_removed(given)
        if removed is not None and all(mapping.removed_seq is not None for mapping in given):
            provenance = Provenance(self._policy.stream, removed.removed_seq or 0)
            return Explanation(provenance, f"the mapping of {self.group(removed)} was removed")
        live = [mapping for mapping in self._desired.mappings if mapping.team is None]
        return self.why_left((*given, *live), users, deleted=True, gave=given)

    def why_role_lowered(
        self, account: CalUserId, record: MembershipRecord | None, grant: EffectiveGrant, role: Role
    ) -> Explanation | None:
        """Explain why a person lost the groups that gave this role on a team; None if no journal row says so."""
        live = () if record is None else self._grants.live.get(record.team, ())
        lost = [
            mapping
            for mapping in {one.id: one for one in (*self.given(record), *live)}.values()
            if mapping.id not in grant.ids and mapping.role is role
        ]
        users = [user.id for user in self._grants.people.users(account)]
        left = self.why_left(lost, users, deleted=True, gave=lost) if lost else None
        removed = self._last_removed(lost)
        if left is not None or removed is None:
            return left
        return self._why_unmapped(removed)

    def _why_unmapped(self, removed: Mapping) -> Explanation:
        seq = removed.removed_seq or 0
        reason = f"{self.group(removed)} is not mapped to this team any more ({journal_row(seq)})"
        return Explanation(Provenance(self._policy.stream, seq), reason)

    def given(self, record: MembershipRecord | OrgRoleGrant | None) -> list[Mapping]:
        """Return the mappings of a record that still exist."""
        ids: tuple[MappingId, ...] = record.mappings if record is not None else ()
        return [self.mappings[number] for number in ids if number in self.mappings]

    def group(self, mapping: Mapping) -> str:
        """Return the group's current name, or the name in the mapping if the group is not known."""
        if mapping.group is None:
            return mapping.group_name
        return self._desired.groups.get(mapping.group, mapping.group_name)

    def _last_removed(self, mappings: Iterable[Mapping]) -> Mapping | None:
        """Return the mapping that was removed last, or None if none of them was."""
        removed = [mapping for mapping in mappings if mapping.removed_seq is not None]
        return max(removed, key=lambda mapping: mapping.removed_seq or 0, default=None)

    def _member(self, mapping: Mapping, user: UserId) -> int | None:
        if mapping.group is None:
            return None
        return self._desired.members.get(mapping.group, {}).get(user)

    def _stream(self, user: UserId) -> str:
        known = self._desired.users.get(user) or self._desired.deleted_users.get(user)
        return "" if known is None else known.directory

    def _groups_left(self, user: UserId) -> Sequence[tuple[GroupId, int]]:
        if self._left is None:
            self._left = {}
            for (group, member), seq in self._desired.former.items():
                self._left.setdefault(member, []).append((group, seq))
        return self._left.get(user, ())
