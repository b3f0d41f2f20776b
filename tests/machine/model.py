"""A model of the directory and of manual edits in Cal.com, and a simulated Cal.com that reports removals."""

from collections import Counter
from dataclasses import dataclass, field

from calscim.testing.calcom import calcom


@dataclass
class Model:
    """The state of the directory, and the manual edits in Cal.com."""

    active: dict[str, bool] = field(default_factory=dict)  # pushed users
    groups: dict[str, set[str]] = field(default_factory=dict)
    mapped: dict[tuple[str, str], str] = field(default_factory=dict)  # (group, team) -> mode
    by_hand: set[tuple[str, str]] = field(default_factory=set)  # (team, name) put there by hand
    # (team, name) taken off and put back by hand. calscim ends the new membership if it saw no difference, and leaves it
    # if it saw that its own membership was gone.
    put_back: set[tuple[str, str]] = field(default_factory=set)
    said: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)  # name -> attributes
    edited: set[tuple[str, str, str]] = field(default_factory=set)  # name, attribute, value by hand
    approved: set[tuple[str | None, str]] = field(default_factory=set)  # (team, name) released
    removed: Counter[str | None] = field(default_factory=Counter)  # from a team, not approved
    gone: Counter[str | None] = field(default_factory=Counter)  # approved or not

    def wanted(self, team):
        """Return the names that the groups of a team's mappings put on the team."""
        return {
            name
            for (group, mapped), _ in self.mapped.items()
            if mapped == team
            for name in self.groups.get(group, ())
            if self.active.get(name)
        }

    def waits(self, team):
        """Return True if the group of a mapping was not pushed yet. Until then, calscim removes no member added by hand."""
        return any(group not in self.groups for group, mapped in self.mapped if mapped == team)

    def exclusive(self, team):
        """Return True if a mapping makes the team exclusive."""
        return any(
            mode == "exclusive" for (_, mapped), mode in self.mapped.items() if mapped == team
        )


class Watched(calcom.World):
    """A simulated Cal.com that reports each membership that ends."""

    dropped = left = staticmethod(lambda _: None)

    def drop(self, membership):
        self.dropped(membership)
        super().drop(membership)

    def leave(self, user):
        self.left(user)
        super().leave(user)
