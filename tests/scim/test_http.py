"""SCIM over HTTP: tokens, invalid bodies and paths, preconditions, members and the journal."""

import asyncio
import hashlib
import json

import pytest

from calscim import admin
from calscim.encryption import PLAIN

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


def patch(*operations):
    return {"schemas": [PATCH], "Operations": list(operations)}


# -------------------------------------------------------------------- authentication


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Basic abc", "Bearer a b"])
async def test_a_wrong_or_missing_token_is_401_with_a_scim_error(provider, header):
    answer = await provider("GET", "/Users", Authorization=header or " ")

    assert answer.status == 401
    assert answer.body["schemas"] == [ERROR]
    assert answer.body["status"] == "401"
    assert answer.body["detail"]
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith("Bearer")
    assert ('error="invalid_token"' in challenge) == (header == "Bearer wrong")


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "BEARER {}", "{}", "Bearer Bearer {}"])
async def test_a_pasted_token_is_accepted(provider, form):
    answer = await provider("GET", "/Users", Authorization=form.format(provider.token))

    assert answer.status == 200


async def test_a_token_is_worth_nothing_in_another_directory(provider):
    editor = admin.Editor(by="test", cipher=PLAIN)
    other = await admin.create_directory(
        provider.db, editor, organization="acme", name="Other", provider="okta-scim-v2"
    )
    _, token = await admin.create_token(provider.db, editor, other, name="t")

    answer = await provider("GET", "/Users", Authorization=f"Bearer {token}")

    assert answer.status == 401


async def test_a_revoked_token_is_refused_from_the_next_request_on(provider):
    assert (await provider("GET", "/Users")).status == 200
    [token] = await admin.tokens(provider.db, provider.directory)
    await admin.revoke_token(provider.db, admin.Editor(by="test", cipher=PLAIN), token)

    assert (await provider("GET", "/Users")).status == 401
    assert (await provider("POST", "/Users", {"userName": "ann"})).status == 401
    assert await provider.db.fetchval("SELECT count(*) FROM calscim.users") == 0


async def test_guessing_from_one_address_is_slowed_down(provider):
    statuses = []
    for _ in range(32):
        answer = await provider("GET", "/Users", Authorization="Bearer wrong")
        statuses.append(answer.status)

    assert statuses == [401] * 30 + [429] * 2
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.body["status"] == "429"
    assert (await provider("GET", "/Users")).status == 200


async def test_a_valid_token_is_accepted_after_many_failures_of_its_address(provider):
    """A daemon that does not know the token yet accepts it too."""
    editor = admin.Editor(by="test", cipher=PLAIN)
    for _ in range(40):
        await provider("GET", "/Users", Authorization="Bearer wrong")
    _, token = await admin.create_token(provider.db, editor, provider.directory, name="new")

    answer = await provider("GET", "/Users", Authorization=f"Bearer {token}")

    assert answer.status == 200


# -------------------------------------------------------------------- invalid input

