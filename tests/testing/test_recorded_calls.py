"""The simulation responds to single recorded calls with the same status, code and message.

What a refusal says is compared whole; of a success, the fields that the call decides.
"""

from collections import defaultdict
from typing import Any

import pytest

from calscim.testing.calcom.builds import SELF_HOSTED_2025_12
from calscim.testing.calcom.calcom import World
from calscim.testing.calcom.throttle import Throttle
from tests.testing.facts import Names, load

CALLS = {call["name"]: call for call in load("calls.json")}
DIFFERENCES = {
    "org-other": "the simulation has a single organization",
    "race-org-delete-1": "the simulation handles one call at a time",
    "race-team-delete-0": "the simulation handles one call at a time",
    "race-user-create-1": "the simulation handles one call at a time",
}
ANN = "ann@acme.test"


@pytest.fixture
def world() -> World:
    world = World(build=SELF_HOSTED_2025_12, auto_accept_domains=frozenset({"acme.test"}))
    world.add_person("owner@acme.test", "Olive Owner", "OWNER")
    world.add_person("admin@acme.test", "Adam Admin", "ADMIN")
    world.add_person("mia@acme.test", "Mia Member")
    world.add_person("noah@acme.test", "Noah Pending", accepted=False)
    for email in ("gus@globex.test", "solo@elsewhere.test", "Sue@acme.test"):
        world.add_person(email, in_org=False)
    for email in (ANN, "bob@acme.test", "cara@acme.test", "gone@acme.test"):
        world.add_person(email)
    for email in ("eve@acme.test", "fay@other.test"):
        world.add_person(email, accepted=False, profile=True)
    for team in ("Sales", "Support", "Design", "Ops"):
        world.add_team(team)
    world.put_on_team("Sales", "mia@acme.test")
    world.add_attribute("Department")
    world.add_attribute("Level", "NUMBER")
    world.add_attribute("Office", "SINGLE_SELECT", ("Vienna", "Berlin"))
    world.add_attribute("Skills", "MULTI_SELECT", ("Go", "Rust"))
    return world


GIVEN = {
    "assign-multi-again": lambda world: world.set_attribute("mia@acme.test", "Skills", "Rust"),
    "assign-no-profile": lambda world: world.make_half_member("noah@acme.test"),
    "assign-single-again-same": lambda world: world.set_attribute(
        "mia@acme.test", "Office", "Vienna"
    ),
    "me-expired": lambda world: setattr(world, "api_key_state", "expired"),
    "me-key-deleted": lambda world: setattr(world, "api_key_state", "deleted"),
    "membership-delete-again": lambda world: world.remove_from_org(ANN),
    "membership-patch-accept-pending-noprofile": lambda world: world.join(
        world.user_id("solo@elsewhere.test"), 42, "MEMBER", accepted=False
    ),
    "membership-readd-by-userid": lambda world: world.remove_from_org(ANN),
    "org-admin-api-off-write": lambda world: setattr(world, "admin_api", False),
    "org-member-key": lambda world: setattr(world, "me", world.user_id("mia@acme.test")),
    "org-member-key-teams": lambda world: setattr(world, "me", world.user_id("mia@acme.test")),
    "race-user-create-1": lambda world: world.add_person("race@acme.test"),
    "team-add-accepted-no-profile": lambda world: world.make_half_member("solo@elsewhere.test"),
    "team-add-after-readd": lambda world: world.make_half_member(ANN),
    "team-add-duplicate": lambda world: world.put_on_team("Sales", ANN),
    "team-create-no-slug-again": lambda world: world.add_team("No Slug Team!"),
    "team-patch-accepted-false": lambda world: world.put_on_team("Sales", ANN),
    "team-patch-empty": lambda world: world.put_on_team("Sales", ANN),
    "team-patch-role": lambda world: world.put_on_team("Sales", ANN),
    "team-patch-wrong-team": lambda world: world.put_on_team("Sales", ANN),
    "team-get-deleted": lambda world: world.remove_team("Ops"),
    "team-members-deleted": lambda world: world.remove_team("Ops"),
    "user-create-after-removal": lambda world: world.remove_from_org(ANN),
    "user-delete-again": lambda world: world.delete_account_of("gone@acme.test"),
}
HEADERS = {
    "lowercase-bearer": {"Authorization": "bearer cal_sim"},
    "me-bad-key": {"Authorization": "Bearer cal_other"},
    "me-non-cal-token": {"Authorization": "Bearer token"},
    "unsupported-media": {"Content-Type": "text/plain"},
    "user-create-bad-json": {"Content-Type": "application/json"},
}


ELSEWHERE = 4711  # the id of what the simulation does not have


def ids_of(world: World) -> dict[str, Any]:
    """Return the ids that the recorded calls name."""
    found: dict[str, Any] = {}
    for account in world.accounts.values():
        found[f"${_person(account.email)}"] = account.id
    for one in world.memberships.values():
        team = f"-{world.teams[one.team_id].slug}" if one.team_id in world.teams else ""
        found[f"$member-{_person(world.accounts[one.user_id].email)}{team}"] = one.id
    for team in world.teams.values():
        found[f"${team.slug}"] = team.id
    for attribute in world.attributes.values():
        found[f"${attribute.slug}"] = attribute.id
        for option, value in attribute.options.items():
            found[f"$option-{value.lower()}"] = option
    return found


def _person(email: str) -> str:
    local = email.lower().partition("@")[0]
    return {"owner": "olive", "admin": "adam"}.get(local, local)


def prepare(world: World, call: Any) -> Names:
    names = Names(bound=defaultdict(lambda: ELSEWHERE, ids_of(world)))
    GIVEN.get(call["name"], lambda _: None)(world)
    if call["status"] == 201:
        make_room(world, call)
    names.bound |= ids_of(world)
    return names


def make_room(world: World, call: Any) -> None:
    """Remove what the call will create."""
    match call["path"].rpartition("/")[2]:
        case "users" if world.stored(call["body"]["email"].lower()):
            world.delete_account_of(call["body"]["email"].lower())
        case "attributes":
            world.attributes.clear()
        case "teams" if call["body"].get("slug") == "ops":
            world.remove_team("Ops")


@pytest.mark.parametrize("name", [name for name in CALLS if name not in DIFFERENCES])
async def test_a_single_call_has_the_recorded_response(api, world, simulation, name):
    call = CALLS[name]
    names = prepare(world, call)
    if name == "rate-121":
        simulation.throttle = Throttle(0, simulation.clock)

    api.headers = HEADERS.get(name, {})
    answer = await api(call["method"], names.fill(call["path"]), names.fill(call.get("body")))

    assert names.from_recorded(call, answer.status, answer.body) is None


@pytest.mark.parametrize("name", DIFFERENCES)
async def test_a_listed_difference_exists(api, world, name):
    call = CALLS[name]
    names = prepare(world, call)

    answer = await api(call["method"], names.fill(call["path"]), names.fill(call.get("body")))

    assert names.from_recorded(call, answer.status, answer.body) is not None
