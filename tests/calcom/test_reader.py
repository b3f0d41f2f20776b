"""A list is Complete only if its completeness is proven, and Incomplete otherwise."""

from random import Random

import pytest

from calscim.calcom.lists import Paging
from calscim.calcom.reader import Reader
from calscim.errors import RemoteError, RemoteKind
from calscim.planner.observed_state import Complete, Incomplete, OrgMember, Team
from calscim.planner.roles import Role
from tests.calcom.conftest import ROOT, org_row
from tests.calcom.prepared_lists import PEOPLE, TEAMS, ids, pages, people, teams

TEAM = f"{ROOT}/teams/9/memberships"


async def test_a_list_of_one_page_costs_one_read(reader, calcom):
    pages(calcom, people(1, 2))

    assert ids(await reader.people()) == {1, 2}
    assert len(calcom.sent) == 1


async def test_a_list_of_more_pages_costs_a_read_each(reader, calcom):
    pages(calcom, people(*range(600)))

    assert len(ids(await reader.people())) == 600
    assert len(calcom.sent) == 3


async def test_a_full_last_page_is_followed_by_a_look_behind_it(reader, calcom):
    pages(calcom, people(*range(250)))

    assert len(ids(await reader.people())) == 250
    assert len(calcom.sent) == 2


async def test_an_empty_list_is_complete(reader, calcom):
    pages(calcom, [], TEAM)

    assert await reader.team_members(9) == Complete({})


async def test_a_repeated_row_means_that_another_is_missing_and_the_list_is_read_again(
    reader, calcom
):
    pages(calcom, people(*range(299), 0))  # 299 is missing
    pages(calcom, people(*range(300)))

    assert ids(await reader.people()) == set(range(300))


async def test_reads_that_repeat_rows_are_joined_until_they_add_up(reader, calcom):
    pages(calcom, people(*range(299), 0))
    pages(calcom, people(*range(1, 300), 1))

    assert ids(await reader.people()) == set(range(300))


async def test_a_list_that_never_adds_up_is_incomplete(reader, calcom):
    for _ in range(4):
        pages(calcom, people(*range(299), 0))

    assert isinstance(await reader.people(), Incomplete)
    assert len(calcom.sent) == 8


async def test_rows_read_before_the_list_changed_do_not_count(reader, calcom):
    pages(calcom, people(*range(299), 0))  # of 300
    pages(calcom, people(*range(1, 299), 1))  # of 299: somebody has left
    pages(calcom, people(*range(1, 300)))

    assert ids(await reader.people()) == set(range(1, 300))


async def test_the_same_person_with_two_memberships_is_incomplete(reader, calcom):
    twice = [org_row(1), {**org_row(1), "id": 77}]
    for _ in range(4):
        pages(calcom, twice)

    assert isinstance(await reader.people(), Incomplete)


async def test_rows_of_other_teams_are_not_people_of_the_organization(reader, calcom):
    pages(calcom, [*people(1), org_row(2, team=9)])

    assert ids(await reader.people()) == {1}


async def test_a_row_of_another_team_makes_a_team_incomplete(reader, calcom):
    pages(calcom, [org_row(1, team=9), org_row(2, team=10)], TEAM)

    found = await reader.team_members(9)

    assert isinstance(found, Incomplete)
    assert "team 10" in found.reason


async def test_an_error_on_a_later_page_is_incomplete(reader, calcom):
    calcom.answer("GET", f"{PEOPLE}?take=250&skip=0", people(*range(250)))
    calcom.refuse("GET", f"{PEOPLE}?take=250&skip=250", 500)

    found = await reader.people()

    assert isinstance(found, Incomplete)
    assert "500" in found.reason


@pytest.mark.parametrize("status", [400, 404, 429, 500, 502])
async def test_an_error_is_never_an_empty_team(reader, calcom, status):
    calcom.refuse("GET", f"{TEAM}?take=250&skip=0", status)

    assert isinstance(await reader.team_members(9), Incomplete)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_is_raised(reader, calcom, status):
    calcom.refuse("GET", f"{TEAM}?take=250&skip=0", status)

    with pytest.raises(RemoteError) as caught:
        await reader.team_members(9)

    assert caught.value.kind is RemoteKind.AUTH


async def test_a_much_shorter_list_is_complete_after_a_second_read(reader, calcom):
    pages(calcom, people(1))
    pages(calcom, people(1))

    found = await reader.people(expected=range(101, 111))

    assert ids(found) == {1}
    assert len(calcom.sent) == 2