BAD = [
    ("POST", "/Users", b"test", 400, "invalidSyntax"),
    ("POST", "/Users", b"", 400, "invalidSyntax"),
    ("POST", "/Users", b"[]", 400, "invalidSyntax"),
    ("POST", "/Users", b'"x"', 400, "invalidSyntax"),
    ("POST", "/Users", b"{}", 400, "invalidValue"),
    ("POST", "/Users", b'{"userName": 7e999}', 400, "invalidSyntax"),
    ("POST", "/Users", b'{"userName": ""}', 400, "invalidValue"),
    ("POST", "/Users", b'{"userName": null}', 400, "invalidValue"),
    ("POST", "/Users", b'{"userName": {"a": 1}}', 400, "invalidValue"),
    ("POST", "/Users", b'{"userName": "a\\u0000b"}', 400, "invalidValue"),
    (
        "POST",
        "/Users",
        b'{"userName": "ann", "emails": [{"value": "a\\u0000"}]}',
        400,
        "invalidValue",
    ),
    ("POST", "/Users", b'{"userName": "ann", "urn:x:y": {"a": "\\u0000"}}', 400, "invalidValue"),
    ("POST", "/Users", b'{"userName": "\xff"}', 400, "invalidSyntax"),
    ("POST", "/Users", b'{"userName": "\\ud800"}', 400, "invalidSyntax"),
    ("POST", "/Users", b'{"userName": "ann", "active": "maybe"}', 400, "invalidValue"),
    ("POST", "/Users", b'{"userName": "ann", "name": "Ann"}', 400, "invalidValue"),
    ("POST", "/Users", b'{"a":' * 5000 + b"1" + b"}" * 5000, 400, "invalidSyntax"),
    ("POST", "/Users", b'{"userName": "' + b"x" * 2000 + b'"}', 400, "invalidValue"),
    ("POST", "/Groups", b'{"displayName": ""}', 400, "invalidValue"),
    ("POST", "/Groups", b'{"displayName": "g", "members": [{}]}', 400, "invalidValue"),
    ("GET", "/Users?filter=nosuch%20eq%20%22x%22", b"", 400, "invalidFilter"),
    ("GET", "/Users?filter=userName%20eq", b"", 400, "invalidFilter"),
    ("GET", "/Users?filter=userName%20eq%20%22x", b"", 400, "invalidFilter"),
    ("GET", "/Users?filter=userName%20xx%20%22x%22", b"", 400, "invalidFilter"),
    ("GET", "/Users?filter=active%20gt%20true", b"", 400, "invalidFilter"),
    ("GET", "/Users?filter=active%20eq%20%22x%22", b"", 400, "invalidFilter"),
    ("GET", "/Users?filter=meta.created%20gt%20%22x%22", b"", 400, "invalidFilter"),
    ("GET", "/Users?filter=" + "(" * 100 + "userName%20pr" + ")" * 100, b"", 400, "invalidFilter"),
    ("GET", "/Users?filter=userName%20eq%20%22%00%22", b"", 400, "invalidFilter"),
    ("GET", "/Users?startIndex=abc", b"", 400, "invalidValue"),
    ("GET", "/Users?count=1.5", b"", 400, "invalidValue"),
    ("POST", "/Users/.search", b'{"count": 1.5}', 400, "invalidValue"),
    ("POST", "/Users/.search", b'{"count": true}', 400, "invalidValue"),
    ("GET", "/Users?sortBy=nosuch", b"", 400, "invalidPath"),
    ("GET", "/Users?attributes=a&excludedAttributes=b", b"", 400, "invalidValue"),
    ("GET", "/Users/00919288221112222", b"", 404, None),
    ("GET", "/Users/00000000-0000-0000-0000-000000000000", b"", 404, None),
    ("DELETE", "/Users/nobody", b"", 404, None),
    ("PUT", "/Groups/nothing", b'{"displayName": "x"}', 404, None),
    ("GET", "/Nothing", b"", 404, None),
    ("PATCH", "/Users", b"{}", 405, None),
    ("POST", "/ServiceProviderConfig", b"test", 405, None),
    ("POST", "/Schemas", b"test", 405, None),
    ("POST", "/ResourceTypes", b"test", 405, None),
    ("GET", "/Me", b"", 501, None),
    ("GET", "/Schemas?filter=x", b"", 403, None),
]


@pytest.mark.parametrize(("method", "path", "raw", "status", "kind"), BAD)
async def test_bad_input_gets_a_clear_error(provider, method, path, raw, status, kind):
    answer = await provider(method, path, raw=raw)

    assert (answer.status, answer.body.get("scimType")) == (status, kind)
    assert answer.body["schemas"] == [ERROR]
    assert answer.body["status"] == str(status)
    assert answer.body["detail"]
    assert await provider.db.fetchval("SELECT count(*) FROM calscim.users") == 0


