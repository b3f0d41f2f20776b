"""People whose addresses go to other people: Cal.com gives an address to one account only."""

import itertools

import pytest

from calscim.planner.people.address_moves import is_interim_address
from calscim.reconciler.state import holds, parked_actions
from calscim.testing.calcom import builds
from calscim.testing.calcom.calcom import Fault
from tests.support.stage import address, addresses, assigned
from tests.support.views import status


@pytest.fixture(params=builds.NAMES)
def build(request, stage):
    stage.world.build = request.param


@pytest.fixture
async def accounts(stage):
    """Return everyone's account, by name."""
    names = ("ann", "bob", "cem", "dan")
    await assigned(stage, *names)
    assert (await stage.full()).in_sync
    return {name: stage.world.user_id(address(name)) for name in names}


async def move(stage, **changes):
    """Let Okta give each user a new address, over interim ones, because each userName is unique."""
    for name in changes:
        await _say(stage, address(name), f"{name}.passing")
    for name, to in changes.items():
        await _say(stage, address(f"{name}.passing"), to)


async def _say(stage, email, to):
    new = address(to)
    await stage.okta.update_profile(
        email, userName=new, emails=[{"value": new, "primary": True, "type": "work"}]
    )


def emails(stage, accounts):
    return {name: stage.world.accounts[number].email for name, number in accounts.items()}


def nobody_is_aside(stage):
    every = stage.world.accounts.values()
    return not [one.email for one in every if is_interim_address(one.id, one.email)]


RINGS = {
    "a swap": {"ann": "bob", "bob": "ann"},
    "a ring": {"ann": "bob", "bob": "cem", "cem": "ann"},
    "two swaps": {"ann": "bob", "bob": "ann", "cem": "dan", "dan": "cem"},
    "a chain": {"ann": "bob", "bob": "cem", "cem": "free"},
    "a chain the other way": {"cem": "bob", "bob": "ann", "ann": "free"},
}


@pytest.fixture(params=list(RINGS))
def ring(request):
    return RINGS[request.param]


def arrived(stage, accounts, ring):
    return emails(stage, accounts) == {
        name: address(ring.get(name, name)) for name in accounts
    } and nobody_is_aside(stage)


@pytest.mark.parametrize("look", ["push", "full"])
async def test_one_pass_gives_everyone_the_address_of_the_directory(
    stage, build, accounts, ring, look
):
    await move(stage, **ring)

    report = await (stage.push() if look == "push" else stage.full())

    assert arrived(stage, accounts, ring)
    assert report.in_sync
    assert await parked_actions.load(stage.db, "acme") == {}
    assert (await stage.full()).in_sync


async def _mail(stage, email, to):
    """Change the address but not the userName, so that two users can have one address for a while."""
    await stage.okta.update_profile(
        email, emails=[{"value": address(to), "primary": True, "type": "work"}]
    )


async def test_two_incremental_passes_complete_an_exchange_of_addresses(stage, accounts):
    await _mail(stage, address("ann"), "bob")
    await stage.push()
    assert emails(stage, accounts)["ann"] == address("ann")
    await _mail(stage, address("bob"), "ann")

    report = await stage.push()

    assert arrived(stage, accounts, {"ann": "bob", "bob": "ann"})
    assert report.in_sync


async def test_a_released_address_goes_at_once_to_the_person_who_waited_for_it(stage, accounts):
    await _mail(stage, address("ann"), "bob")
    await stage.push()
    assert emails(stage, accounts)["ann"] == address("ann")
    await _mail(stage, address("bob"), "free")

    await stage.push()

    assert arrived(stage, accounts, {"ann": "bob", "bob": "free"})


@pytest.mark.parametrize("after", range(7))
@pytest.mark.parametrize("kind", ["drop", "drop-after"])
async def test_a_crash_between_the_steps_is_made_good_by_the_next_passes(
    stage, accounts, ring, after, kind
):
    await move(stage, **ring)
    stage.simulation.faults = [Fault(method="PATCH", kind=kind, skip=after, times=-1)]
    await stage.full()
    stage.simulation.faults = []
    await stage.restart()

    await stage.full()
    await stage.full()

    assert arrived(stage, accounts, ring)


async def test_newer_changes_do_not_interrupt_an_exchange(stage, accounts):
    await move(stage, ann="bob", bob="ann")
    left = itertools.chain([False], itertools.repeat(True))

    await stage.reconciler.run_full(lambda: next(left))

    assert arrived(stage, accounts, {"ann": "bob", "bob": "ann"})


