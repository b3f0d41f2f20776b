"""Who is wanted where: from users, groups and mappings to one wanted role for each person and team.

SCIM users that are the same account, or have the same address, are one person. Of several sources the
highest role wins; an exclusive mapping makes its whole team exclusive; otherwise an edge follows the
strongest mode among the sources that give it.
"""

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass

from calscim.core.model import (
    CalUserId,
    Cause,
    Directory,
    Mapping,
    MappingId,
    Mode,
    Role,
    TeamId,
    User,
    UserId,
)

_STRENGTH = {Mode.OBSERVE: 0, Mode.ADD_ONLY: 1, Mode.MANAGED: 2, Mode.EXCLUSIVE: 3}


@dataclass(frozen=True, slots=True)
class Person:
    """One human: the SCIM user that stands for them, and every user that is them."""

    user: User
    users: tuple[User, ...]
    cal_user: CalUserId | None

    @property
    def active(self) -> bool:
        return any(user.active and user.managed for user in self.users)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One person wanted on one team; with team None, an organization role."""

    person: Person
    role: Role
    mode: Mode
    mappings: tuple[MappingId, ...]
    groups: tuple[tuple[str, int], ...]  # group name, journal row that put the person there
    cause: Cause
    paused: bool


@dataclass(frozen=True, slots=True)
class Desired:
    """``edges`` by team and person's standing user; ``mapped`` are users in any mapped group."""

    people: MappingOf[UserId, Person]
    edges: MappingOf[TeamId, MappingOf[UserId, Wanted]]
    roles: MappingOf[UserId, Wanted]
    modes: MappingOf[TeamId, Mode]  # of teams with at least one bound or waiting live mapping
    mapped: frozenset[UserId]


def desired(directory: Directory) -> Desired:
    """Everything wanted. Cost grows with memberships, not with people times teams."""
    people = _people(directory)
    live = [mapping for mapping in directory.mappings if mapping.removed_seq is None]
    exclusive = {m.team for m in live if m.mode is Mode.EXCLUSIVE and m.team is not None}
    modes: dict[TeamId, Mode] = {}
    for mapping in live:
        if mapping.team is not None:
            mode = Mode.EXCLUSIVE if mapping.team in exclusive else mapping.mode
            modes[mapping.team] = _stronger(mode, modes.get(mapping.team))
    edges: dict[TeamId, dict[UserId, Wanted]] = {}
    roles: dict[UserId, Wanted] = {}
    mapped: set[UserId] = set()
    for mapping in live:
        if mapping.group is None:
            continue
        for user, seq in directory.members.get(mapping.group, {}).items():
            person = people.get(user)
            if person is None:
                continue
            mapped.add(person.user.id)
            if not _may_be_given(person):
                continue
            place = roles if mapping.team is None else edges.setdefault(mapping.team, {})
            given = _given(directory, mapping, person, user, seq, mapping.team in exclusive)
            place[person.user.id] = _merged(place.get(person.user.id), given)
    return Desired(people, edges, roles, modes, frozenset(mapped))


def _may_be_given(person: Person) -> bool:
    """Active, and known by an address or an account; imported people count when they are active."""
    return any(user.active for user in person.users) and bool(
        person.user.email or person.cal_user is not None
    )


def _people(directory: Directory) -> dict[UserId, Person]:
    accounts: dict[str, CalUserId] = {}
    for link in directory.links.values():
        if (user := directory.users.get(link.user)) is not None and user.email:
            accounts.setdefault(user.email.casefold(), link.cal_user)
    grouped: dict[object, list[User]] = {}
    for user in directory.users.values():
        linked = directory.links.get(user.id)
        cal_user = linked.cal_user if linked else accounts.get(user.email.casefold())
        key: object = cal_user if cal_user is not None else (user.email.casefold() or user.id)
        grouped.setdefault(key, []).append(user)
    people: dict[UserId, Person] = {}
    for key, users in grouped.items():
        ordered = sorted(users, key=lambda user: (not user.managed, not user.active, user.id))
        cal_user = CalUserId(key) if isinstance(key, int) else None
        person = Person(ordered[0], tuple(ordered), cal_user)
        for user in users:
            people[user.id] = person
    return people


def _given(
    directory: Directory, mapping: Mapping, person: Person, user: UserId, seq: int, exclusive: bool
) -> Wanted:
    group = mapping.group
    assert group is not None
    stream = directory.users[user].directory
    paused = (
        directory.paused
        or mapping.directory in directory.paused_directories
        or mapping.team in directory.paused_teams
    )
    return Wanted(
        person=person,
        role=mapping.role,
        mode=Mode.EXCLUSIVE if exclusive else mapping.mode,
        mappings=(mapping.id,),
        groups=((directory.groups.get(group, mapping.group_name), seq),),
        cause=Cause(stream, seq),
        paused=paused,
    )


def _merged(one: Wanted | None, other: Wanted) -> Wanted:
    if one is None:
        return other
    high = one if one.role.rank >= other.role.rank else other
    return Wanted(
        person=high.person,
        role=high.role,
        mode=_stronger(one.mode, other.mode),
        mappings=tuple(sorted({*one.mappings, *other.mappings})),
        groups=tuple(sorted({*one.groups, *other.groups})),
        cause=high.cause,
        paused=one.paused and other.paused,
    )


def _stronger(one: Mode, other: Mode | None) -> Mode:
    return one if other is None or _STRENGTH[one] >= _STRENGTH[other] else other
