"""Faults, the rate limit and a lagging replica of the simulated Cal.com."""

import aiohttp
import pytest

from calscim.testing.calcom.calcom import Fault, Simulation, World, serve
from calscim.testing.calcom.throttle import Limit, Throttle
from tests.testing.conftest import ORG, Api

ADA = "ada@acme.example"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


# -------------------------------------------------------------------- the rate limit


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_calls_over_the_limit_block_the_key_for_a_minute(clock):
    throttle = Throttle(120, clock)

    assert all(throttle.take()[1] for _ in range(120))
    clock.now += 30
    assert throttle.take() == (
        {
            "X-RateLimit-Limit-Default": "120",
            "X-RateLimit-Remaining-Default": "0",
            "X-RateLimit-Reset-Default": "60",
        },
        False,
    )
    clock.now += 59.5
    assert throttle.take()[0]["X-RateLimit-Reset-Default"] == "1"
    clock.now += 0.5
    assert throttle.take()[1]
    assert throttle.refused == 2


def test_a_window_begins_with_its_first_call(clock):
    throttle = Throttle(2, clock)

    throttle.take()
    clock.now += 59
    assert throttle.take()[0]["X-RateLimit-Reset-Default"] == "1"
    clock.now += 1
    assert throttle.take()[0]["X-RateLimit-Remaining-Default"] == "1"


def test_a_call_is_refused_when_all_of_several_limits_are_used_up(clock):
    short, long = Limit("Short", 2, window=10, block=5), Limit("Long", 3, window=100, block=50)
    throttle = Throttle((short, long), clock)

    allowed = [throttle.take()[1] for _ in range(3)]
    headers, is_allowed = throttle.take()

    assert (allowed, is_allowed, throttle.refused) == ([True, True, True], False, 1)
    assert headers == {
        "X-RateLimit-Limit-Short": "2",
        "X-RateLimit-Remaining-Short": "0",
        "X-RateLimit-Reset-Short": "5",
        "X-RateLimit-Limit-Long": "3",
        "X-RateLimit-Remaining-Long": "0",
        "X-RateLimit-Reset-Long": "50",
    }


def test_the_shortest_of_several_blocks_opens_the_key_again(clock):
    throttle = Throttle((Limit("Short", 1, block=5), Limit("Long", 1, block=50)), clock)
    throttle.take()
    throttle.take()

    clock.now += 4
    before = throttle.take()[1]
    clock.now += 1
    after = throttle.take()[1]

    assert (before, after) == (False, True)


async def test_a_simulation_has_the_limits_it_is_given(world, clock):
    limits = (Limit("Short", 1), Limit("Long", 10))
    simulation = Simulation(world, limit=limits, clock=clock)
    async with serve(world, simulation=simulation) as url, aiohttp.ClientSession() as session:
        api = Api(session, url)
        answers = [await api("GET", "/v2/me") for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 200]
    assert [answer.headers["X-RateLimit-Remaining-Short"] for answer in answers] == ["0", "0"]
    assert answers[1].headers["X-RateLimit-Remaining-Long"] == "8"


@pytest.mark.parametrize(
    ("authorization", "limit"),
    [("Bearer cal_sim", "120"), ("Bearer cal_other", None), ("Bearer token", "500")],
)
async def test_an_access_token_has_its_own_limit(clock, world, authorization, limit):
    simulation = Simulation(world, limit=120, clock=clock)
    async with serve(world, simulation=simulation) as url, aiohttp.ClientSession() as session:
        answer = await Api(session, url, headers={"Authorization": authorization})("GET", "/v2/me")

    assert answer.headers.get("X-RateLimit-Limit-Default") == limit


async def test_every_response_has_the_calls_left(world, clock, api, simulation):
    simulation.throttle = Throttle(120, clock)

    answer = await api("GET", f"{ORG}/teams/999")

    assert answer.status == 404
    assert answer.headers["X-RateLimit-Remaining-Default"] == "119"


async def test_too_many_calls_are_refused_without_a_retry_after(clock, api, simulation):
    simulation.throttle = Throttle(1, clock)
    await api("GET", "/v2/me")

    answer = await api("GET", "/v2/me")

    assert answer.error[:2] == (429, "ThrottlerException")
    assert "Retry-After" not in answer.headers
    assert simulation.throttled == 1


# -------------------------------------------------------------------- faults


