"""The two stages of drift: what nobody asked for is taken away only when it stayed for a while.

Removals that the directory asked for are never delayed. Whoever keeps the sightings counts complete passes
only, and forgets an action that one of them did not want any more.
"""

from collections.abc import Iterator
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, replace

from calscim.core.digest import digest
from calscim.core.floors import takes
from calscim.core.model import Action, Plan, State


@dataclass(frozen=True, slots=True)
class Patience:
    """How long drift must last: complete passes in a row, this one included, and seconds since the first."""

    passes: int = 1
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Sighting:
    """In how many complete passes before this one an action was wanted, and how long ago first."""

    passes: int
    seconds: float


NEVER = Sighting(0, 0.0)


def unasked(plan: Plan) -> dict[str, Action]:
    """What would be taken away with no journal row behind it, by digest: what sightings are kept of."""
    return dict(_unasked(plan))


def settled(plan: Plan, sightings: MappingOf[str, Sighting], patience: Patience) -> Plan:
    """The plan without the drift that has not lasted yet; a note says for how many people it waits."""
    early = {
        id(action)
        for name, action in _unasked(plan)
        if not _lasted(sightings.get(name, NEVER), patience)
    }
    if not early:
        return plan
    note = (
        f"{len(early)} changes that nobody asked for wait until they were seen in {patience.passes} "
        f"complete passes and for {patience.seconds:g} seconds"
    )
    return replace(
        plan,
        actions=tuple(action for action in plan.actions if id(action) not in early),
        notes=(*plan.notes, note),
    )


def _lasted(sighting: Sighting, patience: Patience) -> bool:
    return sighting.passes + 1 >= patience.passes and sighting.seconds >= patience.seconds


def _unasked(plan: Plan) -> Iterator[tuple[str, Action]]:
    for action in plan.actions:
        if action.drift and action.state is State.RUN and takes(action):
            yield digest([action]), action
