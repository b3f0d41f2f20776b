"""Each invalid request gets a SCIM error that names the mistake, and changes nothing."""

import pytest

from tests.scim.conftest import ERROR, patch

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
