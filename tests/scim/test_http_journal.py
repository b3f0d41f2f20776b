"""Every change over HTTP is a journal row, without passwords and tokens."""

import hashlib
import json

import pytest

from tests.scim.conftest import patch


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
