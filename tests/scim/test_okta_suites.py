"""Okta's own test suites, with their requests and assertions: SPEC asks the server, CRUD asks Okta and looks at the server.

tests/suites has them as facts in the format that Okta publishes. ``OKTA_SUITES`` names a folder with newer files of Okta.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from calscim.testing.okta.client import Okta
from tests.support.runscope import Request, Response, find, play

FACTS = Path(__file__).parents[1] / "suites"
GIVEN = os.environ.get("OKTA_SUITES")
PUBLISHED = {
    "okta-spec": "Okta-SCIM-20-SPEC-Test.json",
    "okta-crud": "Okta-SCIM-20-CRUD-Test.json",
}
ORG = "https://acme.okta.example"


def suite(name: str) -> Any:
    """Return Okta's file if there is one, or the facts of it."""
    file = FACTS / f"{name}.json" if GIVEN is None else Path(GIVEN) / PUBLISHED[name]
    return json.loads(file.read_text())


def over(provider):
    """Return a function that sends requests to the server."""

    async def send(request: Request) -> Response:
        before = time.perf_counter()
        async with provider.session.request(
            request.method, request.url, headers=request.headers, data=request.body
        ) as got:
            text = await got.read()
        elapsed = (time.perf_counter() - before) * 1000
        return Response(got.status, json.loads(text) if text else None, elapsed)

    return send


class Organization:
    """The few calls of Okta's own API that the CRUD suite makes. The simulated Okta pushes what they change."""

    def __init__(self, okta: Okta) -> None:
        self.okta = okta
        self.profile: dict[str, str] = {}

    async def __call__(self, request: Request) -> Response:
        path = request.url.removeprefix(f"{ORG}/api/v1")
        body = json.loads(request.body) if request.body else {}
        match request.method, path:
            case "GET", "/apps/app1":
                return Response(200, {"id": "app1"}, 1)
            case "POST", "/users?activate=true":
                self.profile = body["profile"]
            case "POST", "/apps/app1/users":
                profile = body["profile"]
                await self.okta.assign(
                    profile["email"], profile["givenName"], profile["familyName"]
                )
            case "PUT", "/users/00u1":
                names = {
                    "givenName": body["profile"]["firstName"],
                    "familyName": body["profile"]["lastName"],
                }
                await self.okta.update_profile(self.profile["login"], name=names)
            case "POST", "/users/00u1/lifecycle/deactivate":
                await self.okta.deactivate(self.profile["login"])
            case "POST", "/users/00u1/lifecycle/activate":
                pass  # Okta pushes the user when the app is assigned again
            case "DELETE", "/apps/app1/users/00u1":
                await self.okta.deactivate(self.profile["login"])
                return Response(204, None, 1)
            case _:
                raise AssertionError(f"{request.method} {path} is no call of the suite")
        return Response(200, {"id": "00u1"}, 1)


async def test_the_spec_suite_has_no_finding(provider):
    ann = {"userName": "ann@example.com", "name": {"givenName": "Ann", "familyName": "Lee"}}
    await provider("POST", "/Users", ann | {"emails": [{"value": "ann@example.com"}]})
    variables = {
        "SCIMBaseURL": provider.base,
        "auth": f"Bearer {provider.token}",
        "InvalidUserEmail": "abcdefgh@example.com",
        "UserIdThatDoesNotExist": "010101001010101011001010101011",
        "randomEmail": "runa300@example.com",
        "randomUsername": "Runa300@Example.com",
        "randomUsernameCaps": "RUNA300@EXAMPLE.COM",
        "randomGivenName": "Runa",
        "randomFamilyName": "Scope300",
    }

    assert await play(suite("okta-spec"), variables, over(provider)) == []


@pytest.mark.parametrize("style", ["custom", "oin"])
async def test_the_crud_suite_has_no_finding(provider, style):
    okta = Okta(provider.session, provider.base, provider.token, style=style)
    organization, server = Organization(okta), over(provider)
    variables = {
        "oktaOrgUrl": ORG,
        "oktaAppId": "app1",
        "oktaToken": "00token",
        "SCIMUrl": provider.base,
        "SCIMAuth": f"Bearer {provider.token}",
        "okta_user_firstname": "Runa",
        "okta_user_firstname_update": "Ronja",
        "okta_user_lastname": "Scope",
        "okta_user_email": "runa@example.com",
        "okta_user_title": "Tester",
        "okta_user_primaryphone": "+1 555 0100",
    }

    async def send(request: Request) -> Response:
        return await (organization if request.url.startswith(ORG) else server)(request)

    assert await play(suite("okta-crud"), variables, send) == []


async def test_an_assertion_that_does_not_hold_is_found():
    async def send(request: Request) -> Response:
        return Response(500, {"totalResults": 1, "Resources": [{"active": False}]}, 900)

    variables = {"SCIMBaseURL": "https://scim.example", "auth": "Bearer x"}
    variables |= dict.fromkeys(
        ["InvalidUserEmail", "UserIdThatDoesNotExist", "randomEmail", "randomUsernameCaps"], "x"
    )
    variables |= dict.fromkeys(["randomUsername", "randomGivenName", "randomFamilyName"], "x")
    steps = suite("okta-spec")["steps"]
    findings = await play({"steps": steps}, variables, send)

    statuses = [finding for finding in findings if "response_status" in finding]
    assert len(statuses) == len([step for step in steps if step["step_type"] == "request"])
    assert any("totalResults equal 0" in finding for finding in findings)
    assert any("response_time is_less_than 600" in finding for finding in findings)


def test_a_path_names_a_part_of_a_response():
    body = {"Resources": [{"emails": [{"value": "a"}]}]}

    assert find(body, "Resources[0].emails[0].value") == "a"
    assert find(body, "Resources[1].id") is None
    assert find(body, "") == body
