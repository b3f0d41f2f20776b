"""A global fault parks no action: an outage, a refused key, a lost lease, a used-up rate limit.

Only an action that Cal.com fails while it answers others is parked, see reconciler/outage.py.
"""

import pytest

from calscim.errors import RemoteError
from calscim.reconciler.state import leases, parked_actions
from calscim.reconciler.state.leases import LeaseLost
from calscim.testing.calcom.calcom import Fault
from tests.support.stage import PEOPLE, address, addresses, assigned

OUTAGES = {
    "unreachable": {"kind": "drop"},
    "bad gateway": {"status": 502},
    "unavailable": {"status": 503},
    "server error": {"status": 500},
    "a page of HTML": {"kind": "malformed"},
}


@pytest.fixture(params=list(OUTAGES))
def outage(request):
    return OUTAGES[request.param]


async def nobody_is_parked(stage):
    return await parked_actions.load(stage.db, "acme") == {}


@pytest.mark.parametrize("count", [1, 2, 3, 5])
async def test_an_outage_in_the_middle_of_a_pass_parks_no_action(stage, outage, count):
    await stage.full()
    await assigned(stage, *PEOPLE[:count])
    stage.simulation.faults = [Fault(times=-1, **outage)]

    report = await stage.push()

    assert report.unreachable is not None
    assert not report.in_sync
    assert await nobody_is_parked(stage)
    stage.simulation.faults = []
    assert (await stage.full()).in_sync
    assert set(addresses(*PEOPLE[:count])) < set(stage.people())


async def test_a_few_passes_in_which_no_change_is_answered_park_no_action(stage, outage):
    await stage.full()
    await assigned(stage)
    stage.simulation.faults = [Fault(method="POST", times=-1, **outage)]

    await stage.push()
    report = await stage.full()

    assert report.unreachable is not None
    assert report.pending == len(PEOPLE)
    assert await nobody_is_parked(stage)
    stage.simulation.faults = []
    assert (await stage.full()).in_sync


async def test_after_a_long_outage_the_first_answer_makes_everything_due(stage):
    await stage.full()
    await assigned(stage)
    stage.simulation.faults = [Fault(method="POST", status=503, times=-1)]
    for _ in range(12):
        await stage.full()
    found = await parked_actions.load(stage.db, "acme")
    assert len(found) == len(PEOPLE)
    assert all(entry.unanswered and entry.due_in <= 300 for entry in found.values())

    stage.simulation.faults = []
    await assigned(stage, "fay")
    await stage.push()

    assert address("fay") in stage.people()
    assert all(
        entry.due_in <= 0 for entry in (await parked_actions.load(stage.db, "acme")).values()
    )
    assert (await stage.full()).in_sync
    assert await nobody_is_parked(stage)


async def test_a_refused_key_parks_no_action(stage):
    await stage.full()
    await assigned(stage)
    stage.simulation.faults = [Fault(method="POST", status=401, times=-1)]

    report = await stage.push()

    assert "401" in report.unreachable
    assert report.pending == len(PEOPLE)
    assert await nobody_is_parked(stage)


async def test_a_key_that_is_refused_while_a_person_is_looked_up_parks_no_action(stage):
    await stage.full()
    await assigned(stage)
    stage.world.api_key = "another"

    with pytest.raises(RemoteError, match="401"):
        await stage.push()

    assert await nobody_is_parked(stage)


async def test_a_used_up_rate_limit_parks_no_action(stage, monkeypatch):
    monkeypatch.setattr("calscim.calcom.rate_budget.Budget.delay", lambda *_, **__: 0.0)
    await stage.full()
    await assigned(stage)
    stage.simulation.faults = [Fault(status=429, times=-1)]

    report = await stage.push()

    assert report.unreachable is not None
    assert await nobody_is_parked(stage)
    stage.simulation.faults = []
    assert (await stage.full()).in_sync


async def test_a_lost_lease_parks_no_action(stage):
    await stage.full()
    await assigned(stage)
    await leases.release(stage.db, stage.lease)
    await leases.take(stage.db, "acme", "another")

    with pytest.raises(LeaseLost):
        await stage.push()

    assert await nobody_is_parked(stage)


async def move(stage, *names):
    for name in names:
        new = address(f"{name}.new")
        await stage.okta.update_profile(
            address(name), userName=new, emails=[{"value": new, "primary": True, "type": "work"}]
        )


@pytest.fixture
async def failing(stage):
    """Three people whose changes always fail in Cal.com, and two whose changes succeed."""
    await assigned(stage)
    await stage.full()
    broken = [f"users/{stage.world.user_id(address(name))}" for name in PEOPLE[:3]]

    async def moved(**fault):
        stage.simulation.faults = [
            Fault(method="PATCH", path=path, times=-1, **fault) for path in broken
        ]
        await move(stage, *PEOPLE)

    return moved


async def test_people_for_whom_cal_com_always_fails_do_not_stop_the_others(stage, failing, outage):
    await failing(**outage)

    await stage.push()
    report = await stage.full()

    assert {address(f"{name}.new") for name in PEOPLE[3:]} < set(stage.people())
    found = await parked_actions.load(stage.db, "acme")
    assert {entry.email for entry in found.values()} == {
        address(f"{name}.new") for name in PEOPLE[:3]
    }
    assert report.unreachable is not None
    assert (await stage.full()).unreachable is None


async def test_an_action_that_keeps_failing_while_cal_com_answers_waits_ever_longer(stage, failing):
    await failing(status=500)
    for _ in range(8):
        await stage.db.execute("UPDATE calscim.parked_actions SET next_try = now()")
        await stage.full()

    found = await parked_actions.load(stage.db, "acme")
    assert len(found) == 3
    assert all(entry.attempts > 2 for entry in found.values())


async def test_an_outage_that_begins_in_the_middle_of_the_changes_parks_no_action(stage):
    await stage.full()
    await assigned(stage, "ann", "bob", "cem")
    stage.simulation.faults = [
        Fault(method="POST", path="/users", skip=2, **OUTAGES["unavailable"])
    ]

    report = await stage.push()

    assert report.unreachable is not None
    assert await nobody_is_parked(stage)
    assert (await stage.full()).in_sync


async def test_the_last_person_of_a_pass_is_parked_for_a_server_error_of_cal_coms_own(stage):
    await stage.full()
    await assigned(stage, "ann", "bob")
    stage.simulation.faults = [Fault(method="POST", path="/users", status=500, skip=1)]

    report = await stage.push()

    assert report.unreachable is None
    (entry,) = (await parked_actions.load(stage.db, "acme")).values()
    assert entry.email == address("bob")
    assert entry.unanswered


async def test_an_action_that_cal_com_never_answers_is_finally_parked(stage):
    await stage.full()
    await assigned(stage, "ann")
    stage.simulation.faults = [Fault(method="POST", path="/users", status=503, times=-1)]

    aways = [(await stage.full()).unreachable is not None for _ in range(3)]

    assert aways == [True, True, False]
    (entry,) = (await parked_actions.load(stage.db, "acme")).values()
    assert entry.email == address("ann")
