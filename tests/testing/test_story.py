"""The simulated Cal.com answers a whole recorded story as the real API v2 did: 83 calls, in order."""

import pytest

from calscim.testing.calcom.builds import SELF_HOSTED_2025_12
from calscim.testing.calcom.calcom import World
from tests.testing.facts import Names, load

STORY = load("story.json")
DIFFERENCES: dict[str, str] = {}  # step -> why the simulation answers it otherwise


@pytest.fixture
def world() -> World:
    """As the story begins: an organization of four with three teams."""
    world = World(build=SELF_HOSTED_2025_12, auto_accept_domains=frozenset({"acme.test"}))
    for email, name, role in (
        ("owner@acme.test", "Olive Owner", "OWNER"),
        ("admin@acme.test", "Adam Admin", "ADMIN"),
        ("mia@acme.test", "Mia Member", "MEMBER"),
    ):
        world.add_person(email, name, role, username=name.partition(" ")[0].lower())
    world.add_person("noah@acme.test", "Noah Pending", accepted=False)
    for name in ("Sales", "Support", "Design"):
        world.add_team(name)
    world.put_on_team("Sales", "owner@acme.test", "OWNER")
    world.put_on_team("Sales", "mia@acme.test")
    world.accounts[world.me].time_zone = "Europe/Vienna"
    return world


async def test_the_recorded_story_is_answered_as_it_was(api):
    names = Names(STORY["shapes"])
    data = {call["step"]: call.get("data") for call in STORY["calls"]}

    different = {}
    for told in STORY["calls"]:
        call = {**told, "data": data[told.get("data_of", told["step"])]}
        answer = await api(call["method"], names.fill(call["path"]), names.fill(call.get("body")))
        difference = names.from_recorded(call, answer.status, answer.body)
        if difference is not None:
            different[call["step"]] = difference

    assert {step: why for step, why in different.items() if step not in DIFFERENCES} == {}
    assert different.keys() == DIFFERENCES.keys(), "what is no difference any more is not listed"


def test_the_story_is_whole():
    assert len(STORY["calls"]) == 83
