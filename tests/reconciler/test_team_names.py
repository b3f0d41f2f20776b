"""The reconciler reads the names of mapped teams, and notices deleted teams, with few calls."""

from dataclasses import dataclass, field

import pytest

from calscim.errors import RemoteError, RemoteKind
from calscim.planner.desired_state import DesiredState, Mapping
from calscim.planner.ids import CalUserId, DirectoryId, MappingId, TeamId
from calscim.planner.modes import Mode
from calscim.planner.observed_state import Complete, Incomplete, Team
from calscim.planner.roles import Role
from calscim.reconciler.observed_cache import ObservedCache


@dataclass
class Calcom:
    """A reader of teams 1 to 600, in three pages; ``sent`` are its calls."""

    teams_there: dict[int, str] = field(
        default_factory=lambda: {number: f"Team {number}" for number in range(1, 601)}
    )
    calls_for_teams: int | None = 3
    unreadable: set[int] = field(default_factory=set)
    forbidden: bool = False  # to read one team by its number
    sent: list[str] = field(default_factory=list)

    async def people(self, expected=()):
        return Complete({})

    async def team_members(self, team, expected=()):
        return Complete({})

    async def teams(self, expected=()):
        self.sent.append("list")
        return Complete({TeamId(number): self._team(number) for number in self.teams_there})

    async def team(self, number):
        self.sent.append(f"team {number}")
        if self.forbidden:
            raise RemoteError(RemoteKind.AUTH, "Cal.com refused the call", status=403)
        if number in self.unreadable:
            return Incomplete("Cal.com answered with 500")
        return self._team(number) if number in self.teams_there else None

    def _team(self, number):
        return Team(TeamId(number), self.teams_there[number], f"team-{number}")


@pytest.fixture
def calcom() -> Calcom:
    return Calcom()


@pytest.fixture
def view() -> ObservedCache:
    return ObservedCache(me=CalUserId(1))


def mapping(team: int, new_team: str | None = None) -> Mapping:
    return Mapping(
        id=MappingId(abs(team)),
        directory=DirectoryId("d"),
        group_name=f"group {team}",
        group=None,
        team=TeamId(team),
        role=Role.MEMBER,
        mode=Mode.MANAGED,
        seq=1,
        new_team=new_team,
    )


def directory(*mappings: Mapping) -> DesiredState:
    return DesiredState({}, {}, {}, {}, {}, mappings, {}, {})


async def test_a_few_teams_are_read_by_number(view, calcom):
    gap = await view.team_catalog.read(calcom, {TeamId(7), TeamId(3)})

    assert gap is None
    assert view.team_catalog.names == {3: "Team 3", 7: "Team 7"}
    assert calcom.sent == ["team 3", "team 7"]


@pytest.mark.parametrize(("calls", "wanted"), [(None, {7}), (1, {7}), (3, {1, 2, 3})])
async def test_the_list_is_read_where_it_costs_no_more_calls_or_is_unknown(
    view, calcom, calls, wanted
):
    calcom.calls_for_teams = calls

    await view.team_catalog.read(calcom, wanted)

    assert calcom.sent == ["list"]
    assert len(view.team_catalog.names) == 600


async def test_all_names_come_from_the_list(view, calcom):
    await view.team_catalog.read(calcom)

    assert calcom.sent == ["list"]


async def test_names_that_are_not_read_again_stay_known(view, calcom):
    await view.team_catalog.read(calcom)
    calcom.teams_there |= {7: "Sales", 8: "not looked at"}

    await view.team_catalog.read(calcom, {TeamId(7)})

    assert (
        view.team_catalog.names[7],
        view.team_catalog.names[8],
        view.team_catalog.names[600],
    ) == ("Sales", "Team 8", "Team 600")
    assert Team(TeamId(7), "Sales", "team-7") in view.team_catalog.known()


async def test_a_renamed_team_shows_its_new_name(view, calcom):
    wanted = directory(mapping(7))
    await view.read_everything(calcom, wanted)
    calcom.teams_there[7] = "Sales"

    await view.read_everything(calcom, wanted)

    assert view.observed().team_names[7] == "Sales"


@pytest.mark.parametrize("calls", [1, 3], ids=["from the list", "by number"])
async def test_a_deleted_team_is_noticed_by_list_and_by_id(view, calcom, calls):
    wanted = directory(mapping(7), mapping(8))
    await view.read_everything(calcom, wanted)
    del calcom.teams_there[7]
    calcom.calls_for_teams = calls

    await view.read_everything(calcom, wanted)

    assert view.gone == {7}
    assert view.gaps == {7: "this organization has no such team any more"}
    assert 7 not in view.team_catalog.names
    assert 7 not in {team.id for team in view.team_catalog.known()}


async def test_a_team_that_cannot_be_read_does_not_count_as_deleted(view, calcom):
    wanted = directory(mapping(7), mapping(8))
    await view.read_everything(calcom, wanted)
    calcom.unreadable = {7}

    gap = await view.team_catalog.read(calcom, {TeamId(7), TeamId(8)})
    await view.read_everything(calcom, wanted)

    assert gap == "Cal.com answered with 500"
    assert view.gone == set()
    assert view.team_catalog.names[7] == "Team 7"


async def test_a_key_that_may_not_read_one_team_reads_the_list(view, calcom):
    calcom.forbidden = True

    gap = await view.team_catalog.read(calcom, {TeamId(7)})

    assert gap is None
    assert view.team_catalog.names[7] == "Team 7"
    assert calcom.sent == ["team 7", "list"]


async def test_a_mapping_that_waits_for_a_new_team_has_the_list_read(view, calcom):
    await view.read_everything(calcom, directory(mapping(7), mapping(-1, new_team="Ops")))

    assert calcom.sent == ["list"]
    assert len(view.team_catalog.known()) == 600


async def test_without_mapped_teams_nothing_is_read_twice(view, calcom):
    await view.read_everything(calcom, directory())

    assert calcom.sent == []
