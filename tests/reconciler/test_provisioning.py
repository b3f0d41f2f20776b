"""Users return or join after Cal.com changed: members keep their state, and no account is lost."""

from collections import Counter
from dataclasses import replace

import pytest

from calscim.planner.actions import Kind, Outcome
from calscim.planner.ids import UserId
from calscim.reconciler.state import ledger, parked_actions
from calscim.testing.calcom.builds import BEFORE_2025_08_18, HOSTED_2026, SELF_HOSTED_2025_12
from calscim.testing.calcom.calcom import Fault
from tests.support.builds import members, on_sales
from tests.support.stage import address, assigned

ANN, BOB, OLD = address("ann"), address("bob"), address("old.bob")
NEW = address("ann.lee")
MAY_NOT_LIST = Fault(method="GET", path="/organizations/42/users", status=403, times=-1)
MAY_NOT_CHANGE = Fault(method="PATCH", path="/organizations/42/users", status=403, times=-1)


def named(email):
    return {"userName": email, "emails": [{"value": email, "primary": True, "type": "work"}]}


async def ann_left(stage, build=SELF_HOSTED_2025_12):
    await on_sales(stage, build, "ann", "bob", "cem")
    return await ann_leaves(stage)


async def ann_leaves(stage):
    await stage.okta.deactivate(ANN)
    await stage.push()
    assert ANN not in members(stage)
    return stage.world.user_id(ANN)


def brought_back_by_hand(stage, account):
    """Join as an administrator who accepted the invitation."""
    stage.world.join(account, stage.world.organization_id, "ADMIN", accepted=False)
    stage.world.accept(ANN)


def membership(stage, account):
    found = stage.world.find(account, stage.world.organization_id)
    return found.role, found.accepted


# -------------------------------------------------------------------- members by hand


@pytest.mark.parametrize("build", [SELF_HOSTED_2025_12, HOSTED_2026, BEFORE_2025_08_18])
@pytest.mark.parametrize("faults", [[], [MAY_NOT_LIST], [MAY_NOT_CHANGE]])
async def test_a_member_brought_back_by_hand_keeps_role_and_state(stage, build, faults):
    account = await ann_left(stage, build)
    brought_back_by_hand(stage, account)
    stage.simulation.faults = [replace(one) for one in faults]

    await stage.okta.reactivate(ANN)
    report = await stage.push()

    assert membership(stage, account) == ("ADMIN", True)
    assert report.parked == 0


@pytest.mark.parametrize("build", [SELF_HOSTED_2025_12, HOSTED_2026, BEFORE_2025_08_18])
async def test_such_a_member_keeps_them_also_under_another_address(stage, build):
    account = await ann_left(stage, build)
    brought_back_by_hand(stage, account)

    await stage.okta.update_profile(ANN, active=True, **named(NEW))
    await stage.push()

    assert membership(stage, account) == ("ADMIN", True)
    await stage.full()
    assert stage.world.user_id(NEW) == account


async def test_a_user_invited_by_hand_is_recognized(stage):
    account = await ann_left(stage, HOSTED_2026)
    stage.world.join(account, stage.world.organization_id, "MEMBER", accepted=False)

    await stage.okta.reactivate(ANN)
    report = await stage.push()

    assert report.parked == 0
    assert report.outcomes[Kind.ATTACH, Outcome.ALREADY] == 1


# -------------------------------------------------------------------- accounts that went to others


async def taken_over(stage):
    """Let bob leave and another user get his address and account; return the account's id."""
    stage.world.build = HOSTED_2026
    await assigned(stage, "ann", "bob")
    await stage.full()
    await stage.okta.deactivate(BOB)
    await stage.push()
    await stage.okta.update_profile(BOB, **named(OLD))
    await assigned(stage, "bob")
    await stage.full()
    return stage.world.user_id(BOB)


