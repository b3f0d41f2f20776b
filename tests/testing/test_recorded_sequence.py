"""The simulated Cal.com responds to a recorded sequence of 83 calls as the real API v2 did."""

import pytest

from calscim.testing.calcom.builds import SELF_HOSTED_2025_12
from calscim.testing.calcom.calcom import World
from tests.testing.facts import Names, load

SEQUENCE = load("sequence.json")
DIFFERENCES: dict[str, str] = {}  # step -> why the simulation responds differently


@pytest.fixture
def world() -> World:
    """The world at the beginning of the sequence: an organization of four with three teams."""
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


async def test_the_recorded_sequence_has_the_recorded_responses(api):
    names = Names(SEQUENCE["shapes"])
    data = {call["step"]: call.get("data") for call in SEQUENCE["calls"]}

    different = {}
    for recorded in SEQUENCE["calls"]:
        call = {**recorded, "data": data[recorded.get("data_of", recorded["step"])]}
        answer = await api(call["method"], names.fill(call["path"]), names.fill(call.get("body")))
        difference = names.from_recorded(call, answer.status, answer.body)
        if difference is not None:
            different[call["step"]] = difference

    assert {step: why for step, why in different.items() if step not in DIFFERENCES} == {}
    assert different.keys() == DIFFERENCES.keys(), (
        "remove the listed differences that no longer exist"
    )


def test_the_recorded_sequence_has_every_call():
    assert len(SEQUENCE["calls"]) == 83