async def test_an_exchange_that_cannot_continue_is_reverted_and_not_begun_again(stage, accounts):
    await move(stage, ann="bob", bob="ann")
    bob = f"users/{accounts['bob']}"
    stage.simulation.faults = [Fault(method="PATCH", path=bob, status=400, times=-1)]

    for _ in range(3):
        report = await stage.full()

    assert emails(stage, accounts)["ann"] == address("ann")
    assert nobody_is_aside(stage)
    assert not report.in_sync
    patches = [
        call for call in stage.simulation.writes if call.path.endswith(f"/{accounts['ann']}")
    ]
    assert len(patches) == 2  # aside, and back

    stage.simulation.faults = []
    await parked_actions.retry(stage.db, "acme")
    assert (await stage.full()).in_sync
    assert arrived(stage, accounts, {"ann": "bob", "bob": "ann"})


async def test_a_refused_interim_address_is_reported_with_an_instruction(stage, accounts):
    await move(stage, ann="bob", bob="ann")
    ann = f"users/{accounts['ann']}"
    stage.simulation.faults = [Fault(method="PATCH", path=ann, status=400, times=-1)]

    report = await stage.full()

    assert not report.in_sync
    (entry,) = (await parked_actions.load(stage.db, "acme")).values()
    assert "give one of the accounts another address in Cal.com by hand" in entry.reason

    stage.simulation.faults = []
    account = stage.world.accounts[accounts["ann"]]
    stage.world.put_account(account.__class__(**{**_fields(account), "email": address("hand")}))
    for _ in range(2):
        report = await stage.full()
    assert report.in_sync
    assert arrived(stage, accounts, {"ann": "bob", "bob": "ann"})


def _fields(account):
    return {name: getattr(account, name) for name in account.__slots__}


async def test_an_exchange_with_an_owner_waits_until_it_is_approved(stage, accounts):
    stage.world.set_role(None, address("ann"), "OWNER")
    await stage.full()
    await move(stage, ann="bob", bob="ann")

    report = await stage.full()

    assert not report.in_sync
    assert emails(stage, accounts)["bob"] == address("bob")
    assert nobody_is_aside(stage)

    for hold in await holds.load_current(stage.db, "acme"):
        await holds.approve(stage.db, "acme", hold.hash)
    assert (await stage.full()).in_sync
    assert arrived(stage, accounts, {"ann": "bob", "bob": "ann"})
    writes = [call.body.get("email") for call in stage.simulation.writes if call.body]
    assert not [one for one in writes if one and f"+calscim-{accounts['ann']}@" in one]


async def test_protected_people_who_exchange_addresses_are_never_in_sync(stage, accounts):
    stage.organize(protected=frozenset(addresses("ann", "bob")))
    await stage.full()
    await move(stage, ann="bob", bob="ann")

    report = await stage.full()

    assert not report.in_sync
    assert report.pending == 2
    assert emails(stage, accounts)["ann"] == address("ann")
    assert all(
        "give one of them another address in Cal.com by hand" in action.reason
        for action in (await stage.plan()).actions
    )
    (found,) = (await status(stage.db, ["acme"]))["organizations"]
    assert found["in_sync"] is False


async def test_a_refused_address_from_outside_the_organization_is_reported_with_an_instruction(
    stage, accounts
):
    stage.world.add_person(address("free"), name="Fay", in_org=False)
    await _say(stage, address("ann"), "free")

    report = await stage.push()

    assert not report.in_sync
    (entry,) = (await parked_actions.load(stage.db, "acme")).values()
    assert "an account outside of the organization has the address" in entry.reason


@pytest.mark.parametrize("known", [True, False])
async def test_an_interim_address_is_not_imported(stage, accounts, known):
    if known:  # else the directory comes while an account is on an interim address
        entra = await stage.another_directory("Entra")
        await stage.full()
    await move(stage, ann="bob", bob="ann")
    stage.simulation.faults = [Fault(method="PATCH", kind="drop", skip=1, times=-1)]
    await stage.full()
    assert not nobody_is_aside(stage)
    if not known:
        entra = await stage.another_directory("Entra")

    await stage.full()

    shown = [one["userName"] for one in await entra.import_users()]
    assert address("cem") in shown
    assert not [one for one in shown if "+calscim-" in one]


async def test_a_person_deactivated_in_the_middle_leaves_with_an_address_of_the_directory(
    stage, accounts
):
    await move(stage, ann="bob", bob="ann")
    stage.simulation.faults = [Fault(method="PATCH", kind="drop", skip=1, times=-1)]
    await stage.full()
    assert not nobody_is_aside(stage)
    stage.simulation.faults = []
    await stage.restart()
    await _say(stage, address("bob"), "ann.own")  # the SCIM user of ann's account
    await stage.okta.deactivate(address("ann.own"))

    await stage.full()
    await stage.full()

    assert nobody_is_aside(stage)
    assert stage.world.accounts[accounts["ann"]].email == address("ann.own")
    assert address("ann.own") not in stage.people()
