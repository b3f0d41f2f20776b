"""Complete is proven, and whatever is not is Incomplete."""

from random import Random

import pytest

from calscim.calcom.reader import Reader
from calscim.core.model import Complete, Held, Incomplete, OrgMember, Role, Team, TeamMember
from calscim.errors import RemoteError, RemoteKind
from tests.calcom.conftest import ROOT, org_row

PEOPLE = f"{ROOT}/memberships"
TEAM = f"{ROOT}/teams/9/memberships"


@pytest.fixture
def reader(client) -> Reader:
    return Reader(client)


def pages(calcom, rows, path=PEOPLE, *, size=250):
    """The answers to one read of a list, cut where Cal.com cuts."""
    for start in range(0, len(rows) + 1, size):
        calcom.answer("GET", f"{path}?take=250&skip={start}", rows[start : start + size])


def people(*numbers):
    return [org_row(number) for number in numbers]


def ids(found):
    assert isinstance(found, Complete), found
    return {user - 100 for user in found.value}


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


async def test_what_was_seen_before_the_list_changed_does_not_count(reader, calcom):
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


async def test_a_list_that_lost_much_is_believed_after_a_second_look(reader, calcom):
    pages(calcom, people(1))
    pages(calcom, people(1))

    found = await reader.people(expected=range(101, 111))

    assert ids(found) == {1}
    assert len(calcom.sent) == 2


async def test_a_list_that_lost_much_and_differs_at_a_second_look_is_incomplete(reader, calcom):
    pages(calcom, people(1))
    pages(calcom, people(2))

    assert isinstance(await reader.people(expected=range(101, 111)), Incomplete)


async def test_the_second_look_is_believed_when_it_lacks_little(reader, calcom):
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


async def test_a_person_who_is_gone_is_none(reader, calcom):
    calcom.refuse("GET", f"{PEOPLE}/5", 404, "NotFoundException", "Membership (5) not found.")

    assert await reader.person(5) is None


async def test_a_404_that_is_not_calcoms_own_proves_nothing(reader, calcom):
    calcom.answer("GET", f"{PEOPLE}/5", status=404, body="<html>nginx</html>")

    assert isinstance(await reader.person(5), Incomplete)


@pytest.mark.parametrize("row", [org_row(6), org_row(5, team=8)], ids=["number", "organization"])
async def test_somebody_elses_membership_is_no_answer(reader, calcom, row):
    calcom.answer("GET", f"{PEOPLE}/5", row)

    assert isinstance(await reader.person(5), Incomplete)


async def test_one_member_of_a_team_is_read_by_membership(reader, calcom):
    calcom.answer("GET", f"{TEAM}/5", org_row(5, team=9))

    assert await reader.team_member(9, 5) == TeamMember(5, 105, Role.MEMBER, accepted=True)


async def test_a_person_is_found_by_address_in_any_case(reader, calcom):
    pages(calcom, [org_row(1), org_row(2, email="Ada@Acme.example")])

    found = await reader.person_by_email("ada@acme.EXAMPLE")

    assert isinstance(found, OrgMember)
    assert found.user == 102


async def test_nobody_has_an_address_only_when_everybody_was_read(reader, calcom):
    pages(calcom, people(1))
    calcom.refuse("GET", f"{PEOPLE}?take=250&skip=0", 500)

    assert await reader.person_by_email("nobody@acme.example") is None
    assert isinstance(await reader.person_by_email("nobody@acme.example"), Incomplete)


async def test_teams_are_listed(reader, calcom):
    row = {"id": 9, "name": "Sales", "slug": None, "isOrganization": False}
    pages(calcom, [row], f"{ROOT}/teams")

    assert await reader.teams() == Complete({9: Team(9, "Sales", None)})


class Shuffled:
    """A list in another order at every page, as the worst of replicas might give it."""

    def __init__(self, size: int, seed: int) -> None:
        self.organization_id = 7
        self.random = Random(seed)
        self.rows = list(range(size))
        self.reads = 0

    async def memberships(self, skip):
        from calscim.calcom.rows import OrgMembership

        self.reads += 1
        self.random.shuffle(self.rows)
        return [
            OrgMembership(7, OrgMember(n, n, f"{n}@a", "", "", Role.MEMBER, accepted=True))
            for n in self.rows[skip : skip + 250]
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


# ------------------------------------------------------------------ attributes


async def test_somebodys_attributes_are_read_with_the_people(reader, calcom):
    attributes = [
        {
            "id": "a2",
            "name": "Skills",
            "type": "multi_select",
            "options": [{"optionId": "o3", "option": "Go"}, {"optionId": "o2", "option": "SQL"}],
        },
        {"id": "a1", "name": "Grade", "type": "number", "option": 7, "optionId": "o1"},
    ]
    calcom.answer("GET", f"{PEOPLE}/5", org_row(5, attributes=attributes))

    person = await reader.person(5)

    expected = (Held("a1", "o1", "7"), Held("a2", "o2", "SQL"), Held("a2", "o3", "Go"))
    assert person.attributes == expected


@pytest.mark.parametrize(
    "attributes", [None, "x", [1], [{"id": "a1"}], [{"id": "a1", "optionId": "o", "option": None}]]
)
async def test_attributes_that_cannot_be_read_are_not_taken_for_none(reader, calcom, attributes):
    calcom.answer("GET", f"{PEOPLE}/5", org_row(5, attributes=attributes))

    assert (await reader.person(5)).attributes is None


async def test_an_attribute_of_a_kind_that_is_not_known_is_left_out(reader, calcom):
    base = {"teamId": 7, "name": "x", "slug": "x", "enabled": True}
    rows = [{**base, "id": "a1", "type": "TEXT"}, {**base, "id": "a2", "type": "HOLOGRAM"}]
    calcom.answer("GET", f"{ROOT}/attributes?take=250&skip=0", rows)

    found = await reader.attributes()

    assert [(one.id, one.type.value) for one in found.value] == [("a1", "TEXT")]


@pytest.mark.parametrize("status", [401, 403, 404, 500])
async def test_attributes_that_are_refused_are_incomplete_and_nothing_more(reader, calcom, status):
    calcom.refuse("GET", f"{ROOT}/attributes?take=250&skip=0", status)
    calcom.refuse("GET", f"{ROOT}/attributes/a1/options", status)

    assert isinstance(await reader.attributes(), Incomplete)
    assert isinstance(await reader.options("a1"), Incomplete)