async def test_a_list_that_lost_much_and_differs_at_a_second_look_is_incomplete(reader, calcom):
    pages(calcom, people(1))
    pages(calcom, people(2))

    assert isinstance(await reader.people(expected=range(101, 111)), Incomplete)


async def test_the_second_read_is_complete_when_few_rows_are_missing(reader, calcom):
    pages(calcom, [])
    pages(calcom, people(*range(1, 11)))

    assert ids(await reader.people(expected=range(101, 111))) == set(range(1, 11))


async def test_little_absence_of_a_short_list_costs_nothing(reader, calcom):
    pages(calcom, people(*range(1, 10)))

    assert len(ids(await reader.people(expected=range(101, 111)))) == 9
    assert len(calcom.sent) == 1


async def test_a_row_passed_over_between_pages_is_found_at_the_second_look(reader, calcom):
    everybody = range(300)
    passed_over = [number for number in everybody if number not in (10, 260)]  # 10 has left
    pages(calcom, people(*passed_over))
    pages(calcom, people(*(number for number in everybody if number != 10)))

    found = await reader.people(expected=[100 + number for number in everybody if number != 10])

    assert 260 in ids(found)


async def test_one_person_is_read_by_membership(reader, calcom):
    calcom.answer("GET", f"{PEOPLE}/5", org_row(5, role="OWNER", accepted=False, attributes=()))

    assert await reader.person(5) == OrgMember(
        5, 105, "p5@acme.example", "", "p5", Role.OWNER, accepted=False, attributes=()
    )


async def test_a_missing_person_is_none(reader, calcom):
    calcom.refuse("GET", f"{PEOPLE}/5", 404, "NotFoundException", "Membership (5) not found.")

    assert await reader.person(5) is None


async def test_a_404_of_a_proxy_proves_nothing(reader, calcom):
    calcom.answer("GET", f"{PEOPLE}/5", status=404, body="<html>nginx</html>")

    assert isinstance(await reader.person(5), Incomplete)


@pytest.mark.parametrize("row", [org_row(6), org_row(5, team=8)], ids=["number", "organization"])
async def test_another_membership_is_not_an_answer(reader, calcom, row):
    calcom.answer("GET", f"{PEOPLE}/5", row)

    assert isinstance(await reader.person(5), Incomplete)


async def test_teams_are_listed(reader, calcom):
    row = {"id": 9, "name": "Sales", "slug": None, "isOrganization": False}
    pages(calcom, [row], f"{ROOT}/teams")

    assert await reader.teams() == Complete({9: Team(9, "Sales", None)})


class Shuffled:
    """A list that has another order at every page, as in the worst case of a replica."""

    def __init__(self, size: int, seed: int) -> None:
        self.organization_id = 7
        self.paging = Paging("acme")
        self.random = Random(seed)
        self.rows = list(range(size))
        self.reads = 0

    async def memberships(self, skip, take=250):
        from calscim.calcom.decode import OrgMembership

        self.reads += 1
        self.random.shuffle(self.rows)
        return [
            OrgMembership(7, OrgMember(n, n, f"{n}@a", "", "", Role.MEMBER, accepted=True))
            for n in self.rows[skip : skip + take]
        ]


@pytest.mark.parametrize("seed", range(60))
async def test_a_list_in_no_order_at_all_is_whole_or_incomplete(seed):
    client = Shuffled(Random(seed).choice([249, 250, 251, 400, 500, 620, 1100]), seed)

    found = await Reader(client).people()  # type: ignore[arg-type]

    if isinstance(found, Complete):
        assert len(found.value) == len(client.rows)


async def test_most_lists_in_no_order_at_all_are_read_in_the_end():
    found = [await Reader(Shuffled(400, seed)).people() for seed in range(40)]  # type: ignore[arg-type]

    assert sum(isinstance(one, Complete) for one in found) >= 38


async def test_a_team_is_read_by_number(reader, calcom):
    calcom.answer("GET", f"{TEAMS}/9", {"id": 9, "name": "Sales", "slug": "sales"})

    assert await reader.team(9) == Team(9, "Sales", "sales")


async def test_a_missing_team_is_none(reader, calcom):
    message = "IsTeamInOrg - Team (9) not found."
    calcom.refuse("GET", f"{TEAMS}/9", 404, "NotFoundException", message)

    assert await reader.team(9) is None


async def test_a_team_that_cannot_be_read_is_incomplete(reader, calcom):
    calcom.refuse("GET", f"{TEAMS}/9", 500)
    calcom.answer("GET", f"{TEAMS}/9", status=404, body="<html>nginx</html>")
    calcom.answer("GET", f"{TEAMS}/9", *teams(8))

    for _ in range(3):
        assert isinstance(await reader.team(9), Incomplete)