async def test_a_status_comes_before_the_effect_or_after_it(api, world, simulation):
    body = {"name": "New"}
    simulation.faults = [
        Fault(method="POST", path="/teams", status=503),
        Fault(method="POST", path="/teams", kind="status-after", status=500),
    ]

    async with api.session.post(
        f"{api.url}{ORG}/teams", json=body, headers={"Authorization": "Bearer cal_sim"}
    ) as response:
        assert response.status == 503
    assert "New" not in world.snapshot()["teams"]
    assert (await api("POST", f"{ORG}/teams", body)).status == 500
    assert "New" in world.snapshot()["teams"]


@pytest.mark.parametrize(("kind", "there"), [("drop", False), ("drop-after", True)])
async def test_a_connection_that_ends_says_nothing_of_the_effect(
    api, world, simulation, kind, there
):
    simulation.faults = [Fault(method="POST", kind=kind)]

    with pytest.raises(aiohttp.ClientError):
        await api("POST", f"{ORG}/teams", {"name": "New"})

    assert ("New" in world.snapshot()["teams"]) is there


async def test_a_malformed_answer_is_no_json(api, simulation):
    simulation.faults = [Fault(kind="malformed")]

    with pytest.raises(ValueError):
        await api("GET", "/v2/me")


async def test_a_hanging_answer_comes_late(api, simulation):
    simulation.faults = [Fault(kind="hang", seconds=0.01)]

    assert (await api("GET", "/v2/me")).status == 200


async def test_a_list_is_empty_short_or_repeats_a_row(api, world, simulation):
    for number in range(8):
        world.add_person(f"p{number}@acme.example")
    simulation.faults = [Fault(kind=kind) for kind in ("empty", "short", "repeat")]

    empty, short, repeat = [(await api("GET", f"{ORG}/memberships")).data for _ in range(3)]

    assert (len(empty), len(short), len(repeat)) == (0, 5, 10)
    assert len({row["id"] for row in repeat}) == 9


async def test_a_fault_skips_calls_and_ends(api, simulation):
    simulation.faults = [Fault(skip=1, times=2)]

    assert [(await api("GET", "/v2/me")).status for _ in range(4)] == [200, 500, 500, 200]


async def test_a_fault_strikes_as_often_as_it_is_likely_and_the_same_for_a_seed():
    struck = [
        [
            Fault(times=-1, probability=0.3).applies_to("GET", "/", World(seed=seed).random)
            for seed in range(400)
        ]
        for _ in range(2)
    ]

    assert struck[0] == struck[1]
    assert 80 < sum(struck[0]) < 160


def test_a_fault_of_no_known_kind_is_refused():
    with pytest.raises(TypeError, match="malformed"):
        Fault(kind="explode")


# -------------------------------------------------------------------- lag


async def test_reads_see_the_state_of_some_writes_ago(api, world):
    world.lag(writes=1)

    world.add_team("First")
    before = (await api("GET", f"{ORG}/teams")).data
    world.add_team("Second")
    after = (await api("GET", f"{ORG}/teams")).data

    assert {team["name"] for team in before} == {"Sales"}
    assert {team["name"] for team in after} == {"Sales", "First"}


async def test_a_replica_never_had_less_than_when_it_fell_behind(api, world):
    world.lag(writes=30)
    world.add_team("New")

    assert [team["name"] for team in (await api("GET", f"{ORG}/teams")).data] == ["Sales"]


async def test_reads_see_a_write_after_some_time(api, world, clock):
    world.clock = clock
    world.lag(seconds=5)
    membership = world.find(world.user_id(ADA), 42)

    world.remove_from_org(ADA)
    still = await api("GET", f"{ORG}/memberships/{membership.id}")
    clock.now += 5
    gone = await api("GET", f"{ORG}/memberships/{membership.id}")

    assert (still.status, gone.status) == (200, 404)


async def test_writes_are_not_behind(api, world):
    world.lag(writes=5)

    assert (await api("POST", f"{ORG}/teams", {"name": "New"})).status == 201
    assert (await api("POST", f"{ORG}/teams", {"name": "New"})).status == 409


async def test_a_replica_catches_up(api, world):
    world.lag(writes=3)
    world.add_team("New")
    world.lag()

    assert len((await api("GET", f"{ORG}/teams")).data) == 2


# -------------------------------------------------------------------- by hand, and what is counted


async def test_calls_are_counted_with_numbers_left_out(api, world, simulation):
    await api("GET", f"{ORG}/teams/{world.team_id('Sales')}/memberships?take=250")

    assert simulation.calls == {"GET /v2/organizations/#/teams/#/memberships": 1}


async def test_writes_are_kept_as_they_came(api, simulation):
    await api("POST", f"{ORG}/teams", {"name": "New"})

    assert [(call.method, call.body) for call in simulation.writes] == [("POST", {"name": "New"})]