BAD_PATCHES = [
    ({}, "invalidSyntax"),
    ({"Operations": []}, "invalidSyntax"),
    ({"Operations": "x"}, "invalidSyntax"),
    ({"Operations": [1]}, "invalidSyntax"),
    (patch({"op": "change", "path": "title", "value": "x"}), "invalidSyntax"),
    (patch({"op": "remove"}), "noTarget"),
    (patch({"op": "replace", "path": "nosuch", "value": "x"}), "invalidPath"),
    (patch({"op": "replace", "path": "name.nosuch", "value": "x"}), "invalidPath"),
    (patch({"op": "replace", "path": "emails[", "value": "x"}), "invalidFilter"),
    (patch({"op": "replace", "path": "id", "value": "x"}), "mutability"),
    (patch({"op": "replace", "path": "userName", "value": ""}), "invalidValue"),
    (patch({"op": "remove", "path": "userName"}), "mutability"),
    (patch({"op": "replace", "path": "active", "value": "maybe"}), "invalidValue"),
    (patch({"op": "replace", "value": "x"}), "invalidValue"),
    (
        patch(
            {"op": "replace", "path": "title", "value": "Boss"},
            {"op": "replace", "path": "nosuch", "value": "x"},
        ),
        "invalidPath",
    ),
]


@pytest.mark.parametrize(("body", "kind"), BAD_PATCHES)
async def test_a_bad_patch_changes_nothing_and_is_journaled_with_its_status(provider, body, kind):
    number = await provider.user("ann@acme.com")
    before = (await provider("GET", f"/Users/{number}")).body

    answer = await provider("PATCH", f"/Users/{number}", body)

    assert (answer.status, answer.body["scimType"]) == (400, kind)
    assert (await provider("GET", f"/Users/{number}")).body == before
    last = (await provider.journal())[-1]
    assert (last["kind"], last["status"], last["method"]) == ("refused", 400, "PATCH")


async def test_a_body_over_the_limit_is_413(provider):
    answer = await provider("POST", "/Users", raw=b'{"userName": "' + b"x" * 2_000_000 + b'"}')

    assert answer.status == 413


async def test_a_wrong_content_type_is_415(provider):
    answer = await provider(
        "POST", "/Users", {"userName": "ann"}, Content_Type="application/x-www-form-urlencoded"
    )

    assert answer.status == 415


@pytest.mark.parametrize("kind", ["application/json", "application/scim+json; charset=utf-8", ""])
async def test_json_is_accepted_under_its_usual_media_types(provider, kind):
    answer = await provider("POST", "/Users", {"userName": "ann"}, Content_Type=kind or "text/json")

    assert answer.status == 201


async def test_a_404_says_where_scim_is(provider):
    async with provider.session.get(provider.base.rpartition("/scim")[0] + "/other") as answer:
        assert answer.status == 404
        assert "/scim/v2/" in (await answer.json(content_type=None))["detail"]


# -------------------------------------------------------------------- names and versions


async def test_a_user_name_is_unique_in_any_case_also_when_eight_arrive_at_once(provider):
    bodies = [{"userName": name} for name in ("ann@a.io", "ANN@a.io", "Ann@A.io", "aNN@a.io") * 2]

    answers = await asyncio.gather(*(provider("POST", "/Users", body) for body in bodies))

    assert sorted(answer.status for answer in answers) == [201] + [409] * 7
    refused = next(answer for answer in answers if answer.status == 409)
    assert refused.body["scimType"] == "uniqueness"


async def test_a_user_name_keeps_its_case_and_is_found_in_any(provider):
    await provider.user("Ann.Lee@Acme.com")

    found = await provider("GET", '/Users?filter=userName%20eq%20"ANN.LEE@ACME.COM"')

    assert found.body["totalResults"] == 1
    assert found.body["Resources"][0]["userName"] == "Ann.Lee@Acme.com"


async def test_a_group_name_is_unique_in_any_case(provider):
    await provider.group("Sales")

    answer = await provider("POST", "/Groups", {"displayName": "sales"})

    assert (answer.status, answer.body["scimType"]) == (409, "uniqueness")


async def test_versions_guard_against_lost_updates(provider):
    number = await provider.user("ann@acme.com")
    seen = await provider("GET", f"/Users/{number}")
    change = patch({"op": "replace", "path": "title", "value": "Boss"})
    assert (
        await provider("PATCH", f"/Users/{number}", change, If_Match=seen.headers["ETag"])
    ).status == 200

    stale = await provider("PATCH", f"/Users/{number}", change, If_Match=seen.headers["ETag"])
    deleted = await provider("DELETE", f"/Users/{number}", If_Match=seen.headers["ETag"])
    unchanged = await provider(
        "GET",
        f"/Users/{number}",
        If_None_Match=(await provider("GET", f"/Users/{number}")).headers["ETag"],
    )

    assert (stale.status, deleted.status, unchanged.status) == (412, 412, 304)


