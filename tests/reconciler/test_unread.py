"""A pass reads journal rows up to a limit, and reports how far it has read."""

import pytest

from calscim.reconciler.state import passes
from tests.support.stage import address


@pytest.fixture
async def two(stage):
    """Two directories of one organization, three users pushed to each."""
    other = await stage.another_directory("Another")
    for number, speaker in enumerate((stage.okta, other)):
        for name in ("ann", "bob", "cem"):
            await speaker.assign(address(f"{name}{number}"), name, "Example")
    return stage


async def read_everything(stage, limit):
    """Process the journals in steps of at most ``limit`` rows; return the rows of each step."""
    takes = []
    while (unread := await passes.load_unread(stage.db, "acme", limit)).news:
        takes.append([(row.stream, row.seq) for row in unread.news])
        await passes.advance(stage.db, "acme", unread.reached)
        assert unread.more == (len(unread.news) == limit)
    return takes


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
async def test_every_row_is_taken_once_however_many_a_pass_takes(two, limit):
    everything = [(row.stream, row.seq) for row in await passes.load_new_rows(two.db, "acme")]

    takes = await read_everything(two, limit)

    assert [row for take in takes for row in take] == everything
    assert len(everything) > limit


async def test_a_pass_that_takes_all_rows_reaches_the_heads(two):
    unread = await passes.load_unread(two.db, "acme")

    assert not unread.more
    assert unread.reached == await passes.load_heads(two.db, "acme")


async def test_a_pass_does_not_advance_past_a_journal_that_it_did_not_read(two):
    unread = await passes.load_unread(two.db, "acme", limit=1)

    assert unread.reached == {unread.news[0].stream: unread.news[0].seq}


async def test_the_pushes_that_wait_are_counted(two):
    pushed = [row.at for row in await passes.load_new_rows(two.db, "acme") if row.kind == "scim"]

    for limit in (1, 3, passes.MAX_NEW_ROWS):
        rows, oldest = await passes.count_pending(two.db, "acme", limit)

        assert (rows, oldest) == (min(limit, len(pushed)), min(pushed[:limit]))


async def test_changes_by_an_operator_do_not_count_as_pushes(stage):
    await stage.another_directory("Another")
    await stage.map("Sales", stage.team_id("Sales"), "managed")

    assert {row.kind for row in await passes.load_new_rows(stage.db, "acme")} == {"admin"}
    assert await passes.count_pending(stage.db, "acme") == (0, None)


async def test_nothing_waits_once_everything_was_worked_off(two):
    await read_everything(two, passes.MAX_NEW_ROWS)

    assert await passes.count_pending(two.db, "acme") == (0, None)
