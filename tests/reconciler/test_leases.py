"""A lease has one holder at a time, and its term only grows."""

import pytest

from calscim.reconciler.state import leases
from calscim.reconciler.state.attempts import Attempts
from calscim.reconciler.state.leases import LeaseLost


async def test_a_lease_is_held_by_one_daemon(db):
    first = await leases.take(db, "acme", "one")

    second = await leases.take(db, "acme", "two")

    assert first is not None
    assert second is None


async def test_a_released_lease_is_taken_at_once_under_a_higher_term(db):
    first = await leases.take(db, "acme", "one")
    await leases.release(db, first)

    second = await leases.take(db, "acme", "two")

    assert second.term > first.term


async def test_an_expired_lease_cannot_be_renewed_by_a_holder_that_wakes_up(db):
    first = await leases.take(db, "acme", "one")
    await db.execute("UPDATE calscim.leases SET expires_at = now() - interval '1 second'")

    with pytest.raises(LeaseLost):
        await leases.renew(db, first)


async def test_a_former_holder_cannot_release_the_lease_of_its_successor(db):
    first = await leases.take(db, "acme", "one")
    await db.execute("UPDATE calscim.leases SET expires_at = now() - interval '1 second'")
    second = await leases.take(db, "acme", "two")

    await leases.release(db, first)

    await leases.renew(db, second)


async def test_leases_of_two_organizations_are_independent(db):
    assert await leases.take(db, "acme", "one") is not None
    assert await leases.take(db, "globex", "two") is not None


async def test_a_holder_that_forgot_its_lease_retakes_it_at_once_with_a_new_term(db):
    first = await leases.take(db, "acme", "one")

    second = await leases.take(db, "acme", "one")

    assert second.term > first.term
    with pytest.raises(LeaseLost):
        await leases.renew(db, first)


async def test_an_attempt_goes_on_only_under_its_own_term(db):
    lease = await leases.take(db, "acme", "one")
    attempts = Attempts(db, lease, 1, "hash")
    await attempts.confirm()

    await leases.take(db, "acme", "one")

    with pytest.raises(LeaseLost, match="nothing more was sent"):
        await attempts.confirm()
