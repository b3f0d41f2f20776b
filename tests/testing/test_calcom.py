"""The simulated Cal.com has the traps of the real one. Each response is checked against the OpenAPI facts.

test_recorded_sequence.py and test_recorded_calls.py compare it with the recordings of a real API v2.
"""

import pytest

from calscim.testing.calcom import builds
from calscim.testing.calcom.builds import HOSTED_2026, SELF_HOSTED_2025_12
from calscim.testing.calcom.calcom import World
from tests.testing.conftest import ORG

ADA, BOB, OWNER = "ada@acme.example", "bob@acme.example", "owner@acme.example"


def test_no_team_has_the_number_of_the_organization():
    world = World(organization_id=7)

    teams = {world.add_team(f"Team {n}", slug=f"team-{n}") for n in range(20)}

    assert world.organization_id not in world.teams
    assert len(world.teams) == len(teams) == 20


# -------------------------------------------------------------------- who is let in


async def test_the_key_names_its_user(api, world):
    me = (await api("GET", "/v2/me")).data

    assert (me["id"], me["email"], me["organizationId"]) == (world.me, OWNER, 42)


@pytest.mark.parametrize("key", [None, "cal_other"])
async def test_another_key_or_none_is_refused(api, key):
    api.key = key

    assert (await api("GET", f"{ORG}/memberships")).error[:2] == (401, "UnauthorizedException")


async def test_another_organization_is_refused(api):
    answer = await api("GET", "/v2/organizations/43/memberships")

    assert answer.error[:2] == (403, "ForbiddenException")


async def test_a_key_whose_user_is_only_a_member_is_refused(api, world):
    world.set_role(None, OWNER, "MEMBER")

    assert "minimum required role" in (await api("GET", f"{ORG}/teams")).error[2]


async def test_a_key_whose_user_has_left_is_refused_and_has_no_organization(api, world):
    world.remove_from_org(OWNER)

    assert (await api("GET", f"{ORG}/teams")).status == 403
    assert (await api("GET", "/v2/me")).data["organizationId"] is None


@pytest.mark.parametrize(("build", "status"), [(HOSTED_2026, 403), (SELF_HOSTED_2025_12, 200)])
async def test_only_hosted_cal_com_refuses_an_organization_without_the_admin_api(
    api, world, build, status
):
    world.build, world.admin_api = build, False

    assert (await api("GET", f"{ORG}/teams")).status == status


def test_an_unknown_build_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="hosted 2026"):
        World(build="hosted 2025")


async def test_an_unknown_path_is_refused_before_the_key_is_looked_at(api):
    api.key = None

    answer = await api("GET", f"{ORG}/nothing")

    assert answer.error[:2] == (404, "NotFoundException")


async def test_head_is_answered_like_get_without_a_body(api):
    async with api.session.head(
        f"{api.url}/v2/me", headers={"Authorization": "Bearer cal_sim"}
    ) as response:
        assert (response.status, await response.read()) == (200, b"")


# -------------------------------------------------------------------- lists


async def test_lists_have_no_order(api, world):
    for number in range(30):
        world.add_person(f"p{number}@acme.example")

    orders = {
        tuple(row["id"] for row in (await api("GET", f"{ORG}/memberships")).data) for _ in range(5)
    }

    assert len(orders) > 1
    assert len({frozenset(order) for order in orders}) == 1


async def test_pages_are_cut_by_take_and_skip(api, world):
    for number in range(5):
        world.add_person(f"p{number}@acme.example")

    first = (await api("GET", f"{ORG}/memberships?take=4&skip=0")).data
    second = (await api("GET", f"{ORG}/memberships?take=4&skip=4")).data

    assert (len(first), len(second)) == (4, 3)
    assert len({row["id"] for row in first + second}) == 7


async def test_shuffled_pages_repeat_and_miss_rows(api, world, simulation):
    simulation.shuffled = True
    for number in range(50):
        world.add_person(f"p{number}@acme.example")

    pages = [(await api("GET", f"{ORG}/memberships?take=26&skip={skip}")).data for skip in (0, 26)]

    assert len({row["id"] for page in pages for row in page}) < 52


@pytest.mark.parametrize("query", ["take=0", "take=251", "skip=-1", "take=x"])
async def test_take_and_skip_have_limits(api, query):
    assert (await api("GET", f"{ORG}/memberships?{query}")).status == 400


async def test_every_field_that_fails_is_in_the_error(api):
    answer = await api("GET", f"{ORG}/memberships?take=0&skip=-1")

    errors = answer.body["error"]["details"]["errors"]
    assert {one["property"]: one["constraints"] for one in errors} == {
        "take": {"min": "take must not be less than 1"},
        "skip": {"min": "skip must not be less than 0"},
    }


@pytest.mark.parametrize("build", builds.NAMES)
async def test_the_list_of_teams_ignores_take_and_skip_unless_the_world_pages_teams(
    api, world, build
):
    world.build = build
    for number in range(4):
        world.add_team(f"Team {number}")

    ignored = (await api("GET", f"{ORG}/teams?take=2&skip=1000")).data
    world.pages_teams = True
    paged = (await api("GET", f"{ORG}/teams?take=2&skip=4")).data

    assert (len(ignored), len(paged)) == (5, 1)


async def test_users_are_filtered_by_team(api, world):
    world.put_on_team("Sales", ADA)

    found = (await api("GET", f"{ORG}/users?teamIds={world.team_id('Sales')}")).data

    assert [row["email"] for row in found] == [ADA]


@pytest.mark.parametrize(
    "query", [f"emails={ADA}&emails={OWNER}", f"emails[]={ADA}&emails[]={OWNER}"]
)
async def test_several_addresses_are_requested_by_repeating_the_parameter(api, world, query):
    world.add_person(BOB)

    assert len((await api("GET", f"{ORG}/users?{query}")).data) == 2
    assert (await api("GET", f"{ORG}/users?emails={ADA},{OWNER}")).status == 400


async def test_people_without_a_profile_are_no_users(api, world):
    world.add_person("pending@acme.example", accepted=False)

    users = (await api("GET", f"{ORG}/users?take=1000")).data
    people = (await api("GET", f"{ORG}/memberships")).data

    assert (len(users), len(people)) == (2, 3)


async def test_the_filter_by_address_minds_the_case(api):
    assert len((await api("GET", f"{ORG}/users?emails={ADA}")).data) == 1
    assert len((await api("GET", f"{ORG}/users?emails={ADA.upper()}")).data) == 0
