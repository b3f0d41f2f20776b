"""calscim journal export --format ocsf: each change as an event of the Open Cybersecurity Schema Framework."""

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from calscim import __version__, admin
from calscim.directory import resources
from calscim.directory.resources import GroupState, MemberChange
from calscim.journal.feed.event import Change
from calscim.journal.feed.select import RowChange, row_changes
from calscim.journal.history import Wanted
from calscim.journal.ocsf import OTHER, as_ocsf
from calscim.planner.actions import Kind, Outcome
from calscim.planner.modes import Mode
from calscim.planner.roles import Role
from tests.support.acme import ANN, EDITOR

FACTS = json.loads((Path(__file__).parent / "ocsf-1.6.0.json").read_text())
AT = datetime(2026, 3, 2, 12, 0, 0, 123_456, tzinfo=UTC)


def checked(event: dict) -> dict:
    """Return the event, after comparing it with the facts about the schema."""
    kind = FACTS["classes"][str(event["class_uid"])]
    required = {*FACTS["required"], *kind["required"]}
    assert required <= event.keys()
    assert event.keys() <= required | {*FACTS["base"], *kind["attributes"]}
    assert event["class_name"] == kind["name"]
    assert event["category_uid"] == event["class_uid"] // 1000 == 3
    assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
    if event["activity_id"] != OTHER:
        assert event["activity_name"] == kind["activities"][str(event["activity_id"])]
    assert event["activity_name"] not in kind["activities"].values() or event["activity_id"] != 99
    assert event["severity"] == FACTS["severities"][str(event["severity_id"])]
    assert event["status"] == FACTS["statuses"][str(event["status_id"])]
    assert event["metadata"]["version"] == "1.6.0"
    for name in FACTS["objects"].keys() & event.keys():
        assert event[name].keys() <= {*FACTS["objects"][name]}, name
    for name in {*FACTS["identified"]} & event.keys():
        assert event[name].get("name") or event[name].get("uid"), name
    assert None not in event.values()
    return json.loads(json.dumps(event, default=str))


async def exported(db, **wanted) -> list[dict]:
    return [checked(as_ocsf(found)) async for found in row_changes(db, Wanted(**wanted))]


def named(events) -> list[tuple[int, str]]:
    return [(event["class_uid"], event["activity_name"]) for event in events]


async def test_users_groups_and_memberships_of_a_directory(db, acme):
    events = await exported(db, streams=[acme.directory.id])

    assert named(events) == [
        (3001, "Create"),
        (3001, "Create"),
        (3006, "Create"),
        (3006, "Add User"),
        (3006, "Add User"),
        (3001, "Update"),
    ]
    added = events[3]
    assert added["group"] == {
        "name": "Sales",
        "uid": str(acme.group),
        "type": "Directory group",
    }
    assert added["actor"]["idp"] == {"name": "Okta", "uid": acme.directory.id}
    assert added["metadata"]["product"]["version"] == __version__
    assert added["unmapped"]["journal"]["stream"] == acme.directory.id
    assert events[5]["user"] == {"name": ANN, "email_addr": ANN, "uid": str(acme.ann)}
    assert len({event["metadata"]["uid"] for event in events}) == len(events)


async def test_deactivation_deletion_and_nested_groups(db, acme):
    before = len(await exported(db))
    await acme.put(acme.ann, ANN, active=False)
    await acme.put(acme.ann, ANN, active=True)
    parent = uuid.uuid4()
    state = GroupState("Everyone", None, '{"displayName": "Everyone"}')
    member = MemberChange(frozenset([acme.group]))
    await resources.create_group(db, acme.origin(b"{}"), parent, state, member, "")
    await resources.delete_user(db, acme.origin(b""), acme.ann)
    await resources.delete_group(db, acme.origin(b""), acme.group)

    events = await exported(db, streams=[acme.directory.id])

    found = named(events)[before - 1 :]
    assert found[:6] == [
        (3001, "Disable"),
        (3001, "Enable"),
        (3006, "Create"),
        (3006, "Add Subgroup"),
        (3006, "Remove User"),
        (3001, "Delete"),
    ]
    assert sorted(found[6:8]) == [(3006, "Remove Subgroup"), (3006, "Remove User")]
    assert found[8:] == [(3006, "Delete")]


