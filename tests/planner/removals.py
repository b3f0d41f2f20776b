"""Worlds in which a plan removes or demotes many people at once."""

from dataclasses import replace

from calscim.planner.actions import (
    Kind,
)
from calscim.planner.safeguards.limits import Guards, Limit
from tests.planner.world import (
    ADMIN,
    EXCLUSIVE,
    MANAGED,
    PlannerWorld,
    world,
)


def states(plan, kind: Kind = Kind.REMOVE) -> list[str]:
    return [action.state.value for action in plan.actions if action.kind is kind]


def team_of(size: int, leavers: int, strangers: int = 0) -> PlannerWorld:
    """Return an exclusive team of ``size``: ``leavers`` left the group, and ``strangers`` were added by hand."""
    w = world().group("S").map("S", 7, EXCLUSIVE)
    for number in range(size - strangers):
        name = f"u{number:02}"
        w.user(name).join("S", name).on(7, name, ledger="added", mode=EXCLUSIVE)
        if number < leavers:
            w.leave("S", name)
    for number in range(strangers):
        w.account(f"x{number:02}").on(7, f"x{number:02}")
    return w


def wide(w: PlannerWorld, **limits: object) -> PlannerWorld:
    """Lift all limits except the given ones."""
    everything = Limit(count=10_000)
    w.guards = replace(Guards(everything, everything, everything, everything), **limits)
    return w


def two_teams(leavers: int) -> PlannerWorld:
    w = world()
    for team, group in ((7, "A"), (8, "B")):
        w.group(group).map(group, team)
        for number in range(20):
            name = f"{group}{number:02}"
            w.user(name).join(group, name).on(team, name, ledger="added", mappings=(team - 6,))
            if number < leavers:
                w.leave(group, name)
    return w


def admins(size: int, lowered: int) -> PlannerWorld:
    w = world().group("S").group("L").map("S", 7).map("L", 7, MANAGED, ADMIN)
    for number in range(size):
        name = f"u{number:02}"
        w.user(name).join("S", name).join("L", name)
        w.on(7, name, role=ADMIN, ledger="added", mappings=(1, 2))
        if number < lowered:
            w.leave("L", name)
    return w