async def test_an_account_that_another_user_has_is_not_attached_to_its_former_user(stage):
    account = await taken_over(stage)
    stage.world.set_role(None, BOB, "ADMIN")
    await stage.full()

    await stage.okta.reactivate(OLD)
    await stage.push()
    await stage.full()

    assert stage.world.user_id(BOB) == account
    assert membership(stage, account) == ("ADMIN", True)
    assert members(stage)[OLD] is True


# -------------------------------------------------------------------- lists that lag


@pytest.mark.parametrize("build", [SELF_HOSTED_2025_12, HOSTED_2026])
async def test_a_leaver_whom_a_stale_list_still_shows_can_come_back(stage, build):
    await on_sales(stage, build, "ann", "bob", "cem")
    await stage.full()
    stage.world.lag(seconds=3600)
    await stage.okta.deactivate(ANN)
    await stage.push()

    await stage.okta.reactivate(ANN)
    await stage.push()

    assert members(stage)[ANN] is (build is HOSTED_2026)


async def test_a_profile_that_only_a_list_shows_makes_no_half_member(stage, monkeypatch):
    account = await ann_left(stage)
    profiles = stage.reconciler.reader.profiles

    async def late(emails):
        kept = stage.world.accounts[account]
        stage.world.put_account(replace(kept, profile=True))
        try:
            return await profiles(emails)
        finally:
            stage.world.put_account(kept)

    monkeypatch.setattr(stage.reconciler.reader, "profiles", late)
    await stage.okta.reactivate(ANN)
    await stage.push()

    assert membership(stage, account) == ("MEMBER", False)


# -------------------------------------------------------------------- trouble


async def test_a_key_that_may_not_change_users_can_bring_people_back(stage):
    account = await ann_left(stage)
    stage.simulation.faults = [replace(MAY_NOT_CHANGE)]

    await stage.okta.reactivate(ANN)
    await stage.push()

    assert membership(stage, account) == ("MEMBER", False)


async def test_a_wrong_404_does_not_lose_the_id_of_an_account(stage):
    account = await ann_left(stage)
    stage.simulation.faults = [
        Fault(method="POST", path="/organizations/42/memberships", status=404, times=3)
    ]
    await stage.okta.reactivate(ANN)
    await stage.push()

    await parked_actions.retry(stage.db, "acme")
    await stage.full()

    assert membership(stage, account) == ("MEMBER", False)


async def test_an_account_that_cannot_be_attached_waits_as_long_as_other_trouble(stage):
    stage.world.build = HOSTED_2026
    stage.world.add_person(ANN, in_org=False)
    await assigned(stage, "ann")
    path = "/organizations/42/memberships"
    stage.simulation.faults = [Fault(method="POST", path=path, status=500, times=-1)]

    await stage.full()
    stage.simulation.writes.clear()
    await stage.full()

    assert stage.simulation.writes == []
    assert [key.kind for key in await parked_actions.load(stage.db, "acme")] == ["user.create"]


async def test_people_who_are_parked_are_not_looked_up(stage, monkeypatch):
    stage.world.build = SELF_HOSTED_2025_12
    zoe = address("zoe")
    stage.world.add_person(zoe, in_org=False)
    await assigned(stage, "zoe")
    await stage.full()
    asked = Counter()
    profiles = stage.reconciler.reader.profiles

    async def noted(emails):
        asked.update(emails)
        return await profiles(emails)

    monkeypatch.setattr(stage.reconciler.reader, "profiles", noted)
    await assigned(stage, "ann")
    await stage.full()

    assert asked[ANN] > 0
    assert asked[zoe] == 0


async def test_a_new_user_gets_the_account_that_left_with_the_same_address(stage):
    """The account stays with its former user, whom the directory later gave this address."""
    account = await ann_left(stage, HOSTED_2026)
    await stage.okta.update_profile(ANN, **named(NEW))
    user = UserId("00000000-0000-0000-0000-000000000000")

    found = await ledger.former_account(stage.db, "acme", user, ANN)
    other = await ledger.former_account(stage.db, "acme", user, NEW)

    assert (found, other) == (account, None)
