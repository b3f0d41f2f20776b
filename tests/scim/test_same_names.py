"""Spellings of one name over HTTP: one user, one group, one mapping."""

import pytest

from calscim import admin, names
from calscim.admin import TeamRef
from calscim.planner.modes import Mode
from calscim.planner.roles import Role
from tests.scim.conftest import EDITOR

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
NFC, NFD = "Café", "Cafe\u0301"


def user(name, **more):
    return {"userName": name, "emails": [{"value": "ann@acme.example"}], **more}


def operations(*given):
    return {"schemas": [PATCH], "Operations": list(given)}


async def map_to(provider, group):
    return await admin.add_mapping(
        provider.db,
        EDITOR,
        admin.draft(
            provider.directory,
            group=group,
            team=TeamRef(1, "Team"),
            role=Role.MEMBER,
            mode=Mode.MANAGED,
        ),
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ann", " ann "),
        ("HANS.GROẞ@acme.example", "hans.groß@acme.example"),
        (NFC, NFD.upper()),
        ("ΑΝΝΑΣ", "αννας"),
    ],
)
async def test_two_spellings_of_a_user_name_are_one_user(provider, one, other):
    made = (await provider("POST", "/Users", user(one))).body
    refused = await provider("POST", "/Users", user(other))
    found = await provider("GET", f'/Users?filter=userName eq "{other}"')

    assert (refused.status, refused.body["scimType"]) == (409, "uniqueness")
    assert [row["id"] for row in found.body["Resources"]] == [made["id"]]
    assert made["userName"] == one


async def test_sharp_s_and_double_s_are_two_users_and_two_addresses(provider):
    for name in ("hans.groß@acme.example", "hans.gross@acme.example"):
        assert (
            await provider("POST", "/Users", user(name, emails=[{"value": name}]))
        ).status == 201

    rows = await provider.db.fetch("SELECT value_key FROM calscim.user_emails ORDER BY 1")
    assert len({row["value_key"] for row in rows}) == 2


@pytest.mark.parametrize("first", ["mapping", "group"])
@pytest.mark.parametrize(
    ("pushed", "mapped"),
    [("Mkt ", "Mkt"), ("\u00a0Mkt", "Mkt"), (NFD, NFC), (NFC, NFD), ("A\u00a0B", "A\u00a0B")],
)
async def test_a_mapping_is_bound_to_a_group_in_another_spelling(provider, pushed, mapped, first):
    if first == "mapping":
        await map_to(provider, mapped)
        group = await provider.group(pushed)
    else:
        group = await provider.group(pushed)
        await map_to(provider, mapped)

    [row] = await admin.mappings(provider.db)
    assert (row.group_id, row.state) == (group, "active")
    shown = await provider("GET", f"/Groups/{group}")
    assert shown.body["displayName"] == pushed.strip()


async def test_a_mapping_is_bound_to_a_group_that_is_renamed_to_another_spelling(provider):
    await map_to(provider, NFC)
    group = await provider.group("Other")

    await provider(
        "PATCH",
        f"/Groups/{group}",
        operations({"op": "replace", "path": "displayName", "value": f"{NFD}  "}),
    )

    [row] = await admin.mappings(provider.db)
    assert row.group_id == group


async def test_case_counts_in_the_name_that_a_mapping_waits_for(provider):
    await provider.group("mkt")

    _, warnings = await map_to(provider, "Mkt")

    [row] = await admin.mappings(provider.db)
    assert row.group_id is None
    assert "'mkt'" in warnings[0]


async def test_a_change_is_not_stopped_by_an_address_that_was_stored_before(provider, owner):
    made = (await provider("POST", "/Users", user("ann"))).body["id"]
    await owner.execute(
        "UPDATE calscim.users SET data = jsonb_set(data, '{emails}', '[{\"value\": \"n/a\"}]')"
    )

    title = await provider(
        "PATCH", f"/Users/{made}", operations({"op": "add", "path": "name.givenName", "value": "A"})
    )
    again = await provider(
        "PATCH",
        f"/Users/{made}",
        operations({"op": "add", "path": "emails", "value": [{"value": "n/b"}]}),
    )
    gone = await provider("PUT", f"/Users/{made}", user("ann", active=False, emails=["n/a"]))

    assert (title.status, again.status, gone.status) == (200, 400, 200)
    assert "n/b" in again.body["detail"]


async def test_clearing_the_work_address_makes_the_user_name_the_account_address(provider):
    name = "ann@acme.example"
    emails = [
        {"value": "ann.work@acme.example", "type": "work"},
        {"value": "ann@home.example", "type": "home"},
    ]
    made = (await provider("POST", "/Users", user(name, emails=emails))).body["id"]

    for operation in (
        {"op": "remove", "path": 'emails[type eq "work"]'},
        {"op": "replace", "path": "email", "value": ""},
    ):
        await provider("PUT", f"/Users/{made}", user(name, emails=emails))
        await provider("PATCH", f"/Users/{made}", operations(operation))

        assert await provider.db.fetchval("SELECT email FROM calscim.users") == name


async def test_a_new_email_never_overwrites_a_private_address(provider):
    home = {"value": "ann@home.example", "type": "home"}
    made = (await provider("POST", "/Users", user("ann", emails=[home]))).body["id"]

    operation = {"op": "replace", "path": "email", "value": "ann@acme.example"}
    await provider("PATCH", f"/Users/{made}", operations(operation))

    shown = (await provider("GET", f"/Users/{made}")).body["emails"]
    assert shown == [home, {"value": "ann@acme.example", "type": "work", "primary": True}]


async def test_json_as_a_text_is_no_address(provider):
    made = await provider.user("ann@acme.example")
    text = '{"value":"ann@new.example","type":"work"}'

    for path in ('emails[type eq "work"]', 'emails[type eq "work"].value', "emails", "email"):
        answer = await provider(
            "PATCH",
            f"/Users/{made}",
            operations({"op": "add", "path": path, "value": text}),
        )
        assert (answer.status, answer.body["scimType"]) == (400, "invalidValue"), path


def test_a_key_has_no_white_space_around_it():
    assert names.group_key("\u2003 Mkt \t") == "mkt"


STORED = {"userName": "ann", "emails": [{"value": "ann@localhost"}]}


async def stored_by_an_earlier_release(provider, owner, *, active):
    """Create a user with an invalid address."""
    body = {"userName": "ann", "emails": [{"value": "ann@acme.example"}], "active": active}
    made = await provider("POST", "/Users", body)
    await owner.execute(
        "UPDATE calscim.users SET data = replace(data::text, 'ann@acme.example', 'ann@localhost')::jsonb"
    )
    return made.body["id"]


@pytest.mark.parametrize("active", [True, False])
async def test_a_put_may_repeat_an_address_that_is_stored(provider, owner, active):
    user = await stored_by_an_earlier_release(provider, owner, active=active)

    answer = await provider("PUT", f"/Users/{user}", {**STORED, "title": "Boss", "active": active})

    assert answer.status == 200
    assert answer.body["title"] == "Boss"


async def test_a_put_without_active_keeps_a_user_inactive_despite_an_invalid_address(provider):
    made = await provider("POST", "/Users", {"userName": "ann", "active": False})

    answer = await provider("PUT", f"/Users/{made.body['id']}", STORED)

    assert answer.status == 200
    assert answer.body["active"] is False


async def test_a_put_of_a_new_address_that_can_be_none_is_refused(provider):
    made = await provider("POST", "/Users", {"userName": "ann"})

    answer = await provider("PUT", f"/Users/{made.body['id']}", STORED)

    assert (answer.status, answer.body["scimType"]) == (400, "invalidValue")
