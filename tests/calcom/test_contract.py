"""Every request that can leave, against Cal.com's published OpenAPI document."""

import pytest

from calscim.calcom.writer import Writer
from calscim.planner.model import Action, Kind, Role
from tests.calcom.conftest import ROOT, label, org_row, user_row
from tests.calcom.contract import contract, needed
from tests.calcom.test_client import READS, WRITES

pytestmark = needed


def check(calcom) -> str:
    [sent] = calcom.sent
    return contract().request(sent.method, sent.path, sent.url.query.items(), sent.body)


@pytest.mark.parametrize(("path", "data", "call", "expected"), READS, ids=label)
async def test_each_read_is_documented(client, calcom, path, data, call, expected):
    calcom.answer("GET", path, data)

    await call(client)

    assert check(calcom).startswith("GET /v2/")


@pytest.mark.parametrize(("method", "path", "body", "data", "call"), WRITES, ids=label)
async def test_each_write_is_documented(client, calcom, method, path, body, data, call):
    calcom.answer(method, path, data)

    await call(client, await client.turn("r"))

    assert check(calcom) != "DELETE /v2/organizations/{orgId}/users/{userId}"


class Silent:
    async def begin(self, action, request_id):
        return 1

    async def finish(self, action_id, outcome):
        pass


ADA = "ada@acme.example"
PERFORMED = [
    (Action(Kind.CREATE, ADA, "", name="x" * 80, locale="de", time_zone="Europe/Berlin"), "/users"),
    (Action(Kind.CREATE, ADA, "", role=Role.ADMIN), "/users"),
    (Action(Kind.ATTACH, ADA, ""), "/memberships"),
    (Action(Kind.UPDATE, ADA, "", cal_user=42, name="Ada", time_zone="Asia/Tokyo"), "/users/42"),
    (Action(Kind.DEPROVISION, ADA, "", cal_user=42, membership=5), "/memberships/5"),
    (Action(Kind.ADD, ADA, "", cal_user=42, team=9), "/teams/9/memberships"),
    (Action(Kind.ROLE, ADA, "", membership=5, team=9, role=Role.OWNER), "/teams/9/memberships/5"),
    (Action(Kind.ROLE, ADA, "", membership=5, role=Role.ADMIN), "/memberships/5"),
    (Action(Kind.REMOVE, ADA, "", cal_user=42, membership=5, team=9), "/teams/9/memberships/5"),
]


@pytest.mark.parametrize(("action", "path"), PERFORMED, ids=lambda one: getattr(one, "kind", None))
async def test_each_action_is_a_documented_request(client, calcom, action, path):
    method = {"user.deprovision": "DELETE", "member.remove": "DELETE"}.get(action.kind.value)
    method = method or ("PATCH" if path[-1].isdigit() else "POST")
    data = user_row(42, ADA) if "/users" in path else org_row(5, email=ADA)
    calcom.answer(method, ROOT + path, data)

    await Writer(client, Silent(), notify_new_users=False).perform(action, "r")

    assert check(calcom)
