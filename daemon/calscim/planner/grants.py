"""Compute the wanted role of each person on each team from users, groups, and mappings.

If several mappings grant a membership, the highest role wins. An exclusive mapping makes its whole team exclusive;
otherwise a membership has the strongest mode of the mappings that grant it. A mapping in ``observe`` changes nothing
in Cal.com, and its role does not count for people that another mapping puts on the team.
"""

from collections.abc import Iterable
from collections.abc import Mapping as MappingOf
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from calscim.planner.desired_state import DesiredState, Mapping
from calscim.planner.identity import People, PersonKey, identify
from calscim.planner.ids import MappingId, TeamId
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
    """Compute the wanted memberships. ``teams``: only these teams; the cost grows with their memberships."""
    people = identify(desired) if people is None else people
    in_use = sorted(
        (mapping for mapping in desired.mappings if mapping.removed_seq is None),
        key=lambda mapping: mapping.id,
    )
    live: dict[TeamId, list[Mapping]] = {}
    for mapping in in_use:
        if mapping.team is not None:
            live.setdefault(mapping.team, []).append(mapping)
    exclusive = {mapping.team for mapping in in_use if mapping.mode is Mode.EXCLUSIVE}
    members = _ActiveMembers(desired, people)
    mapped: set[PersonKey] = set()
    watched: set[PersonKey] = set()
    if policy.provision_people is Provision.MAPPED:
        for mapping in in_use:
            (watched if mapping.mode is Mode.OBSERVE else mapped).update(members.of(mapping))
    return ResolvedGrants(
        people=people,
        teams={
            team: _combine(members, mappings, exclusive=team in exclusive)
            for team, mappings in live.items()
            if teams is None or team in teams
        },
        roles=_combine(members, [m for m in in_use if m.team is None], exclusive=False),
        live={team: tuple(mappings) for team, mappings in live.items()},
        exclusive={team for team in live if team in exclusive},
        mapped=mapped,
        watched=watched,
    )


class _ActiveMembers:
    """Finds the active people in a mapped group."""

    def __init__(self, desired: DesiredState, people: People) -> None:
        self._members = desired.members
        self._active = {
            user.id: people.key_of[user.id]
            for user in desired.users.values()
            if user.active and user.id in people.key_of
        }

    def of(self, mapping: Mapping) -> Iterable[PersonKey]:
        if mapping.group is None:
            return ()
        active = self._active
        users = self._members.get(mapping.group, {})
        return (key for user in users if (key := active.get(user)) is not None)


def _combine(
    members: _ActiveMembers, mappings: Iterable[Mapping], *, exclusive: bool
) -> dict[PersonKey, EffectiveGrant]:
    """Return the grant of each person, built once for each combination of mappings."""
    grants: dict[PersonKey, EffectiveGrant] = {}
    combined: dict[tuple[MappingId, ...], EffectiveGrant] = {}
    for mapping in mappings:
        single = _effective((mapping,), exclusive=exclusive)
        for key in members.of(mapping):
            before = grants.get(key)
            if before is None:
                grants[key] = single
            elif before.ids[-1] != mapping.id:
                ids = (*before.ids, mapping.id)
                if ids not in combined:
                    combined[ids] = _effective((*before.mappings, mapping), exclusive=exclusive)
                grants[key] = combined[ids]
    return grants


def _effective(mappings: tuple[Mapping, ...], *, exclusive: bool) -> EffectiveGrant:
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
