"""A list is Complete only if its completeness is proven, and Incomplete otherwise."""

from random import Random

import pytest
import structlog

from calscim.calcom.lists import Paging
from calscim.calcom.reader import Reader
from calscim.errors import RemoteError, RemoteKind
from calscim.planner.observed_state import AttributeValue, Complete, Incomplete, OrgMember, Team
from calscim.planner.roles import Role
from tests.calcom.conftest import ROOT, org_row, user_row

PEOPLE = f"{ROOT}/memberships"
TEAM = f"{ROOT}/teams/9/memberships"


@pytest.fixture
def reader(client) -> Reader:
    return Reader(client)


def pages(calcom, rows, path=PEOPLE, *, size=250):
    """Prepare the responses to one read of a list, in pages like those of Cal.com."""
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


# ------------------------------------------------------------------ attributes


async def test_the_attributes_of_a_person_are_read_with_the_members(reader, calcom):
    attributes = [
        {
            "id": "a2",
            "name": "Skills",
            "type": "multiSelect",
            "options": [{"optionId": "o3", "option": "Go"}, {"optionId": "o2", "option": "SQL"}],
        },
        {"id": "a1", "name": "Grade", "type": "number", "option": 7, "optionId": "o1"},
    ]
    calcom.answer("GET", f"{PEOPLE}/5", org_row(5, attributes=attributes))

    person = await reader.person(5)

    expected = (
        AttributeValue("a1", "o1", "7"),
        AttributeValue("a2", "o2", "SQL"),
        AttributeValue("a2", "o3", "Go"),
    )
    assert person.attributes == expected


async def test_a_number_that_is_none_is_an_empty_value_beside_readable_attributes(reader, calcom):
    attributes = [
        {"id": "a1", "name": "Level", "optionId": "o1", "option": None, "type": "number"},
        {"id": "a2", "name": "City", "optionId": "o2", "option": "Vienna", "type": "singleSelect"},
    ]
    calcom.answer("GET", f"{PEOPLE}/5", org_row(5, attributes=attributes))

    person = await reader.person(5)

    assert person.attributes == (
        AttributeValue("a1", "o1", ""),
        AttributeValue("a2", "o2", "Vienna"),
    )


@pytest.mark.parametrize(
    "attributes",
    [
        None,
        "x",
        [1],
        [{"id": "a1"}],
        [{"id": "a1", "optionId": "o"}],
        [{"id": "a1", "optionId": None, "option": "x"}],
        [{"id": "a1", "optionId": "o", "option": True}],
    ],
)
async def test_unreadable_attributes_are_not_an_empty_list(reader, calcom, attributes):
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


async def test_all_options_of_a_person_are_read(reader, calcom):
    rows = [
        {"id": "o2", "attributeId": "a1", "value": "Sales", "slug": "sales"},
        {"id": "o1", "attributeId": "a1", "value": "Sales", "slug": "sales"},
    ]
    calcom.answer("GET", f"{ROOT}/attributes/options/105", rows)
    calcom.refuse("GET", f"{ROOT}/attributes/options/105", 403)

    assert await reader.assigned(105) == (
        AttributeValue("a1", "o1", "Sales"),
        AttributeValue("a1", "o2", "Sales"),
    )
    assert isinstance(await reader.assigned(105), Incomplete)


# ------------------------------------------------------------------ lists that Cal.com does not page

TEAMS = f"{ROOT}/teams"
FAR = 1_000_000


def teams(*numbers):
    return [{"id": number, "name": f"Team {number}", "slug": None} for number in numbers]


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


# ------------------------------------------------------------------ one team


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


# ------------------------------------------------------------------ Profiles


def asked(sent):
    return sent.url.query.getall("emails")


def accounts(calcom, emails, rows):
    query = "&".join(f"emails={email}" for email in emails)
    calcom.answer("GET", f"{ROOT}/users?take=1000&skip=0&{query}", rows)


