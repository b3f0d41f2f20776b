"""The page Plan: held sets with approval, parked and waiting changes, and what a pass would change."""

import re

import pytest

from calscim.admin.approve import approve
from calscim.reconciler.state import holds
from calscim.testing.calcom.faults import Fault
from tests.support.console_site import EDITOR, console_site
from tests.support.stage import PEOPLE, address, staged


@pytest.fixture
async def stage(db):
    async with staged(db) as made:
        yield made


@pytest.fixture
async def site(stage):
    async with console_site(stage.db, stage=stage) as made:
        yield made


async def hold(stage):
    """Hold the removal of everyone from Sales, and return the form that approves it."""
    await stage.given("Sales", "managed", *PEOPLE)
    await stage.okta.push_now("Sales", [])
    await stage.full()
    [held] = await holds.load_current(stage.db, "acme")
    return {"organization": "acme", "hash": held.hash}


async def test_nothing_held_is_said(browser):
    answer = await browser.open("/plan")

    assert "Nothing is held." in answer.text
    assert "Parked" not in answer.text
    assert "Read Cal.com" in answer.text


async def test_a_held_set_lists_its_people_and_is_approved(stage, browser):
    form = await hold(stage)
    shown = await browser.open("/plan")
    assert f'data-hash="{form["hash"]}"' in shown.text
    assert all(address(name) in shown.text for name in PEOPLE)

    answer = await browser.send("/plan/approve", form | {"reason": "dissolved"})
    await stage.full()

    assert "Approved: the daemon carries it out" in answer.text
    assert stage.team("Sales") == {}
    assert "Nothing is held." in (await browser.open("/plan")).text


async def test_with_two_approvals_two_people_have_to_approve(stage):
    stage.guard(approvals=2)
    async with console_site(stage.db, stage=stage) as site:
        ann, bob = await site.signed_in(), await site.signed_in(person="bob@acme.example")
        form = await hold(stage)
        assert "2 people have to approve" in (await ann.open("/plan")).text

        first = await ann.send("/plan/approve", form)
        again = await ann.send("/plan/approve", form)
        assert "Another person has to approve" in first.text
        assert "Another person has to approve" in again.text
        assert "approved by ann" in first.text
        assert await holds.list_approved(stage.db, "acme", 2) == frozenset()

        second = await bob.send("/plan/approve", form)
        assert "Approved: the daemon carries it out" in second.text
        assert "approved by ann, bob" in second.text


async def test_a_set_that_has_changed_is_not_approved(stage, browser):
    form = await hold(stage)
    await stage.okta.push_now("Sales", [address("ann")])

    answer = await browser.send("/plan/approve", form)

    assert answer.status == 409
    assert "Nothing was approved" in answer.text
    assert len(stage.team("Sales")) == len(PEOPLE)


async def test_an_approval_without_a_hash_or_with_a_long_reason_is_refused(stage, browser):
    form = await hold(stage)

    assert (await browser.send("/plan/approve", {"organization": "acme"})).status == 400
    refused = await browser.send("/plan/approve", form | {"reason": "x" * 1001})

    assert refused.status == 400
    assert "shorten it" in refused.text


async def test_a_viewer_cannot_approve(stage, site):
    form = await hold(stage)
    viewer = await site.signed_in("viewer")

    shown = await viewer.open("/plan")
    assert "Approving needs the role operator" in shown.text
    assert (await viewer.send("/plan/approve", form)).status == 403


async def test_what_a_pass_would_change_is_read_from_cal_com(stage, browser):
    await stage.map("Sales", stage.team_id("Sales"), "managed")
    await stage.okta.assign(address("ann"), "Ann", "Example")
    await stage.okta.push_group("Sales", [address("ann")])

    answer = await browser.open("/plan?organization=acme&read=1")

    section = re.search(r'<section aria-label="Sales">.*?</section>', answer.text, re.DOTALL)
    assert section is not None
    assert address("ann") in section[0]
    assert stage.team("Sales") == {}


async def test_an_incomplete_read_is_said(stage, browser):
    await stage.given("Sales", "managed", *PEOPLE)
    stage.simulation.faults.append(Fault(path="/memberships", times=-1))

    answer = await browser.open("/plan?read=1")

    assert "Not read:" in answer.text
    assert "calscim removes no one because of what it could not read" in answer.text


async def test_cal_com_that_does_not_answer_is_a_clear_page(stage, browser):
    stage.simulation.faults.append(Fault(times=-1))

    answer = await browser.open("/plan?read=1")

    assert "Traceback" not in answer.text
    assert answer.status < 600
    assert (await browser.open("/plan")).status == 200


async def test_a_refused_change_is_shown_as_parked(stage, browser):
    stage.simulation.faults.append(Fault(method="POST", path="/memberships", status=403, times=-1))
    await stage.map("Sales", stage.team_id("Sales"), "managed")
    await stage.okta.assign(address("ann"), "Ann", "Example")
    await stage.okta.push_group("Sales", [address("ann")])
    await stage.full()

    answer = await browser.open("/plan")

    assert ">Parked</h2>" in answer.text
    assert address("ann") in answer.text


async def test_an_approval_on_the_command_line_counts_for_the_same_person(stage, site):
    stage.guard(approvals=2)
    form = await hold(stage)
    await approve(stage.db, stage.settings, [stage.organization], form["hash"], EDITOR)

    browser = await site.signed_in()

    assert "approved by ada" in (await browser.open("/plan")).text


async def test_an_unknown_organization_is_a_clear_page(browser):
    answer = await browser.open("/plan?organization=other")

    assert answer.status == 400
    assert "other" in answer.text
