"""Compute the wanted role of each person on each team from users, groups, and mappings.

If several mappings grant an record, the highest role wins. An exclusive mapping makes its whole team exclusive;
otherwise an record has the strongest mode of the mappings that grant it. A mapping that only observes gives its role to
no person whom another mapping puts on the team, and changes nothing in Cal.com.
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

_STRENGTH = {Mode.OBSERVE: 0, Mode.ADD_ONLY: 1, Mode.MANAGED: 2, Mode.EXCLUSIVE: 3}


@dataclass(frozen=True, slots=True)
class EffectiveGrant:
    """The combined effect of a set of mappings to one team, shared by all people in exactly that set."""

    role: Role
    mode: Mode
    mappings: tuple[Mapping, ...]  # sorted by id
    ids: tuple[MappingId, ...]


Grants = MappingOf[PersonKey, EffectiveGrant]


@dataclass(frozen=True, slots=True)
class ResolvedGrants:
    """The wanted people, memberships, and roles of one organization."""

    people: People
    teams: MappingOf[TeamId, Grants]
    roles: Grants  # in the organization itself
    live: MappingOf[TeamId, tuple[Mapping, ...]]  # mappings in use, bound or not
    exclusive: AbstractSet[TeamId]
    mapped: AbstractSet[PersonKey]  # in an acting mapping's group; empty unless MAPPED
    watched: AbstractSet[PersonKey]  # in an observing mapping's group; likewise


def resolve_grants(
    desired: DesiredState,
    policy: Policy,
    people: People | None = None,
    teams: AbstractSet[TeamId] | None = None,
) -> ResolvedGrants:
    """Compute what is wanted. ``teams``: only these teams; the cost grows with their memberships."""
    people = identify(desired) if people is None else people
    live = _live(desired)
    exclusive = {
        team
        for team, mappings in live.items()
        if any(mapping.mode is Mode.EXCLUSIVE for mapping in mappings)
    }
    reach = {
        user.id: people.key_of[user.id]
        for user in desired.users.values()
        if user.active and user.id in people.key_of
    }
    edges = {
        team: _edges(desired, reach, mappings, exclusive=team in exclusive)
        for team, mappings in live.items()
        if teams is None or team in teams
    }
    organization = [m for m in _in_use(desired) if m.team is None]
    mapped: set[PersonKey] = set()
    watched: set[PersonKey] = set()
    if policy.provision_people is Provision.MAPPED:
        for mapping in _in_use(desired):
            place = watched if mapping.mode is Mode.OBSERVE else mapped
            place.update(_keys(desired, reach, mapping))
    return ResolvedGrants(
        people=people,
        teams=edges,
        roles=_edges(desired, reach, organization, exclusive=False),
        live=live,
        exclusive=exclusive,
        mapped=mapped,
        watched=watched,
    )


def _in_use(desired: DesiredState) -> list[Mapping]:
    mappings = (mapping for mapping in desired.mappings if mapping.removed_seq is None)
    return sorted(mappings, key=lambda mapping: mapping.id)


def _live(desired: DesiredState) -> dict[TeamId, tuple[Mapping, ...]]:
    live: dict[TeamId, list[Mapping]] = {}
    for mapping in _in_use(desired):
        if mapping.team is not None:
            live.setdefault(mapping.team, []).append(mapping)
    return {team: tuple(mappings) for team, mappings in live.items()}


def _keys(
    desired: DesiredState, reach: MappingOf[UserId, PersonKey], mapping: Mapping
) -> Iterable[PersonKey]:
    if mapping.group is None:
        return ()
    members = desired.members.get(mapping.group, {})
    return (key for user in members if (key := reach.get(user)) is not None)


def _edges(
    desired: DesiredState,
    reach: MappingOf[UserId, PersonKey],
    mappings: Iterable[Mapping],
    *,
    exclusive: bool,
) -> dict[PersonKey, EffectiveGrant]:
    """Return the grant of each person, built once for each combination of mappings."""
    edges: dict[PersonKey, EffectiveGrant] = {}
    combined: dict[tuple[MappingId, ...], EffectiveGrant] = {}
    for mapping in mappings:
        alone = _sources((mapping,), exclusive=exclusive)
        for key in _keys(desired, reach, mapping):
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
    """Return the mode of these mappings that lets calscim do the most; at least one is required."""
    return max((mapping.mode for mapping in mappings), key=_STRENGTH.__getitem__)
