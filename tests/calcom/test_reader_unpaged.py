"""Some Cal.com versions ignore the page size: the Reader detects this and takes the whole list from one answer."""

import pytest
import structlog

from calscim.calcom.reader import Reader
from calscim.planner.observed_state import Complete, Incomplete
from tests.calcom.conftest import org_row
from tests.calcom.prepared_lists import TEAMS, ids, pages, people, teams

FAR = 1_000_000


def answer(calcom, rows, *, skip, take=250, path=TEAMS):
    calcom.answer("GET", f"{path}?take={take}&skip={skip}", rows)


def team_ids(found):
    assert isinstance(found, Complete), found
    return set(found.value)


def warnings(logged):
    return [one for one in logged if one["event"] == "calcom.list_not_paged"]


async def test_a_first_page_longer_than_requested_is_the_whole_list(reader, calcom):
    answer(calcom, teams(*range(608)), skip=0)

    assert team_ids(await reader.teams()) == set(range(608))
    assert len(calcom.sent) == 1


async def test_a_list_of_exactly_a_page_that_is_not_paged_ends(reader, calcom):
    answer(calcom, teams(*range(250)), skip=0)
    answer(calcom, teams(*range(249, -1, -1)), skip=250)
    answer(calcom, teams(*range(250)), skip=FAR, take=1)

    assert team_ids(await reader.teams()) == set(range(250))
    assert len(calcom.sent) == 3


@pytest.mark.parametrize(
    "behind",
    [[], teams(0), teams(*range(1, 251)), teams(*range(249))],
    ids=["nothing", "one row", "another list", "a part"],
)
async def test_a_repeated_page_of_a_list_that_is_paged_is_not_its_end(reader, calcom, behind):
    answer(calcom, teams(*range(250)), skip=0)
    answer(calcom, teams(*range(250)), skip=250)  # a replica repeats it
    answer(calcom, behind, skip=FAR, take=1)
    answer(calcom, teams(*range(500, 520)), skip=500)
    for start in (0, 250, 500):  # 250 to 499 are read with the next look
        answer(calcom, teams(*range(520)[start : start + 250]), skip=start)

    assert team_ids(await reader.teams()) == set(range(520))


async def test_a_list_that_repeats_its_page_for_ever_and_proves_nothing_is_incomplete(
    reader, calcom
):
    for number in range(20):
        answer(calcom, teams(*range(250)), skip=250 * number)
        answer(calcom, [], skip=FAR, take=1)

    found = await reader.teams()

    assert isinstance(found, Incomplete)
    assert "does not end" in found.reason
    assert len(calcom.sent) < 20


async def test_a_list_that_brings_little_new_for_ever_is_incomplete(reader, calcom):
    for number in range(20):
        answer(calcom, teams(*range(number, 250 + number)), skip=250 * number)

    assert isinstance(await reader.teams(), Incomplete)
    assert len(calcom.sent) < 10


async def test_a_list_that_changed_while_it_was_proven_is_that_of_the_last_answer(reader, calcom):
    answer(calcom, teams(*range(250)), skip=0)
    answer(calcom, teams(*range(1, 251)), skip=250)  # 0 has gone, 250 has come
    answer(calcom, teams(*range(1, 251)), skip=500)
    answer(calcom, teams(*range(1, 251)), skip=FAR, take=1)

    assert team_ids(await reader.teams()) == set(range(1, 251))


@pytest.mark.parametrize("size", [2, 249, 250, 251])
async def test_later_reads_of_a_list_that_is_not_paged_take_one_call(client, calcom, size):
    answer(calcom, teams(*range(300)), skip=0)
    answer(calcom, teams(*range(size)), skip=0, take=1)

    await Reader(client).teams()
    again = await Reader(client).teams()

    assert team_ids(again) == set(range(size))
    assert len(calcom.sent) == 2


async def test_a_list_that_is_paged_again_is_read_by_pages_again(reader, calcom):
    answer(calcom, teams(*range(300)), skip=0)
    await reader.teams()

    answer(calcom, teams(0), skip=0, take=1)
    answer(calcom, teams(*range(250)), skip=0)
    answer(calcom, teams(*range(250, 300)), skip=250)

    assert team_ids(await reader.teams()) == set(range(300))


async def test_a_list_that_is_not_paged_is_reported_once(client, calcom):
    answer(calcom, teams(*range(300)), skip=0)
    answer(calcom, teams(0), skip=0, take=1)
    answer(calcom, teams(*range(299)), skip=0)

    with structlog.testing.capture_logs() as logged:
        await Reader(client).teams()
        await Reader(client).teams()

    assert warnings(logged) == [
        {
            "event": "calcom.list_not_paged",
            "log_level": "warning",
            "organization": "acme",
            "list": "/teams",
            "rows": 300,
        }
    ]


async def test_a_list_that_is_paged_is_not_reported(reader, calcom):
    pages(calcom, teams(*range(500)), TEAMS)

    with structlog.testing.capture_logs() as logged:
        await reader.teams()

    assert warnings(logged) == []
    assert len(calcom.sent) == 3


async def test_another_list_of_the_same_calcom_is_read_by_pages(reader, calcom):
    answer(calcom, teams(*range(300)), skip=0)
    pages(calcom, people(*range(300)))

    await reader.teams()

    assert ids(await reader.people()) == set(range(300))


async def test_a_page_without_a_row_of_the_organization_is_not_a_repetition(reader, calcom):
    foreign = [org_row(number, team=9) for number in range(500)]
    pages(calcom, [*people(*range(250)), *foreign])

    assert ids(await reader.people()) == set(range(250))
    assert len(calcom.sent) == 4


async def test_a_few_missing_rows_of_a_list_read_in_one_call_cost_nothing(reader, calcom):
    answer(calcom, teams(*range(300)), skip=0)

    assert team_ids(await reader.teams(expected=range(310))) == set(range(300))
    assert len(calcom.sent) == 1


@pytest.mark.parametrize(("size", "calls"), [(2, 1), (250, 2), (600, 3)])
async def test_how_many_calls_the_list_of_teams_takes_is_known_after_a_read(
    reader, calcom, size, calls
):
    pages(calcom, teams(*range(size)), TEAMS)
    before = reader.calls_for_teams

    await reader.teams()

    assert (before, reader.calls_for_teams) == (None, calls)


async def test_a_list_of_teams_that_is_not_paged_takes_one_call(reader, calcom):
    answer(calcom, teams(*range(250)), skip=0)
    answer(calcom, teams(*range(250)), skip=250)
    answer(calcom, teams(*range(250)), skip=FAR, take=1)

    await reader.teams()

    assert reader.calls_for_teams == 1
