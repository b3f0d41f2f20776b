"""The simulated Okta sends the requests of Okta, in its order and in both of its styles."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from calscim.testing.okta.client import Okta, OktaError

ANN, BOB = "ann@acme.example", "bob+x@acme.example"


@dataclass
class Provider:
    """A service provider that stores resources and records the requests."""

    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    kept: dict[str, dict[str, Any]] = field(default_factory=dict)
    headers: Any = None
    fail_with: int = 0
    nothing_is: int = 200
    silent: bool = False

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else None
        path = request.path.removeprefix("/scim")
        self.asked.append((request.method, request.path_qs.removeprefix("/scim"), body))
        self.headers = request.headers
        if self.fail_with:
            return web.json_response({"detail": "no"}, status=self.fail_with)
        match request.method, path.count("/"):
            case "GET", 1:
                return self._list(request, path)
            case "POST", _ if self.silent:
                return web.Response(status=201)
            case "POST", _:
                number = f"id-{len(self.kept)}"
                self.kept[f"{path}/{number}"] = {**body, "id": number}
                return web.json_response(self.kept[f"{path}/{number}"], status=201)
            case "PUT", _:
                self.kept[path] = body
            case (("DELETE" | "PATCH"), _):
                return web.Response(status=204)
        return web.json_response(self.kept[path])

    def _list(self, request: web.Request, path: str) -> web.Response:
        found = [one for key, one in self.kept.items() if key.startswith(path)]
        if "filter" in request.query:
            attribute, _, value = request.query["filter"].split(" ", 2)
            found = [one for one in found if one.get(attribute, ...) == value.strip('"')]
            if not found and self.nothing_is != 200:
                return web.json_response({"detail": "nothing"}, status=self.nothing_is)
        start, count = int(request.query["startIndex"]), int(request.query["count"])
        rows = found[start - 1 : start - 1 + count]
        return web.json_response({"totalResults": len(found), "Resources": rows})

    @property
    def lines(self) -> list[str]:
        return [f"{method} {path}" for method, path, _ in self.asked]


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
async def okta(provider: Provider) -> AsyncIterator[Okta]:
    app = web.Application()
    app.router.add_route("*", "/scim/{rest:.*}", provider.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as session:
        yield Okta(session, f"http://127.0.0.1:{runner.addresses[0][1]}/scim", "token")
    await runner.cleanup()


async def test_saving_the_integration_asks_for_two_users_and_a_hundred_groups(okta, provider):
    await okta.test_connection()

    assert provider.lines == [
        "GET /Users?startIndex=1&count=2",
        "GET /Groups?startIndex=1&count=100",
    ]
    assert provider.headers["User-Agent"] == "Okta SCIM Client 1.0.0"
    assert provider.headers["Authorization"] == "Bearer token"
    assert provider.headers["Accept"] == "application/scim+json"
    assert provider.headers["Accept-Charset"] == "utf-8"
    assert provider.headers["Content-Type"] == "application/scim+json; charset=utf-8"


async def test_a_person_is_looked_up_before_being_created(okta, provider):
    number = await okta.assign(BOB, "Bob", "Example")

    assert provider.lines == [
        "GET /Users?filter=userName%20eq%20%22bob%2Bx@acme.example%22&startIndex=1&count=100",
        "POST /Users",
    ]
    body = provider.asked[1][2]
    assert body["emails"] == [{"primary": True, "value": BOB, "type": "work"}]
    assert (body["active"], body["groups"], body["locale"]) == (True, [], "en-US")
    assert body["externalId"].startswith("00u")
    assert body["password"]
    assert okta.users == {BOB: number}


async def test_nothing_found_may_be_a_404(okta, provider):
    provider.nothing_is = 404

    assert await okta.assign(ANN, "Ann", "Example")


async def test_people_can_be_looked_up_by_email(okta, provider):
    okta.identifier = "email"

    await okta.assign(ANN, "Ann", "Example")

    assert "filter=email%20eq" in provider.lines[0]


async def test_an_existing_person_is_linked_and_pushed(okta, provider):
    number = await okta.assign(ANN, "Ann", "Example")
    provider.asked.clear()

    assert await okta.assign(ANN, "Ann", "Married") == number

    assert provider.lines[1:] == [f"GET /Users/{number}", f"PUT /Users/{number}"]
    body = provider.asked[2][2]
    assert (body["id"], body["name"]["familyName"]) == (number, "Married")
    assert body["emails"][0]["display"] == ANN


async def test_a_changed_address_keeps_the_id(okta):
    number = await okta.assign(ANN, "Ann", "Example")
    await okta.push_group("Sales", [ANN])

    await okta.update_profile(ANN, userName="ann.x@acme.example")

    assert okta.users == {"ann.x@acme.example": number}
    assert okta.members["Sales"] == ["ann.x@acme.example"]


async def test_a_custom_app_puts_whole_resources(okta, provider):
    number = await okta.assign(ANN, "Ann", "Example")
    group = await okta.push_group("Sales", [])
    provider.asked.clear()

    await okta.deactivate(ANN)
    await okta.add_members("Sales", [ANN])
    await okta.rename_group("Sales", "Sales EU")
    await okta.sync_password(ANN)

    assert {line.split()[0] for line in provider.lines} == {"GET", "PUT"}
    assert provider.asked[1][2]["active"] is False
    assert provider.asked[2][2]["members"] == [{"value": number, "display": ANN}]
    assert provider.asked[3][1:] == (
        f"/Groups/{group}",
        {**provider.asked[2][2], "displayName": "Sales EU"},
    )


async def test_a_network_app_patches(okta, provider):
    okta.style = "oin"
    ann, bob = await okta.assign(ANN, "Ann", "E"), await okta.assign(BOB, "Bob", "E")
    group = await okta.push_group("Sales", [ANN])
    provider.asked.clear()

    await okta.deactivate(ANN)
    await okta.reactivate(ANN)
    await okta.change_members("Sales", add=[BOB], remove=[ANN])
    await okta.push_now("Sales", [])
    await okta.sync_password(ANN)

    operations = [body["Operations"] for _, _, body in provider.asked]
    assert {line.split()[0] for line in provider.lines} == {"PATCH"}
    assert operations[:5] == [
        [{"op": "replace", "value": {"active": False}}],
        [{"op": "replace", "value": {"active": True}}],
        [{"op": "replace", "value": {"id": group, "displayName": "Sales"}}],
        [
            {"op": "remove", "path": f'members[value eq "{ann}"]'},
            {"op": "add", "path": "members", "value": [{"value": bob, "display": BOB}]},
        ],
        [{"op": "replace", "path": "members", "value": []}],
    ]
    assert list(operations[5][0]["value"]) == ["password"]


async def test_a_group_is_looked_up_created_empty_and_then_filled(okta, provider):
    await okta.assign(ANN, "Ann", "Example")
    provider.asked.clear()

    group = await okta.push_group("Sales EU", [ANN])

    assert provider.lines == [
        "GET /Groups?filter=displayName%20eq%20%22Sales%20EU%22&startIndex=1&count=100",
        "POST /Groups",
        f"PUT /Groups/{group}",
    ]
    assert provider.asked[1][2]["members"] == []


async def test_a_group_that_is_there_is_linked(okta, provider):
    first = await okta.push_group("Sales", [])

    assert await okta.push_group("Sales", []) == first


async def test_members_leave_and_groups_are_deleted(okta, provider):
    await okta.assign(ANN, "Ann", "Example")
    group = await okta.push_group("Sales", [ANN])

    await okta.remove_members("Sales", [ANN])
    await okta.delete_group("Sales")

    assert provider.asked[-2][2]["members"] == []
    assert provider.lines[-1] == f"DELETE /Groups/{group}"
    assert okta.groups == {}


async def test_an_import_advances_by_a_hundred(okta, provider):
    for number in range(205):
        provider.kept[f"/Users/{number}"] = {"id": str(number)}
        provider.kept[f"/Groups/{number}"] = {"id": str(number)}

    assert len(await okta.import_users()) == 205
    assert len(await okta.import_groups()) == 205
    assert provider.lines[:3] == [
        f"GET /Users?startIndex={start}&count=100" for start in (1, 101, 201)
    ]


@pytest.mark.parametrize("status", [401, 409, 500, 503])
async def test_an_error_has_the_text_that_okta_shows(okta, provider, status):
    provider.fail_with = status

    with pytest.raises(OktaError, match=f"returned {status}") as caught:
        await okta.assign(ANN, "Ann", "Example")

    assert (caught.value.status, caught.value.body) == (status, {"detail": "no"})


async def test_a_create_that_is_answered_with_nothing_is_an_error(okta, provider):
    provider.silent = True

    with pytest.raises(OktaError, match="not returned"):
        await okta.assign(ANN, "Ann", "Example")


def test_okta_never_deletes_a_user():
    assert not [name for name in dir(Okta) if "delete" in name and "user" in name]