async def test_a_change_without_effect_keeps_the_version_and_leaves_one_row(provider):
    number = await provider.user("ann@acme.com", title="Boss")
    before = await provider("GET", f"/Users/{number}")
    rows = len(await provider.journal())

    answer = await provider(
        "PATCH", f"/Users/{number}", patch({"op": "replace", "path": "title", "value": "Boss"})
    )

    assert answer.headers["ETag"] == before.headers["ETag"]
    assert answer.body["meta"] == before.body["meta"]
    assert len(await provider.journal()) == rows + 1


async def test_put_clears_missing_attributes_and_ignores_read_only_ones(provider):
    number = await provider.user("ann@acme.com", title="Boss", displayName="Ann")

    answer = await provider(
        "PUT",
        f"/Users/{number}",
        {"userName": "ann@acme.com", "id": "other", "groups": [], "meta": {}},
    )

    assert answer.status == 200
    assert answer.body["id"] == number
    assert "title" not in answer.body
    assert "displayName" not in answer.body


async def test_sixty_four_member_patches_at_once_lose_none(provider):
    users = [await provider.user(f"u{n}@a.io") for n in range(64)]
    group = await provider.group("Sales")

    answers = await asyncio.gather(
        *(
            provider(
                "PATCH",
                f"/Groups/{group}",
                patch({"op": "add", "path": "members", "value": [{"value": u}]}),
            )
            for u in users
        )
    )

    assert {answer.status for answer in answers} == {204}
    assert await provider.members(group) == set(users)


async def test_simultaneous_puts_and_patches_have_a_sequential_result(provider):
    number = await provider.user("ann@acme.com")

    answers = await asyncio.gather(
        *(
            provider(
                "PATCH",
                f"/Users/{number}",
                patch({"op": "replace", "path": "title", "value": f"t{n}"}),
            )
            for n in range(16)
        ),
        *(
            provider(
                "PATCH",
                f"/Users/{number}",
                patch({"op": "replace", "path": "nickName", "value": f"n{n}"}),
            )
            for n in range(16)
        ),
    )

    assert {answer.status for answer in answers} == {200}
    final = (await provider("GET", f"/Users/{number}")).body
    assert final["title"].startswith("t")
    assert final["nickName"].startswith("n")
    assert final["meta"]["version"] == 'W/"33"'


# -------------------------------------------------------------------- members


async def test_a_member_with_an_unknown_id_is_skipped_and_the_others_are_added(provider):
    users = [await provider.user(f"u{n}@a.io") for n in range(3)]
    group = await provider.group("Sales", *users, "nobody", "00000000-0000-4000-8000-000000000000")

    assert await provider.members(group) == set(users)
    effect = json.loads((await provider.journal())[-1]["effect"])
    assert sorted(effect["skipped"]) == ["00000000-0000-4000-8000-000000000000", "nobody"]


async def test_a_thousand_members_are_added_and_removed_by_one_patch_each(provider):
    users = [await provider.user(f"u{n}@a.io") for n in range(50)]
    group = await provider.group("Sales", *users[:10])

    added = patch({"op": "add", "path": "members", "value": [{"value": user} for user in users]})
    removed = patch(
        {"op": "Remove", "path": "members", "value": [{"value": user} for user in users[:20]]}
    )
    assert (await provider("PATCH", f"/Groups/{group}", added)).status == 204
    assert (await provider("PATCH", f"/Groups/{group}", removed)).status == 204

    assert await provider.members(group) == set(users[20:])


async def test_a_user_shows_the_groups_it_is_in(provider):
    ann = await provider.user("ann@acme.com")
    group = await provider.group("Sales", ann)

    shown = (await provider("GET", f"/Users/{ann}")).body["groups"]

    assert [(one["value"], one["display"]) for one in shown] == [(group, "Sales")]
    assert (
        shown[0]["$ref"]
        == f"https://scim.example.com/scim/v2/{provider.directory.id}/Groups/{group}"
    )


