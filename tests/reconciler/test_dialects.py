"""A group that an identity provider pushes in its own dialect reaches the team in Cal.com."""

import json

import pytest

from tests.scim.test_conversations import CONVERSATIONS, filled

WITH_GROUPS = [
    file for file in CONVERSATIONS if '"members": [{"value": "${' in file.read_text("utf-8")
]


@pytest.mark.parametrize("file", WITH_GROUPS, ids=lambda file: file.stem)
async def test_the_members_of_a_pushed_group_are_on_its_team(stage, file):
    """Play the conversation; whenever it expects members of the group, the team has exactly their accounts."""
    conversation = json.loads(file.read_text("utf-8"))
    known, compared = {"base": stage.okta.base_url}, 0

    for step in conversation["steps"]:
        body = await send(stage, conversation, step, known)
        if step["method"] == "POST" and step["path"] == "/Groups":
            await stage.map(step["body"]["displayName"], stage.team_id("Sales"), "managed")
        known |= {name: body[path] for name, path in step.get("save", {}).items()}
        members = (step["expect"].get("body") or {}).get("members")
        if members and members != "*":
            await stage.full()
            users = [await user(stage, filled(one["value"], known)) for one in members]
            assert set(stage.team("Sales")) == {login(one) for one in users if one["active"]}
            compared += 1

    assert compared


async def send(stage, conversation, step, known):
    """Send one request of a conversation to the stage's directory, and return the body of the response."""
    headers = {
        "Authorization": f"Bearer {stage.okta.token}",
        "Content-Type": "application/scim+json",
        **conversation.get("headers", {}),
        **step.get("headers", {}),
    }
    sent = step["raw"] if "raw" in step else json.dumps(filled(step.get("body"), known))
    async with stage.session.request(
        step["method"],
        stage.okta.base_url + filled(step["path"], known),
        headers=headers,
        data=sent if "body" in step or "raw" in step else None,
    ) as response:
        assert response.status == step["expect"]["status"], step["name"]
        return json.loads(await response.text() or "null")


async def user(stage, user_id):
    headers = {"Authorization": f"Bearer {stage.okta.token}"}
    async with stage.session.get(
        f"{stage.okta.base_url}/Users/{user_id}", headers=headers
    ) as found:
        return json.loads(await found.text())


def login(user):
    primary = [one for one in user["emails"] if one.get("primary")]
    return (primary or user["emails"])[0]["value"].lower()
