"""Derives the changes of one journal row from its effect and the effect before it. This module does no I/O.

A row that changed nothing, such as a PUT of equal data, has no changes. A row whose effect was erased still has the
change that its status shows, without the names.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from calscim.journal.feed.event import Change

Effect = Mapping[str, object]
ERASED: Effect = {"erased": True}
_OF_USERS = ("user_name", "email", "external_id", "active", "managed", "source")
_OF_GROUPS = ("display_name", "external_id")
# The SCIM attributes of those.
_USER_FIELDS = frozenset({"userName", "externalId", "active"})
_GROUP_FIELDS = frozenset({"displayName", "externalId"})
# Members of the effect of an erasure that only a verifier of the journal needs.
_FOR_VERIFIERS = frozenset({"rows", "instead"})


@dataclass(frozen=True, slots=True)
class Row:
    """A journal row. ``effect`` None: it was erased, or the row has none. ``before``: the resource before the row.

    ``ended``: the memberships, as (group, member), that a deletion ended.
    """

    kind: str
    path: str
    status: int
    remote: str
    resource_type: str
    resource_id: str
    effect: Effect | None
    before: Effect | None = None
    ended: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Names:
    """Names at the time when the event is made: users with their addresses, and groups."""

    users: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)


def changes(row: Row, names: Names) -> Iterator[Change]:
    """Yield what the row changed, in the order of the events."""
    operation = None if row.effect is None else row.effect.get("op")
    if operation == "user.delete":
        yield from _end_memberships(row, names)
        yield Change("user.deleted", _user_names(row.resource_id, names), row.resource_id)
    elif row.kind == "admin":
        yield _edit(row)
    elif row.kind == "calcom":
        yield _call(row)
    elif row.kind not in {"scim", "import"}:
        return
    elif operation == "user.put":
        yield from _put_user(row)
    elif operation == "group.put":
        yield from _put_group(row, names)
    elif operation == "group.delete":
        yield from _end_memberships(row, names)
        group = {"group_id": row.resource_id, "name": names.groups.get(row.resource_id)}
        yield Change("group.deleted", group)
    elif row.effect is None and row.resource_type == "User":
        verb = "created" if row.status == 201 else "updated"
        yield Change(f"user.{verb}", {"user_id": row.resource_id, **ERASED}, row.resource_id)


def _put_user(row: Row) -> Iterator[Change]:
    assert row.effect is not None, "only rows with an effect have an operation"
    effect, before = row.effect, row.before
    if row.status == 201:
        yield _user("created", row)
        return
    if before is None:  # erased, or in an archive: what exactly changed is unknown
        yield _user("updated", row)
        return
    was_active, is_active = before.get("active"), effect.get("active")
    changed = sorted(
        _changed(effect, before, _OF_USERS) | _changed_attributes(effect, before, _USER_FIELDS)
    )
    if was_active != is_active:
        verb = "reactivated" if is_active else "deactivated"
        yield _user(verb, row, [name for name in changed if name != "active"])
    elif changed:
        yield _user("updated", row, changed)


def _user(verb: str, row: Row, changed: list[str] | None = None) -> Change:
    assert row.effect is not None, "only rows with an effect have an operation"
    data = {
        "user_id": row.resource_id,
        **{name: row.effect.get(name) for name in _OF_USERS},
        "version": row.effect.get("version"),
    }
    if changed is not None:
        data["changed"] = changed
    return Change(f"user.{verb}", data, row.resource_id)


def _put_group(row: Row, names: Names) -> Iterator[Change]:
    assert row.effect is not None, "only rows with an effect have an operation"
    effect, before = row.effect, row.before
    group = {
        "group_id": row.resource_id,
        "name": effect.get("display_name"),
        "external_id": effect.get("external_id"),
        "version": effect.get("version"),
    }
    if row.status == 201:
        yield Change("group.created", group)
    elif before is None:  # as in _put_user
        yield Change("group.updated", group)
    else:
        changed = sorted(
            {
                "name" if name == "display_name" else name
                for name in _changed(effect, before, _OF_GROUPS)
            }
            | _changed_attributes(effect, before, _GROUP_FIELDS)
        )
        if changed:
            former = {"former_name": before.get("display_name")} if "name" in changed else {}
            yield Change("group.updated", group | {"changed": changed} | former)
    for member in _ids(effect, "removed"):
        yield _membership("removed", row.resource_id, effect.get("display_name"), member, names)
    for kind in ("added", "added_groups"):
        for member in _ids(effect, kind):
            yield _membership("added", row.resource_id, effect.get("display_name"), member, names)


def _end_memberships(row: Row, names: Names) -> Iterator[Change]:
    for group, member in row.ended:
        yield _membership("removed", group, names.groups.get(group), member, names)


def _membership(verb: str, group: str, group_name: object, member: str, names: Names) -> Change:
    data: dict[str, object] = {"group_id": group, "group_name": group_name}
    if member in names.groups:
        data |= {"member_group_id": member, "member_group_name": names.groups[member]}
        return Change(f"membership.{verb}", data)
    return Change(f"membership.{verb}", data | _user_names(member, names), member)


def _user_names(user_id: str, names: Names) -> dict[str, object]:
    user_name, email = names.users.get(user_id, (None, None))
    return {"user_id": user_id, "user_name": user_name, "email": email}


def _edit(row: Row) -> Change:
    data: dict[str, object] = {"actor": row.remote, "resource_type": row.resource_type}
    data["resource_id"] = row.resource_id
    if row.effect is None:
        data |= ERASED
    else:
        hidden = _FOR_VERIFIERS | {"action"}
        data["details"] = {name: value for name, value in row.effect.items() if name not in hidden}
    return Change(f"admin.{row.path}", data)


def _call(row: Row) -> Change:
    effect = row.effect
    if effect is None:
        return Change("calcom.action", {"kind": row.path, **ERASED})
    names = ("email", "user_id", "cal_user_id", "team_id", "role", "outcome", "detail")
    data: dict[str, object] = {"kind": effect.get("action")}
    data |= {name: effect.get(name) for name in names}
    data["reason"] = effect.get("because")
    stream, seq = effect.get("stream"), effect.get("seq")
    data["journal"] = None if stream is None else {"stream": stream, "seq": seq}
    user = effect.get("user_id")
    return Change("calcom.action", data, None if user is None else str(user))


def _changed(effect: Effect, before: Effect, names: tuple[str, ...]) -> set[str]:
    return {name for name in names if effect.get(name) != before.get(name)}


def _changed_attributes(effect: Effect, before: Effect, fields: frozenset[str]) -> set[str]:
    """Return the SCIM attributes that differ, except those that events have as ``fields``."""
    after, earlier = effect.get("data"), before.get("data")
    if not isinstance(after, dict) or not isinstance(earlier, dict):
        return set()
    differ = {
        name for name in after.keys() | earlier.keys() if after.get(name) != earlier.get(name)
    }
    return differ - fields


def _ids(effect: Effect, name: str) -> list[str]:
    found = effect.get(name)
    return [str(one) for one in found] if isinstance(found, list) else []
