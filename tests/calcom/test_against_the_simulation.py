"""The client, the reader and the writer against a simulated Cal.com: sequences of calls, faults, and the budget."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calscim.calcom.client import Client
from calscim.calcom.rate_budget import Budget
from calscim.calcom.reader import Reader
from calscim.calcom.transport import Transport
from calscim.calcom.writer import CallResult, Writer
from calscim.errors import RemoteError, RemoteKind
from calscim.planner.actions import (
    AcceptMember,
    Action,
    AddMember,
    AttachUser,
    ChangeAddress,
    ChangeTeamRole,
    CreateUser,
    DeprovisionUser,
    Outcome,
    ReinviteUser,
    RemoveMember,
)
from calscim.planner.observed_state import Complete, Incomplete
from calscim.planner.people.user_preferences import Preferences
from calscim.planner.roles import Role
from calscim.testing.calcom import builds
from calscim.testing.calcom.calcom import Fault, Simulation, World, serve
from calscim.testing.calcom.throttle import Throttle
from tests.calcom.conftest import Clock

ADA, OWNER = "ada@acme.example", "owner@acme.example"
OLDER = [builds.SELF_HOSTED_2025_12, builds.BEFORE_2025_08_18]


class Silent:
    async def begin(self, action, request_id):
        return 1

    async def confirm(self):
        pass

    async def finish(self, action_id, outcome):
        pass


@dataclass
class Site:
    world: World
    simulation: Simulation
    client: Client
    reader: Reader
    writer: Writer

    async def perform(self, action: type[Action], email: str = ADA, **more) -> CallResult:
        return await self.writer.perform(action(email, "because", **more), "r")

    async def add(self, email: str, team: str = "Sales") -> CallResult:
        user, number = self.world.user_id(email), self.world.team_id(team)
        return await self.perform(AddMember, email, cal_user=user, team=number)


def site_of(world: World, url: str, simulation: Simulation, session, clock, budget=100_000) -> Site:
    client = Client(
        Transport(
            session,
            organization="acme",
            api_url=url,
            api_key="cal_sim",
            budget=Budget(budget),
            clock=clock,
            timeout=2,
        ),
        world.organization_id,
    )
    return Site(world, simulation, client, Reader(client), Writer(client, Silent()))


@pytest.fixture
def world() -> World:
    world = World()
    world.add_person(OWNER, name="Olive Owner", role="OWNER")
    world.add_team("Sales")
    return world


@pytest.fixture
async def site(world: World, clock: Clock) -> AsyncIterator[Site]:
    simulation = Simulation(world)
    async with serve(world, simulation=simulation) as url, aiohttp.ClientSession() as session:
        yield site_of(world, url, simulation, session, clock)


# -------------------------------------------------------------------- whole ways


@pytest.mark.parametrize("build", builds.NAMES)
async def test_a_new_person_is_created_added_to_a_team_and_removed(site, build):
    site.world.build = build

    made = await site.perform(CreateUser)
    added = await site.add(ADA)
    role = await site.perform(
        ChangeTeamRole,
        membership=added.membership,
        team=site.world.team_id("Sales"),
        role=Role.ADMIN,
    )
    there = site.world.snapshot()["teams"]["Sales"]
    person = site.world.find(made.cal_user, 42)
    gone = await site.perform(DeprovisionUser, cal_user=made.cal_user, membership=person.id)

    assert [one.outcome for one in (made, added, role, gone)] == [Outcome.DONE] * 4
    assert there == {ADA: "ADMIN"}
    left_behind = {} if site.world.can.cascades else {ADA: "ADMIN"}
    assert site.world.snapshot()["teams"]["Sales"] == left_behind
    assert ADA not in site.world.snapshot()["people"]
    assert site.world.account(ADA) is not None
    assert site.world.accounts_deleted == 0


@pytest.mark.parametrize("build", builds.NAMES)
@pytest.mark.parametrize("in_org", [True, False])
async def test_an_account_that_exists_is_a_conflict_on_every_build(site, build, in_org):
    site.world.build = build
    site.world.add_person(ADA, in_org=in_org)

    assert (await site.perform(CreateUser)).outcome is Outcome.CONFLICT


async def test_a_deprovisioned_person_returns_to_the_teams(site):
    user = site.world.add_person(ADA)
    site.world.remove_from_org(ADA)

    back = await site.perform(AttachUser, cal_user=user)
    added = await site.add(ADA)

    assert (back.cal_user, back.accepted) == (user, True)
    assert added.outcome is Outcome.DONE


async def test_teams_open_once_an_invitation_is_accepted(site):
    site.world.auto_accept_domains = frozenset()
    site.world.add_person(ADA, in_org=False)

    invited = await site.perform(AttachUser)
    waiting = await site.add(ADA)
    people = await site.reader.people()
    site.world.accept(ADA)
    added = await site.add(ADA)

    assert (invited.outcome, invited.accepted) == (Outcome.DONE, False)
    assert waiting.outcome is Outcome.NO_PROFILE
    assert isinstance(people, Complete)
    assert not people.value[invited.cal_user].accepted
    assert added.outcome is Outcome.DONE


@pytest.mark.parametrize("build", OLDER)
async def test_older_builds_attach_a_known_account_pending_and_open_teams_after_accepting(
    site, build
):
    site.world.build = build
    user = site.world.add_person(ADA, in_org=False)

    attached = await site.perform(AttachUser, cal_user=user)
    unknown = await site.perform(AttachUser, "nobody@acme.example")
    waiting = await site.add(ADA)
    site.world.accept(ADA)
    added = await site.add(ADA)

    assert (attached.outcome, attached.accepted) == (Outcome.DONE, False)
    assert unknown.outcome is Outcome.REFUSED
    assert (waiting.outcome, added.outcome) == (Outcome.NO_PROFILE, Outcome.DONE)


@pytest.mark.parametrize("build", builds.NAMES)
async def test_a_half_member_is_made_pending_and_has_something_to_accept(site, build):
    site.world.build = build
    user = site.world.add_person(ADA, profile=False)

    closed = await site.add(ADA)
    attached = await site.perform(
        ReinviteUser,
        cal_user=user,
        membership=site.world.find(user, 42).id,
        role=Role.MEMBER,
    )
    site.world.accept(ADA)

    assert (closed.outcome, attached.accepted) == (Outcome.NO_PROFILE, False)
    assert (await site.add(ADA)).outcome is Outcome.DONE


async def test_an_account_that_kept_its_profile_is_attached_accepted(site):
    site.world.build = builds.BEFORE_2025_08_18
    user = site.world.add_person(ADA)
    person = site.world.find(user, 42)
    await site.perform(DeprovisionUser, cal_user=user, membership=person.id)

    attached = await site.perform(AttachUser, cal_user=user, has_profile=True)

    assert (attached.outcome, attached.accepted) == (Outcome.DONE, True)
    assert (await site.add(ADA)).outcome is Outcome.DONE


@pytest.mark.parametrize("build", builds.NAMES)
async def test_a_deleted_account_is_not_found(site, build):
    site.world.build = build
    user = site.world.add_person(ADA)
    site.world.delete_account_of(ADA)

    assert (await site.perform(AttachUser, cal_user=user)).outcome is Outcome.NOT_FOUND


@pytest.mark.parametrize("build", builds.NAMES)
async def test_a_pending_member_of_a_team_is_accepted(site, build):
    site.world.build = build
    site.world.add_person(ADA)
    number = site.world.put_on_team("Sales", ADA, accepted=False)

    accepted = await site.perform(AcceptMember, team=site.world.team_id("Sales"), membership=number)

    assert (accepted.outcome, accepted.accepted) == (Outcome.DONE, True)


@pytest.mark.parametrize("build", builds.NAMES)
async def test_a_time_zone_that_is_refused_costs_no_account(site, build):
    site.world.build = build
    refused = "America/Port-au-Prince"  # Cal.com spells it otherwise and does not find it

    made = await site.perform(CreateUser, preferences=Preferences("de", refused, ""))

    assert made.outcome is Outcome.DONE
    assert refused in made.detail
    assert site.world.account(ADA).locale == "de"


@pytest.mark.parametrize("build", builds.NAMES)
async def test_doing_everything_twice_does_it_once(site, build):
    site.world.build = build
    user = site.world.add_person(ADA)
    team = site.world.team_id("Sales")
    first = await site.add(ADA)
    again = await site.add(ADA)
    on_team = {"team": team, "membership": first.membership, "cal_user": user}
    removed = [await site.perform(RemoveMember, **on_team) for _ in range(2)]
    person = site.world.find(user, 42).id
    left = [await site.perform(DeprovisionUser, cal_user=user, membership=person) for _ in range(2)]

    results = [one.outcome for one in (first, again, *removed, *left)]
    assert results == [
        Outcome.DONE,
        Outcome.ALREADY,
        Outcome.DONE,
        Outcome.NOT_FOUND,
        Outcome.DONE,
        Outcome.NOT_FOUND,
    ]


@pytest.mark.parametrize("build", builds.NAMES)
async def test_an_address_is_changed_on_the_same_account(site, build):
    site.world.build = build
    user = site.world.add_person(ADA)

    changed = await site.perform(
        ChangeAddress, "ada.l@acme.example", cal_user=user, preferences=Preferences("de", None, "")
    )

    assert changed.outcome is Outcome.DONE
    assert site.world.accounts[user].email == "ada.l@acme.example"
    assert site.world.accounts[user].locale == "de"


async def test_a_team_is_created_and_its_slug_is_unique(site):
    made = await site.client.create_team(
        await site.client.acquire_permit("r"), "Support", "support"
    )

    with pytest.raises(RemoteError) as caught:
        await site.client.create_team(await site.client.acquire_permit("r"), "Support", "support")

    assert site.world.snapshot()["teams"][made.name] == {OWNER: "OWNER"}
    assert caught.value.kind is RemoteKind.CONFLICT


@pytest.mark.parametrize("build", builds.NAMES)
async def test_attributes_are_read_and_given(site, build):
    site.world.build = build
    user = site.world.add_person(ADA)
    office = site.world.add_attribute("Office", "SINGLE_SELECT", ("Oslo",))
    title = site.world.add_attribute("Title")
    client = site.client
    made = await client.create_option(await client.acquire_permit("r"), office, "Bern", "bern")

    await client.assign_option(await client.acquire_permit("r"), user, office, made.id)
    await client.assign_value(await client.acquire_permit("r"), user, title, "Countess")
    given = await client.assigned(user)
    await client.unassign(await client.acquire_permit("r"), user, made.id)

    assert [one.name for one in await client.attributes(0)] in (
        ["Office", "Title"],
        ["Title", "Office"],
    )
    assert [one.value for one in await client.options(office)] == ["Oslo", "Bern"]
    assert [one.value for one in given] == ["Bern", "Countess"]
    assert site.world.values(ADA) == {"Title": ["Countess"]}


async def test_accounts_are_looked_up_by_address(site):
    user = site.world.add_person("ada+x@acme.example", name="Ada")

    [found] = await site.client.users(["ada+x@acme.example", "nobody@acme.example"])

    assert (found.user, found.email) == (user, "ada+x@acme.example")


# -------------------------------------------------------------------- adversity


@pytest.mark.parametrize("kind", ["status", "malformed", "drop", "empty", "short", "repeat"])
async def test_no_fault_makes_a_known_list_shorter(site, kind):
    for number in range(20):
        site.world.add_person(f"p{number}@acme.example")
    known = await site.reader.people()
    assert isinstance(known, Complete)
    site.simulation.faults = [Fault(method="GET", kind=kind)]

    found = await site.reader.people(expected=known.value.keys())

    assert isinstance(found, Incomplete) or found == known


async def test_a_hanging_answer_is_given_up(site):
    site.simulation.faults = [Fault(kind="hang", seconds=30)]
    site.client._transport._timeout = aiohttp.ClientTimeout(total=0.05)

    assert isinstance(await site.reader.people(), Incomplete)


@pytest.mark.parametrize("kind", ["drop-after", "status-after", "malformed-after"])
async def test_a_write_whose_response_is_lost_is_unknown_and_then_already_done(site, kind):
    site.world.add_person(ADA)
    site.simulation.faults = [Fault(method="POST", kind=kind)]

    lost, again = await site.add(ADA), await site.add(ADA)

    assert (lost.outcome, again.outcome) == (Outcome.UNKNOWN, Outcome.ALREADY)


@pytest.mark.parametrize("kind", ["drop", "drop-after"])
async def test_a_removal_whose_connection_is_lost_is_sent_once(site, kind):
    person = site.world.find(site.world.add_person(ADA), 42)
    site.simulation.faults = [Fault(method="DELETE", kind=kind)]

    result = await site.perform(DeprovisionUser, membership=person.id)

    assert result.outcome is Outcome.UNKNOWN
    assert site.simulation.calls["DELETE /v2/organizations/#/memberships/#"] == 1


async def test_a_read_whose_connection_is_lost_is_sent_again(site):
    site.simulation.faults = [Fault(method="GET", kind="drop")]

    assert (await site.client.me()).email == OWNER


async def test_a_list_from_a_replica_far_behind_is_looked_at_twice(site):
    site.world.lag(writes=30)
    added = {site.world.add_person(f"p{number}@acme.example") for number in range(20)}

    found = await site.reader.people(expected=added)

    assert isinstance(found, Complete)  # twice the same is believed
    assert found.value.keys() == {site.world.me}
    assert site.client.calls == 2


async def test_a_replica_that_catches_up_gives_a_complete_second_read(site):
    site.world.lag(writes=2)
    added = {site.world.add_person(f"p{number}@acme.example") for number in range(2)}
    original = site.client.memberships

    async def catching_up(skip, take):
        rows = await original(skip, take)
        site.world.lag()
        return rows

    site.client.memberships = catching_up

    found = await site.reader.people(expected=added)

    assert isinstance(found, Complete)
    assert found.value.keys() > added


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.sampled_from([0, 1, 20, 248, 249, 250, 251, 400, 499, 620]),
    seed=st.integers(0, 10_000),
    shuffled=st.booleans(),
    faults=st.lists(st.sampled_from(["status", "malformed", "repeat"]), max_size=3),
)
async def test_a_complete_list_never_lacks_a_member(size, seed, shuffled, faults):
    world = World(seed=seed)
    world.add_person(OWNER, role="OWNER")
    for number in range(size):
        world.add_person(f"p{number}@acme.example")
    simulation = Simulation(world, shuffled=shuffled)
    simulation.faults = [Fault(method="GET", kind=kind, probability=0.3) for kind in faults]
    async with serve(world, simulation=simulation) as url, aiohttp.ClientSession() as session:
        found = await site_of(world, url, simulation, session, Clock()).reader.people()

    if isinstance(found, Complete):
        assert found.value.keys() == world.accounts.keys()


# -------------------------------------------------------------------- the budget


@pytest.fixture
async def limited(world: World, clock: Clock) -> AsyncIterator[Site]:
    """A simulation with 120 calls per minute, by the clock with which the client waits."""
    simulation = Simulation(world, limit=120, clock=clock.monotonic)
    async with serve(world, simulation=simulation) as url, aiohttp.ClientSession() as session:
        yield site_of(world, url, simulation, session, clock, budget=120)


async def test_steady_work_is_never_throttled_and_wastes_little(limited, clock):
    begun = clock.moment
    for number in range(300):
        await limited.perform(CreateUser, f"p{number}@acme.example")
        await limited.add(f"p{number}@acme.example")

    assert limited.simulation.throttled == 0
    assert clock.moment - begun <= 1.1 * 600 / 120 * 60


async def test_another_user_of_the_key_is_noticed(limited, clock):
    for _ in range(118):
        limited.simulation.throttle.take()

    for _ in range(10):
        await limited.reader.me()

    assert limited.simulation.throttled == 0
    assert sum(clock.slept) >= 59


async def test_work_continues_after_another_program_caused_a_block(limited, clock):
    for _ in range(121):
        limited.simulation.throttle.take()

    blocked = await limited.perform(CreateUser)
    made = await limited.perform(CreateUser)

    assert blocked.outcome is Outcome.THROTTLED
    assert made.outcome is Outcome.DONE
    assert 60 <= sum(clock.slept) < 62


async def test_a_lower_limit_than_configured_applies(limited, clock):
    limited.simulation.throttle = Throttle(30, clock.monotonic)

    for _ in range(100):
        await limited.reader.me()

    assert limited.simulation.throttled == 0


async def test_an_idle_look_costs_a_read_for_each_250(limited):
    for number in range(610):
        limited.world.add_person(f"p{number}@acme.example")
        if number < 260:
            limited.world.put_on_team("Sales", f"p{number}@acme.example")

    people = await limited.reader.people()
    assert isinstance(people, Complete)
    await limited.reader.people(expected=people.value.keys())
    await limited.reader.team_members(limited.world.team_id("Sales"))

    assert limited.client.calls == 3 + 3 + 2