async def test_members_that_are_not_requested_are_left_out(provider):
    ann = await provider.user("ann@acme.com")
    group = await provider.group("Sales", ann)

    one = (await provider("GET", f"/Groups/{group}?excludedAttributes=members")).body
    listed = (await provider("GET", "/Groups?excludedAttributes=members")).body["Resources"][0]
    only = (await provider("GET", f"/Groups/{group}?attributes=displayName")).body

    assert "members" not in one
    assert "members" not in listed
    assert only.keys() == {"schemas", "id", "displayName"}


async def test_a_deleted_user_leaves_its_groups(provider):
    ann, bob = await provider.user("ann@acme.com"), await provider.user("bob@acme.com")
    group = await provider.group("Sales", ann, bob)

    assert (await provider("DELETE", f"/Users/{ann}")).status == 204

    assert await provider.members(group) == {bob}
    assert (await provider("GET", f"/Users/{ann}")).status == 404
    assert (await provider("DELETE", f"/Users/{ann}")).status == 404


# -------------------------------------------------------------------- the journal


async def test_every_change_is_a_row_of_an_unbroken_chain(provider):
    ann = await provider.user("ann@acme.com")
    group = await provider.group("Sales", ann)
    await provider(
        "PATCH", f"/Users/{ann}", patch({"op": "replace", "path": "active", "value": False})
    )
    await provider("DELETE", f"/Groups/{group}")
    await provider("POST", "/Users", {"userName": "ann@acme.com"})

    rows = await provider.journal()

    assert [(row["method"], row["status"]) for row in rows] == [
        ("POST", 201),
        ("POST", 201),
        ("PATCH", 200),
        ("DELETE", 204),
        ("POST", 409),
    ]
    before = bytes(32)
    for number, row in enumerate(rows, start=1):
        header = [
            row["stream"],
            row["seq"],
            row["at"].strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            *(row[name] for name in ("kind", "request_id", "method", "path", "status", "remote")),
            *(row[name] for name in ("token_id", "resource_type", "resource_id")),
            hashlib.sha256(row["body"] or b"").hexdigest(),
            hashlib.sha256(row["effect"] or b"").hexdigest(),
        ]
        assert row["seq"] == number
        assert row["prev_hash"] == before
        before = hashlib.sha256(before + json.dumps(header, ensure_ascii=False).encode()).digest()
        assert row["hash"] == before


@pytest.mark.parametrize(
    "body",
    [
        {"userName": "ann", "password": "s3cr3t"},
        {"userName": "ann", "PassWord": "s3cr3t"},
        patch({"op": "replace", "path": "password", "value": "s3cr3t"}),
        patch({"op": "replace", "value": {"password": "s3cr3t"}}),
        patch(
            {
                "op": "add",
                "path": "urn:ietf:params:scim:schemas:core:2.0:User:password",
                "value": "s3cr3t",
            }
        ),
        {
            "Operations": [
                {
                    "method": "POST",
                    "path": "/Users",
                    "bulkId": "1",
                    "data": {"userName": "b", "password": "s3cr3t"},
                }
            ]
        },
    ],
)
async def test_a_password_never_reaches_the_journal_nor_an_answer(provider, body):
    number = await provider.user("first@acme.com")

    answers = [
        await provider("POST", "/Users", body),
        await provider("PUT", f"/Users/{number}", body),
        await provider("PATCH", f"/Users/{number}", body),
        await provider("POST", "/Bulk", body),
    ]

    assert all("s3cr3t" not in json.dumps(answer.body) for answer in answers)
    for row in await provider.journal():
        for part in (row["body"], row["effect"], row["path"].encode()):
            assert b"s3cr3t" not in (part or b"")
    stored = await provider.db.fetch("SELECT data::text FROM calscim.users")
    assert all("s3cr3t" not in row["data"] for row in stored)


async def test_the_token_never_reaches_the_journal(provider):
    await provider.user("ann@acme.com")

    for row in await provider.journal():
        assert provider.token.encode() not in (row["body"] or b"") + (row["effect"] or b"")
        assert provider.token not in row["path"]
