"""Every request that the client can send is one that Cal.com's OpenAPI document describes."""

import pytest
from jsonschema import ValidationError

from calscim.calcom.writer import Writer
from calscim.planner.actions import (
    AddMember,
    AttachUser,
    ChangeAddress,
    ChangeOrgRole,
    ChangeTeamRole,
    CreateUser,
    DeprovisionUser,
    RemoveMember,
)
from calscim.planner.people.user_preferences import Preferences
from calscim.planner.roles import Role
from tests.calcom.conftest import ROOT, label, org_row, user_row
from tests.calcom.contract import contract
from tests.calcom.extract_facts import facts_of
from tests.calcom.test_client import READS, WRITES


def check(calcom) -> str:
    [sent] = calcom.sent
    return contract().check_request(sent.method, sent.path, sent.url.query.items(), sent.body)


@pytest.mark.parametrize(("path", "data", "call", "expected"), READS, ids=label)
async def test_each_read_is_documented(client, calcom, path, data, call, expected):
    calcom.answer("GET", path, data)

    await call(client)

    assert check(calcom).startswith("GET /v2/")


@pytest.mark.parametrize(("method", "path", "body", "data", "call"), WRITES, ids=label)
async def test_each_write_is_documented(client, calcom, method, path, body, data, call):
    calcom.answer(method, path, data)

    await call(client, await client.acquire_permit("r"))

    assert check(calcom) != "DELETE /v2/organizations/{orgId}/users/{userId}"


class Silent:
    async def begin(self, action, request_id):
        return 1

    async def confirm(self):
        pass

    async def finish(self, action_id, outcome):
        pass


ADA = "ada@acme.example"
PERFORMED = [
    (
        CreateUser(ADA, "", name="x" * 80, preferences=Preferences("de", "Europe/Berlin", "")),
        "/users",
    ),
    (CreateUser(ADA, "", role=Role.ADMIN), "/users"),
    (AttachUser(ADA, ""), "/memberships"),
    (
        ChangeAddress(ADA, "", cal_user=42, preferences=Preferences(None, "Asia/Tokyo", "")),
        "/users/42",
    ),
    (DeprovisionUser(ADA, "", cal_user=42, membership=5), "/memberships/5"),
    (AddMember(ADA, "", cal_user=42, team=9), "/teams/9/memberships"),
    (ChangeTeamRole(ADA, "", membership=5, team=9, role=Role.OWNER), "/teams/9/memberships/5"),
    (ChangeOrgRole(ADA, "", membership=5, role=Role.ADMIN), "/memberships/5"),
    (RemoveMember(ADA, "", cal_user=42, membership=5, team=9), "/teams/9/memberships/5"),
]


@pytest.mark.parametrize(("action", "path"), PERFORMED, ids=lambda one: getattr(one, "kind", None))
async def test_each_action_is_a_documented_request(client, calcom, action, path):
    method = {"user.deprovision": "DELETE", "member.remove": "DELETE"}.get(action.kind.value)
    method = method or ("PATCH" if path[-1].isdigit() else "POST")
    data = user_row(42, ADA) if "/users" in path else org_row(5, email=ADA)
    calcom.answer(method, ROOT + path, data)

    await Writer(client, Silent(), notify_new_users=False).perform(action, "r")

    assert check(calcom)


def test_facts_are_names_types_and_limits_without_the_texts_of_the_document():
    team = {
        "type": "object",
        "description": "A team",
        "properties": {
            "id": {"type": "integer", "example": 7},
            "parentId": {"type": "integer", "nullable": True, "title": "Parent"},
        },
        "required": ["id"],
    }
    answer = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Team"}}}}
    take = {"in": "query", "name": "take", "schema": {"maximum": 250, "default": 9}}
    listing = {
        "summary": "List teams",
        "parameters": [{"in": "path", "name": "orgId", "schema": {}}, take],
        "responses": {"200": answer, "404": {"$ref": "#/components/responses/Missing"}},
    }
    document = {
        "paths": {"/teams": {"get": listing}, "/webhooks": {"get": {}}},
        "components": {
            "schemas": {"Team": team, "Unused": {"type": "string"}},
            "responses": {"Missing": {"content": {"application/json": {"schema": {"enum": [1]}}}}},
        },
    }

    assert facts_of(document) == {
        "operations": {
            "GET /teams": {
                "query": {"take": {"maximum": 250}},
                "answers": {"200": {"$ref": "#/types/Team"}, "404": {"enum": [1]}},
            }
        },
        "types": {
            "Team": {
                "type": "object",
                "properties": {
                    "id": {"type": "integer"},
                    "parentId": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                },
                "required": ["id"],
            }
        },
    }


@pytest.mark.parametrize(
    ("method", "path", "query", "body"),
    [
        ("GET", "/v2/organizations/42/nosuch", {}, None),
        ("GET", "/v2/organizations/42/memberships", {"page": "1"}, None),
        ("GET", "/v2/organizations/42/memberships", {"take": "251"}, None),
        ("POST", "/v2/organizations/42/memberships", {}, None),
        ("POST", "/v2/organizations/42/memberships", {}, {"userId": "7", "role": "MEMBER"}),
        ("POST", "/v2/organizations/42/users", {}, {"email": ADA, "nosuch": 1}),
    ],
)
def test_a_request_that_is_not_documented_is_noticed(method, path, query, body):
    with pytest.raises((AssertionError, ValidationError)):
        contract().check_request(method, path, query.items(), body)
