"""Writes changes as events of the Open Cybersecurity Schema Framework (OCSF, https://schema.ocsf.io), for a SIEM.

Memberships, groups, teams and mappings are Group Management (3006), users are Account Change (3001), and other edits
by operators are Entity Management (3004). What the schema has no attribute for stands in ``unmapped``.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from calscim import __version__
from calscim.journal.feed.select import RowChange

VERSION = "1.6.0"  # the first with nested groups; 1.9 deprecates Account Change
Attributes = dict[str, object]

CATEGORY = 3  # Identity & Access Management
ACCOUNT_CHANGE, ENTITY_MANAGEMENT, GROUP_MANAGEMENT = 3001, 3004, 3006
_CLASSES = {
    ACCOUNT_CHANGE: "Account Change",
    ENTITY_MANAGEMENT: "Entity Management",
    GROUP_MANAGEMENT: "Group Management",
}
OTHER = 99
_DONE = {"done", "already", "gone"}
_UNCERTAIN = {"unknown", None}


@dataclass(frozen=True, slots=True)
class Activity:
    """An activity of a class. ``name``: the caption of the schema; with ``OTHER`` a name of our own."""

    class_uid: int
    id: int
    name: str


def _account(number: int, name: str) -> Activity:
    return Activity(ACCOUNT_CHANGE, number, name)


def _group(number: int, name: str) -> Activity:
    return Activity(GROUP_MANAGEMENT, number, name)


# By the type of a change.
CHANGES = {
    "user.created": _account(1, "Create"),
    "user.updated": _account(OTHER, "Update"),
    "user.deactivated": _account(5, "Disable"),
    "user.reactivated": _account(2, "Enable"),
    "user.deleted": _account(6, "Delete"),
    "group.created": _group(6, "Create"),
    "group.updated": _group(OTHER, "Update"),
    "group.deleted": _group(5, "Delete"),
    "membership.added": _group(3, "Add User"),
    "membership.removed": _group(4, "Remove User"),
    "admin.mapping.add": _group(1, "Assign Privileges"),
    "admin.mapping.change": _group(OTHER, "Change Privileges"),
    "admin.mapping.remove": _group(2, "Revoke Privileges"),
}
# By the kind of a call to Cal.com.
CALLS = {
    "user.create": _account(1, "Create"),
    "user.attach": _account(OTHER, "Attach to Organization"),
    "user.update": _account(OTHER, "Update"),
    "user.deprovision": _account(5, "Disable"),
    "team.create": _group(6, "Create"),
    "member.add": _group(3, "Add User"),
    "member.accept": _group(OTHER, "Accept Invitation"),
    "member.role": _group(OTHER, "Change Role"),
    "member.remove": _group(4, "Remove User"),
}
# By the verb of an operator's edit.
EDITS = {"create": (1, "Create"), "delete": (4, "Delete"), "revoke": (4, "Delete")}
EDITS |= {"pause": (12, "Suspend"), "resume": (13, "Resume")}
UPDATE = (3, "Update")


def as_ocsf(found: RowChange) -> Attributes:
    """Return the event of a change."""
    activity = _activity(found)
    event: Attributes = {
        "category_uid": CATEGORY,
        "category_name": "Identity & Access Management",
        "class_uid": activity.class_uid,
        "class_name": _CLASSES[activity.class_uid],
        "activity_id": activity.id,
        "activity_name": activity.name,
        "type_uid": activity.class_uid * 100 + activity.id,
        "type_name": f"{_CLASSES[activity.class_uid]}: {activity.name}",
        "time": int(found.at.timestamp() * 1000),
        **_result(found),
        "metadata": _metadata(found),
        "actor": _actor(found),
        **_target(found, activity),
        **_request(found),
        "unmapped": {
            "type": found.change.type,
            "organization": found.organization,
            "journal": {"stream": found.stream, "seq": found.seq},
            "data": found.change.data,
        },
    }
    return {name: value for name, value in event.items() if value is not None}


def _activity(found: RowChange) -> Activity:
    kind, data = found.change.type, found.change.data
    if kind == "calcom.action":
        called = str(data.get("kind"))
        fallback = _group if called.startswith(("member.", "team.")) else _account
        return CALLS.get(called, fallback(OTHER, called))
    if kind in {"membership.added", "membership.removed"} and "member_group_id" in data:
        return _group(7, "Add Subgroup") if kind.endswith("added") else _group(8, "Remove Subgroup")
    if kind in CHANGES:
        return CHANGES[kind]
    return Activity(ENTITY_MANAGEMENT, *EDITS.get(kind.rpartition(".")[2], UPDATE))


def _result(found: RowChange) -> Attributes:
    """Return severity and status: a change that Cal.com did not make is of medium severity."""
    if found.change.type != "calcom.action":
        return {"severity_id": 1, "severity": "Informational", "status_id": 1, "status": "Success"}
    outcome = found.change.data.get("outcome")
    if outcome in _DONE:
        status: Attributes = {"status_id": 1, "status": "Success"}
    elif outcome in _UNCERTAIN:
        status = {"status_id": 0, "status": "Unknown"}
    else:
        status = {"status_id": 2, "status": "Failure"}
    severity: Attributes = (
        {"severity_id": 1, "severity": "Informational"}
        if outcome in _DONE
        else {"severity_id": 3, "severity": "Medium"}
    )
    detail = found.change.data.get("detail")
    return {**severity, **status, "status_code": outcome, "status_detail": detail or None}


def _metadata(found: RowChange) -> Attributes:
    return {
        "version": VERSION,
        "product": {"name": "calscim", "vendor_name": "calscim", "version": __version__},
        "uid": found.id,
        "sequence": found.seq,
        "correlation_uid": found.request_id,
        "log_name": "journal",
        "log_provider": found.stream,
    }


def _actor(found: RowChange) -> Attributes:
    """Return who made the change: an operator, the identity provider, or calscim by itself."""
    if found.kind == "admin":
        return {"user": {"name": found.remote or "unknown"}, "app_name": "calscim"}
    if found.kind == "scim":
        name = found.directory or found.stream
        return {
            "app_name": name,
            "app_uid": found.stream,
            "idp": {"name": name, "uid": found.stream},
        }
    return {"app_name": "calscim"}


def _target(found: RowChange, activity: Activity) -> Attributes:
    """Return the group, user or entity that the change is about."""
    data = found.change.data
    if activity.class_uid == ENTITY_MANAGEMENT:
        return {"entity": _entity(data)}
    if found.change.type.startswith("admin.mapping."):
        return _privileges(data)
    if found.change.type == "calcom.action":
        team = data.get("team_id")
        group = {"name": f"Cal.com team {team}", "uid": str(team), "type": "Cal.com team"}
        if team is None:
            group = {"name": "Cal.com organization", "type": "Cal.com organization"}
        user = None if data.get("kind") == "team.create" else _user(data)
        if activity.class_uid == GROUP_MANAGEMENT:
            role = data.get("role")
            return {"group": group, "user": user, "privileges": [str(role)] if role else None}
        return {"user": user}
    if activity.class_uid == ACCOUNT_CHANGE:
        return {"user": _user(data)}
    return _membership(data)


def _membership(data: Mapping[str, object]) -> Attributes:
    group = {"name": data.get("group_name") or data.get("name"), "uid": data.get("group_id")}
    target: Attributes = {"group": _known({**group, "type": "Directory group"})}
    if "member_group_id" in data:
        member = {"name": data.get("member_group_name"), "uid": data["member_group_id"]}
        target["subgroup"] = _known(member)
    elif "user_id" in data:
        target["user"] = _user(data)
    return target


def _privileges(data: Mapping[str, object]) -> Attributes:
    """Return what an edit of a mapping grants: a role on a team, or in the organization, to a group."""
    edit = data.get("details")
    edit = edit if isinstance(edit, dict) else {}
    team = edit.get("team_id")
    resource = {"uid": None if team is None else str(team), "name": edit.get("team")}
    return {
        "group": _known(
            {
                "name": edit.get("group", "erased"),
                "uid": edit.get("group_id"),
                "type": "Directory group",
            }
        ),
        "privileges": [f"{edit.get('role')} ({edit.get('mode')})"] if edit else None,
        "resource": _known(
            {**resource, "type": "Cal.com team" if team else "Cal.com organization"}
        ),
    }


def _entity(data: Mapping[str, object]) -> Attributes:
    edit = data.get("details")
    name = edit.get("name") if isinstance(edit, dict) else None
    kind, key = data.get("resource_type"), data.get("resource_id")
    return _known({"name": name, "uid": key or kind or "calscim", "type": kind})


def _user(data: Mapping[str, object]) -> Attributes:
    """Return a user; at least the id is known, or that there is none."""
    user = _known(
        {
            "name": data.get("user_name") or data.get("email"),
            "uid": data.get("user_id"),
            "uid_alt": None if not data.get("cal_user_id") else str(data["cal_user_id"]),
            "email_addr": data.get("email"),
        }
    )
    return user or {"name": "unknown"}


def _request(found: RowChange) -> Attributes:
    """Return the request of the identity provider, and the address that it came from."""
    if found.kind != "scim":
        return {}
    request = {"http_method": found.method, "uid": found.request_id, "url": {"path": found.path}}
    try:
        address = str(ipaddress.ip_address(found.remote))
    except ValueError:
        return {"http_request": request}
    return {"http_request": request, "src_endpoint": {"ip": address}}


def _known(attributes: Attributes) -> Attributes:
    return {name: value for name, value in attributes.items() if value is not None and value != ""}
