"""Which people and teams a few journal rows concern, so that a push costs reads for just those."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from calscim.planner.desired_state import DesiredState
from calscim.planner.ids import GroupId, TeamId, UserId
from calscim.reconciler.state.runs import PendingRow


@dataclass(slots=True)
class DirtySet:
    """``everyone``: an edit whose reach is the whole organization, such as an unpaused directory.

    ``look`` False: what is known is fresh enough, and reads would only take calls from a backlog.
    """

    users: set[UserId] = field(default_factory=set)
    groups: set[GroupId] = field(default_factory=set)
    teams: set[TeamId] = field(default_factory=set)
    everyone: bool = False
    look: bool = True

    def __bool__(self) -> bool:
        return bool(self.users or self.groups or self.teams or self.everyone)

    def update(self, other: "DirtySet") -> None:
        """Concern what the other concerns as well."""
        self.users |= other.users
        self.groups |= other.groups
        self.teams |= other.teams
        self.everyone = self.everyone or other.everyone

    def reach(self, directory: DesiredState) -> frozenset[TeamId]:
        """The teams to look at: those of the touched groups, and those named outright."""
        mapped = {
            mapping.team
            for mapping in directory.mappings
            if mapping.team is not None and mapping.group in self.groups
        }
        return frozenset(mapped | self.teams)


def touched(news: Iterable[PendingRow]) -> DirtySet:
    """Read off the journal rows whom and what they changed."""
    found = DirtySet()
    for row in news:
        if row.kind == "admin":
            _admin(found, row)
        elif row.resource_type == "User":
            found.users.add(UserId(row.resource_id))
        elif row.resource_type == "Group":
            _group(found, row)
    return found


def _group(found: DirtySet, row: PendingRow) -> None:
    """A group that got a mapping, or a group among its members, may concern anybody."""
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