def refuse_addresses(calcom, emails):
    query = "&".join(f"emails={email}" for email in emails)
    sentence = "Please submit only valid email addresses"
    errors = [{"property": "emails", "constraints": {"IsEmailStringOrArray": sentence}}]
    calcom.refuse(
        "GET",
        f"{ROOT}/users?take=1000&skip=0&{query}",
        400,
        "BadRequestException",
        "Bad Request Exception",
        {"errors": errors},
    )


async def test_profiles_are_found_by_addresses_as_written(reader, calcom):
    accounts(calcom, ["Ada@a.example", "b@a.example"], [user_row(42, "Ada@a.example")])

    found = await reader.profiles(["Ada@a.example", "b@a.example", "Ada@a.example"])

    assert {number: account.email for number, account in found.items()} == {42: "Ada@a.example"}
    assert asked(calcom.sent[0]) == ["Ada@a.example", "b@a.example"]


async def test_a_call_asks_about_no_more_than_50_addresses(reader, calcom):
    emails = [f"p{number}@a.example" for number in range(120)]
    for start in (0, 50, 100):
        accounts(calcom, emails[start : start + 50], [user_row(start, emails[start])])

    found = await reader.profiles(emails)

    assert set(found) == {0, 50, 100}
    assert [len(asked(sent)) for sent in calcom.sent] == [50, 50, 20]


async def test_without_addresses_no_call_is_made(reader, calcom):
    assert await reader.profiles([]) == {}
    assert calcom.sent == []


async def test_an_invalid_address_does_not_hide_the_profiles_of_others(reader, calcom):
    refuse_addresses(calcom, ["a@a.example", "b@a.example", "nonsense"])
    accounts(calcom, ["a@a.example"], [user_row(1, "a@a.example")])
    refuse_addresses(calcom, ["b@a.example", "nonsense"])
    accounts(calcom, ["b@a.example"], [user_row(2, "b@a.example")])
    refuse_addresses(calcom, ["nonsense"])

    assert set(await reader.profiles(["a@a.example", "b@a.example", "nonsense"])) == {1, 2}


async def test_profiles_that_cannot_be_read_are_incomplete(reader, calcom):
    query = "take=1000&skip=0&emails=a@a.example"
    calcom.refuse("GET", f"{ROOT}/users?{query}", 500)
    calcom.refuse("GET", f"{ROOT}/users?{query}", 400)

    assert isinstance(await reader.profiles(["a@a.example"]), Incomplete)
    assert isinstance(await reader.profiles(["a@a.example"]), Incomplete)


async def test_a_key_that_may_not_list_users_differs_from_a_refused_key(reader, calcom):
    for status in (403, 401):
        calcom.refuse("GET", f"{ROOT}/users?take=1000&skip=0&emails=a@a.example", status)
        calcom.refuse("GET", f"{ROOT}/users?take=1000&skip=0", status)

    assert await reader.profiles(["a@a.example"]) is None
    assert await reader.all_profiles() is None
    for read in (lambda: reader.profiles(["a@a.example"]), reader.all_profiles):
        with pytest.raises(RemoteError) as caught:
            await read()
        assert caught.value.kind is RemoteKind.AUTH


def brief_accounts(*numbers):
    """Return rows with the necessary fields only: aioresponses does not support long bodies."""
    return [{"id": number, "email": f"p{number}@a.example"} for number in numbers]


async def test_everyone_with_a_profile_is_read_by_pages_of_a_thousand(reader, calcom):
    rows = brief_accounts(*range(1200))
    for start in (0, 1000):
        calcom.answer("GET", f"{ROOT}/users?take=1000&skip={start}", rows[start : start + 1000])

    found = await reader.all_profiles()

    assert isinstance(found, Complete)
    assert set(found.value) == set(range(1200))
    assert len(calcom.sent) == 2


async def test_profiles_that_were_not_read_to_the_end_are_incomplete(reader, calcom):
    calcom.answer("GET", f"{ROOT}/users?take=1000&skip=0", brief_accounts(*range(1000)))
    calcom.refuse("GET", f"{ROOT}/users?take=1000&skip=1000", 502)

    assert isinstance(await reader.all_profiles(), Incomplete)
