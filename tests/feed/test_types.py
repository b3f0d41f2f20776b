"""Each change gives the documented events, once, in the order of commits."""

import json
import uuid

import jsonschema
import pytest

from calscim import admin
from calscim.directory import resources
from calscim.directory.resources import GroupState, MemberChange
from calscim.journal import append
from tests.support.acme import ANN, BOB, EDITOR, OLD
from tests.support.feed import SCHEMA, all_events, checked, types


async def test_users_and_groups_give_events_in_the_order_of_commits(db, acme):
    events = await all_events(db)

    assert [event["type"] for event in events] == [
        "admin.directory.create",
        "user.created",
        "user.created",
        "group.created",
        "membership.added",
        "membership.added",
        "user.updated",
    ]
    assert [event["seq"] for event in events] == list(range(1, 8))
    assert len({event["id"] for event in events}) == 7
    assert {(event["directory"], event["organization"]) for event in events} == {("Okta", "acme")}
    created, updated = events[1]["data"], events[6]["data"]
    assert (created["user_id"], created["user_name"], created["email"]) == (str(acme.ann), OLD, OLD)
    assert (updated["email"], updated["changed"]) == (ANN, ["email", "user_name"])


async def test_a_membership_event_names_the_group_and_the_user(db, acme):
    added = [event["data"] for event in await all_events(db) if event["type"] == "membership.added"]

    assert {(data["group_name"], data["user_name"]) for data in added} == {
        ("Sales", ANN),
        ("Sales", BOB),
    }


async def test_one_patch_of_three_members_gives_three_events(db, acme):
    users = [uuid.uuid4() for _ in range(3)]
    acme.ids |= {key: str(key) for key in users}
    for key in users:
        await acme.push(key, f"{key}@acme.example")
    after = (await all_events(db))[-1]["seq"]

    await resources.update_group(
        db, acme.origin(b"{}"), acme.group, None, MemberChange(frozenset(users)), ""
    )

    events = await all_events(db, after)
    assert [event["type"] for event in events] == ["membership.added"] * 3
    assert {event["data"]["user_id"] for event in events} == set(map(str, users))


async def test_deactivation_and_reactivation_have_types_of_their_own(db, acme):
    after = (await all_events(db))[-1]["seq"]

    await acme.put(acme.ann, ANN, active=False)
    await acme.put(acme.ann, ANN, active=True)
    await acme.put(acme.ann, ANN, active=False, title="Former")

    events = await all_events(db, after)
    assert [event["type"] for event in events] == [
        "user.deactivated",
        "user.reactivated",
        "user.deactivated",
    ]
    assert [event["data"]["changed"] for event in events] == [[], [], ["title"]]


async def test_a_put_of_equal_data_gives_no_event(db, acme):
    after = (await all_events(db))[-1]["seq"]

    await acme.put(acme.ann, ANN)

    assert await types(db, after) == []


async def test_a_deleted_user_leaves_the_groups_first(db, acme):
    after = (await all_events(db))[-1]["seq"]

    await resources.delete_user(db, acme.origin(b""), acme.ann)

    removed, deleted = await all_events(db, after)
    assert (removed["type"], deleted["type"]) == ("membership.removed", "user.deleted")
    assert removed["data"]["group_name"] == "Sales"
    assert removed["data"]["user_name"] == deleted["data"]["user_name"] == ANN


async def test_a_deleted_group_releases_its_members_and_leaves_its_parent(db, acme):
    parent = uuid.uuid4()
    await resources.create_group(
        db,
        acme.origin(b"{}"),
        parent,
        GroupState("Everyone", None, '{"displayName": "Everyone"}'),
        MemberChange(frozenset([acme.group])),
        "",
    )
    events = await all_events(db)
    assert events[-1]["data"]["member_group_name"] == "Sales"

    await resources.delete_group(db, acme.origin(b""), acme.group)

    gone = await all_events(db, events[-1]["seq"])
    assert [event["type"] for event in gone] == ["membership.removed"] * 3 + ["group.deleted"]
    assert {event["data"]["group_name"] for event in gone[:3]} == {"Sales", "Everyone"}
    assert gone[3]["data"] == {"group_id": str(acme.group), "name": "Sales"}


async def test_a_renamed_group_gives_its_former_name(db, acme):
    after = (await all_events(db))[-1]["seq"]

    await resources.update_group(
        db,
        acme.origin(b"{}"),
        acme.group,
        GroupState("Revenue", "x1", '{"displayName": "Revenue", "externalId": "x1"}'),
        MemberChange(remove=frozenset([acme.bob])),
        "",
    )

    updated, removed = await all_events(db, after)
    assert updated["type"] == "group.updated"
    assert updated["data"]["changed"] == ["external_id", "name"]
    assert updated["data"]["former_name"] == "Sales"
    assert (removed["type"], removed["data"]["email"]) == ("membership.removed", BOB)


async def test_a_refused_request_gives_no_event(db, acme):
    after = (await all_events(db))[-1]["seq"]

    await append.refuse(db, acme.origin(b"{}"), 409, "User", "")

    assert await types(db, after) == []


async def test_calls_to_calcom_and_edits_of_operators_give_events(db, left, okta):
    after = 0
    await admin.create_token(db, EDITOR, okta, name="second")

    call, edit = (await all_events(db, after))[-2:]
    assert (call["type"], call["directory"], call["organization"]) == (
        "calcom.action",
        None,
        "acme",
    )
    assert call["data"]["kind"] == "user.deprovision"
    assert (call["data"]["outcome"], call["data"]["email"]) == ("done", ANN)
    assert (edit["type"], edit["directory"]) == ("admin.token.create", "Okta")
    assert edit["data"]["actor"] == "ada"
    assert edit["data"]["details"]["name"] == "second"


async def test_the_same_journal_gives_the_same_ids(db, owner, acme):
    first = await all_events(db)
    await owner.execute("TRUNCATE calscim.events, calscim.event_offsets, calscim.event_head")

    assert [event["id"] for event in await all_events(db)] == [event["id"] for event in first]


def test_the_schema_is_valid_and_refuses_what_it_does_not_describe():
    schema = json.loads(SCHEMA.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    data = {"group_id": str(uuid.uuid4()), "name": "Sales"}
    event = {
        "id": f"evt_{'0' * 32}",
        "seq": 1,
        "at": "2026-01-01T00:00:00.000000Z",
        "type": "group.deleted",
        "directory": "Okta",
        "organization": "acme",
        "data": data,
    }
    checked(event)

    for wrong in (
        {"type": "group.removed"},
        {"type": "group.created"},
        {"data": data | {"email": "ann@acme.example"}},
        {"seq": "1"},
        {"id": "1"},
        {"more": 1},
    ):
        with pytest.raises(jsonschema.ValidationError):
            checked(event | wrong)