async def test_a_simulation_that_stands_alone_is_changed_by_hand_without_a_key(api, world):
    api.key = None

    await api("POST", "/_sim/people", {"email": "bob@acme.example", "name": "Bob"})
    await api("POST", "/_sim/teams", {"name": "Support"})
    await api("POST", "/_sim/members", {"team": "Support", "email": "bob@acme.example"})
    await api("POST", "/_sim/roles", {"team": "Support", "email": ADA, "role": "ADMIN"})
    await api("POST", "/_sim/members", {"team": "Sales", "email": ADA})
    await api("POST", "/_sim/members", {"team": "Sales", "email": ADA, "remove": True})
    await api("POST", "/_sim/leave", {"email": ADA})
    state = await api("GET", "/_sim/state")

    assert state.body["teams"] == {"Sales": {}, "Support": {"bob@acme.example": "MEMBER"}}
    assert ADA not in state.body["people"]


async def test_manual_edits_create_pending_people_and_half_members(api, world):
    world.add_person("eve@acme.example")

    await api("POST", "/_sim/people", {"email": "Sue@Acme.example", "in_org": False})
    await api("POST", "/_sim/half-member", {"email": "hal@acme.example"})
    await api("POST", "/_sim/half-member", {"email": "eve@acme.example"})
    await api("POST", "/_sim/members", {"team": "Sales", "email": ADA, "accepted": False})
    await api("POST", "/_sim/members", {"team": "Sales", "email": "eve@acme.example"})
    await api("POST", "/_sim/pending", {"team": "Sales", "email": "eve@acme.example"})
    await api("POST", "/_sim/pending", {"email": ADA})

    assert world.stored("Sue@Acme.example") is not None
    for email in ("hal@acme.example", "eve@acme.example"):
        account = world.stored(email)
        assert (account.profile, world.find(account.id, 42).accepted) == (False, True)
    assert world.snapshot()["pending"] == [ADA]
    assert [one.accepted for one in world.of_team(world.team_id("Sales"))] == [False, False]


async def test_an_account_deleted_by_a_manual_edit_is_not_counted(api, world):
    number = world.user_id(ADA)
    world.put_on_team("Sales", ADA)

    await api("POST", "/_sim/delete-account", {"email": ADA})
    attached = await api("POST", f"{ORG}/memberships", {"userId": number, "role": "MEMBER"})

    assert world.snapshot()["teams"]["Sales"] == {}
    assert world.accounts_deleted == 0
    assert attached.error[:2] == (400, "BAD_REQUEST")


async def test_faults_are_added_and_removed_over_http(api, simulation):
    await api("POST", "/_sim/faults", {"kind": "status", "times": -1})
    await api("POST", "/_sim/faults", {"faults": [{"status": 502}, {"kind": "empty"}]})
    assert [(fault.kind, fault.status) for fault in simulation.faults] == [
        ("status", 502),
        ("empty", 500),
    ]

    await api("DELETE", "/_sim/faults")
    assert simulation.faults == []


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("people", {"mail": "x"}),
        ("members", {"team": "No", "email": ADA}),
        ("faults", {"kind": "explode"}),
        ("nothing", {}),
    ],
)
async def test_an_impossible_manual_edit_is_an_error(api, what, body):
    answer = await api("POST", f"/_sim/{what}", body)

    assert answer.status == 400
    assert answer.body["error"]


async def test_a_world_remembers_itself(tmp_path):
    world = World.remembered(tmp_path / "world.json")
    world.add_person("owner@acme.example", role="OWNER")
    world.add_team("Sales")
    world.put_on_team("Sales", "owner@acme.example", "ADMIN")
    attribute = world.add_attribute("Office", "SINGLE_SELECT", ("Oslo",))
    world.assign(world.find(world.me, 42), next(iter(world.attributes[attribute].options)))

    again = World.remembered(tmp_path / "world.json")

    assert again.snapshot() == world.snapshot()
    assert again.me == world.me
    assert again.values("owner@acme.example") == {"Office": ["Oslo"]}


async def test_an_unknown_path_has_cal_coms_error(api):
    async with api.session.get(
        f"{api.url}/v2/nothing", headers={"Authorization": "Bearer cal_sim"}
    ) as response:
        body = await response.json()

    assert (response.status, body["error"]["message"]) == (404, "Cannot GET /v2/nothing")


def test_a_simulation_has_no_limit_by_default():
    assert Simulation(World()).throttle.take() == ({}, True)