async def test_edits_of_operators_name_the_operator(db, acme):
    team = admin.TeamRef(7, "Sales team")
    mapping, _ = await admin.add_mapping(
        db,
        EDITOR,
        admin.draft(acme.directory, group="Sales", team=team, role=Role.MEMBER, mode=Mode.MANAGED),
    )
    await admin.remove_mapping(db, EDITOR, mapping)
    made, _ = await admin.create_token(db, EDITOR, acme.directory, name="second")
    await admin.revoke_token(db, EDITOR, made)

    *_, assigned, removed, created, revoked = await exported(db, kind="admin")

    assert named([assigned, removed, created, revoked]) == [
        (3006, "Assign Privileges"),
        (3006, "Revoke Privileges"),
        (3004, "Create"),
        (3004, "Delete"),
    ]
    assert assigned["group"]["name"] == "Sales"
    assert assigned["privileges"] == ["MEMBER (managed)"]
    assert assigned["resource"] == {"uid": "7", "name": "Sales team", "type": "Cal.com team"}
    assert assigned["actor"]["user"] == {"name": EDITOR.by}
    assert created["entity"] == {"name": "second", "uid": str(made.id), "type": "Token"}


def event_of(change: Change, **row: object) -> dict:
    """Return the event of a change in a row with these columns."""
    columns = {
        "id": "e1",
        "at": AT,
        "stream": "@acme",
        "seq": 9,
        "kind": "calcom",
        "request_id": "r1",
        "method": "",
        "path": "",
        "status": 0,
        "remote": "",
        "directory": None,
        "provider": None,
        "organization": "acme",
    }
    return checked(as_ocsf(RowChange(**(columns | row), change=change)))


def called(kind: str, outcome: str | None, **data: object) -> dict:
    """Return the event of a call to Cal.com."""
    data = {"kind": kind, "outcome": outcome, "user_id": "u1", "email": ANN, "team_id": 7} | data
    return event_of(Change("calcom.action", data, "u1"), path=kind)


@pytest.mark.parametrize("kind", Kind)
def test_each_call_to_cal_com_has_an_activity(kind):
    event = called(kind.value, "done")

    assert event["activity_name"] != kind.value
    assert event["class_uid"] == (3001 if kind.value.startswith("user.") else 3006)
    assert event["actor"] == {"app_name": "calscim"}
    assert event["time"] == 1772452800123
    assert event["metadata"]["correlation_uid"] == "r1"


def test_a_removal_from_a_team_names_team_and_user():
    event = called("member.remove", "done", role="MEMBER", cal_user_id=31)

    assert event["group"] == {"name": "Cal.com team 7", "uid": "7", "type": "Cal.com team"}
    assert event["user"] == {"name": ANN, "uid": "u1", "uid_alt": "31", "email_addr": ANN}


@pytest.mark.parametrize("outcome", Outcome)
def test_only_a_call_that_was_carried_out_is_a_success(outcome):
    event = called("member.add", outcome.value, detail="a reason")

    is_done = outcome in {Outcome.DONE, Outcome.ALREADY, Outcome.NOT_FOUND}
    assert (event["status"] == "Success") is is_done
    assert event["severity"] == ("Informational" if is_done else "Medium")
    assert (event["status_code"], event["status_detail"]) == (outcome.value, "a reason")


def test_an_attribute_and_an_erased_call_are_written_too():
    assert called("attribute.set", "done")["class_uid"] == 3001
    erased = called("member.add", None, user_id=None, email=None, erased=True)
    assert erased["user"] == {"name": "unknown"}
    assert erased["status"] == "Unknown"


def test_the_address_of_a_request_is_its_source():
    change = Change("user.created", {"user_id": "u1", "user_name": ANN, "email": ANN})

    event = event_of(change, kind="scim", method="POST", path="/Users", remote="192.0.2.7")

    assert event["src_endpoint"] == {"ip": "192.0.2.7"}
    assert event["http_request"] == {"http_method": "POST", "uid": "r1", "url": {"path": "/Users"}}
    assert "src_endpoint" not in event_of(change, kind="scim", remote="unix")
