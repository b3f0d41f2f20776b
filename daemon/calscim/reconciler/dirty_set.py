"""Collects the users and teams that journal rows affect, so that a push costs reads for only those."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from calscim.planner.desired_state import DesiredState
from calscim.planner.ids import GroupId, TeamId, UserId
from calscim.reconciler.state.passes import PendingRow


@dataclass(slots=True)
class DirtySet:
    """What changed since the last pass. ``everyone``: the whole organization is affected.

    ``reread`` False: the cached lists are fresh enough, and reads would take calls from a backlog of writes.
    """

    users: set[UserId] = field(default_factory=set)
    groups: set[GroupId] = field(default_factory=set)
    teams: set[TeamId] = field(default_factory=set)
    everyone: bool = False
    reread: bool = True

    def __bool__(self) -> bool:
        return bool(self.users or self.groups or self.teams or self.everyone)

    def update(self, other: "DirtySet") -> None:
        """Add the users, groups, and teams of another dirty set."""
        self.users |= other.users
        self.groups |= other.groups
        self.teams |= other.teams
        self.everyone = self.everyone or other.everyone

    def affected_teams(self, directory: DesiredState) -> frozenset[TeamId]:
        """Return the teams of the changed groups, and the teams that rows name."""
        mapped = {
            mapping.team
            for mapping in directory.mappings
            if mapping.team is not None and mapping.group in self.groups
        }
        return frozenset(mapped | self.teams)


def collect_dirty_set(rows: Iterable[PendingRow]) -> DirtySet:
    """Return what the journal rows changed."""
    found = DirtySet()
    for row in rows:
        if row.kind == "admin":
            _admin(found, row)
        elif row.resource_type == "User":
            found.users.add(UserId(row.resource_id))
        elif row.resource_type == "Group":
            _group(found, row)
    return found


def _group(found: DirtySet, row: PendingRow) -> None:
    """Add a group. A new mapping or a nested group may affect everyone."""
    effect = row.effect
    found.groups.add(GroupId(row.resource_id))
    for direction in ("added", "removed"):
        found.users.update(UserId(number) for number in effect.get(direction) or ())
    if effect.get("bound") or effect.get("added_groups") or effect.get("op") == "group.delete":
        found.everyone = True


def _admin(found: DirtySet, row: PendingRow) -> None:
    if row.resource_type == "Mapping" and row.effect.get("team_id") is not None:
        found.teams.add(TeamId(row.effect["team_id"]))
    found.everyone = True
