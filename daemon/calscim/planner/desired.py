"""Who is wanted where: from users, groups and mappings to one wanted role for each person and team.

Of several sources the highest role wins. An exclusive mapping makes its whole team exclusive; otherwise an
edge has the strongest mode among the sources that give it. A mapping that only observes lends its role to
nobody who is wanted by another one, and its being there changes nothing in Cal.com.
"""

from collections.abc import Iterable
from collections.abc import Mapping as MappingOf
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from calscim.planner.desired_state import DesiredState, Mapping
from calscim.planner.identity import People, PersonKey, identify
from calscim.planner.ids import MappingId, TeamId, UserId
from calscim.planner.modes import Mode, Provision
from calscim.planner.policy import Policy
from calscim.planner.roles import Role

STRENGTH = {Mode.OBSERVE: 0, Mode.ADD_ONLY: 1, Mode.MANAGED: 2, Mode.EXCLUSIVE: 3}


@dataclass(frozen=True, slots=True)
class EffectiveGrant:
    """What a set of mappings to one team gives together; shared by everybody who is in just these."""

    role: Role
    mode: Mode
    mappings: tuple[Mapping, ...]  # by id
    ids: tuple[MappingId, ...]


Grants = MappingOf[PersonKey, EffectiveGrant]


@dataclass(frozen=True, slots=True)
class Desired:
    """Everything wanted of one organization."""

    people: People
    teams: MappingOf[TeamId, Grants]
    roles: Grants  # in the organization itself
    live: MappingOf[TeamId, tuple[Mapping, ...]]  # mappings in use, bound or waiting
    exclusive: AbstractSet[TeamId]
    mapped: AbstractSet[PersonKey]  # in an acting mapping's group; empty unless MAPPED
    watched: AbstractSet[PersonKey]  # in an observing mapping's group; likewise

    def waiting(self, team: TeamId) -> tuple[Mapping, ...]:
        """Mappings of a team that no pushed group has answered yet."""
        return tuple(mapping for mapping in self.live.get(team, ()) if mapping.group is None)

    def observed_only(self, team: TeamId) -> bool:
        """Whether every mapping of a team only reports, and at least one has a group to report on."""
        live = self.live.get(team, ())
        return any(mapping.group is not None for mapping in live) and all(
            mapping.mode is Mode.OBSERVE for mapping in live
        )


def desired(
    directory: DesiredState,
    policy: Policy,
    people: People | None = None,
    teams: AbstractSet[TeamId] | None = None,
) -> Desired:
    """Costs one look at each membership of a mapped group; ``teams`` leaves the others out."""
    people = identify(directory) if people is None else people
    live = _live(directory)
    exclusive = {
        team
        for team, mappings in live.items()
        if any(mapping.mode is Mode.EXCLUSIVE for mapping in mappings)
    }
    reach = {
        user.id: people.of[user.id]
        for user in directory.users.values()
        if user.active and user.id in people.of
    }
    edges = {
        team: _edges(directory, reach, mappings, exclusive=team in exclusive)
        for team, mappings in live.items()
        if teams is None or team in teams
    }
    organization = [m for m in _in_use(directory) if m.team is None]
    mapped: set[PersonKey] = set()
    watched: set[PersonKey] = set()
    if policy.provision_people is Provision.MAPPED:
        for mapping in _in_use(directory):
            place = watched if mapping.mode is Mode.OBSERVE else mapped
            place.update(_keys(directory, reach, mapping))
    return Desired(
        people=people,
        teams=edges,
        roles=_edges(directory, reach, organization, exclusive=False),
        live=live,
        exclusive=exclusive,
        mapped=mapped,
        watched=watched,
    )


def _in_use(directory: DesiredState) -> list[Mapping]:
    mappings = (mapping for mapping in directory.mappings if mapping.removed_seq is None)
    return sorted(mappings, key=lambda mapping: mapping.id)


def _live(directory: DesiredState) -> dict[TeamId, tuple[Mapping, ...]]:
    live: dict[TeamId, list[Mapping]] = {}
    for mapping in _in_use(directory):
        if mapping.team is not None:
            live.setdefault(mapping.team, []).append(mapping)
    return {team: tuple(mappings) for team, mappings in live.items()}


def _keys(
    directory: DesiredState, reach: MappingOf[UserId, PersonKey], mapping: Mapping
) -> Iterable[PersonKey]:
    if mapping.group is None:
        return ()
    members = directory.members.get(mapping.group, {})
    return (key for user in members if (key := reach.get(user)) is not None)


def _edges(
    directory: DesiredState,
    reach: MappingOf[UserId, PersonKey],
    mappings: Iterable[Mapping],
    *,
    exclusive: bool,
) -> dict[PersonKey, EffectiveGrant]:
    """Sources are made once for each combination of mappings, not once a person."""
    edges: dict[PersonKey, EffectiveGrant] = {}
    combined: dict[tuple[MappingId, ...], EffectiveGrant] = {}
    for mapping in mappings:
        alone = _sources((mapping,), exclusive=exclusive)
        for key in _keys(directory, reach, mapping):
            before = edges.get(key)
            if before is None:
                edges[key] = alone
            elif before.ids[-1] != mapping.id:
                ids = (*before.ids, mapping.id)
                if (both := combined.get(ids)) is None:
                    both = _sources((*before.mappings, mapping), exclusive=exclusive)
                    combined[ids] = both
                edges[key] = both
    return edges


def _sources(mappings: tuple[Mapping, ...], *, exclusive: bool) -> EffectiveGrant:
    acting = [m for m in mappings if exclusive or m.mode is not Mode.OBSERVE] or mappings
    return EffectiveGrant(
        role=max((mapping.role for mapping in acting), key=lambda role: role.rank),
        mode=Mode.EXCLUSIVE if exclusive else strongest(mappings),
        mappings=mappings,
        ids=tuple(mapping.id for mapping in mappings),
    )


def strongest(mappings: Iterable[Mapping]) -> Mode:
    """Of at least one mapping, the mode that lets calscim do most."""
    return max((mapping.mode for mapping in mappings), key=STRENGTH.__getitem__)
