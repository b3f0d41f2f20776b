"""Teams that a mapping names and Cal.com does not have yet."""

import pytest

from calscim.planner.actions import Provenance
from calscim.planner.ids import TeamId
from calscim.planner.naming import make_slug, match_team
from calscim.planner.observed_state import Team
from calscim.planner.render import action_json
from calscim.planner.teams.creation import match_existing_team
from tests.planner.display import show
from tests.planner.world import ADD_ONLY, MANAGED, OBSERVE, world


def waiting(w, number, name="Support"):
    """Let the mapping with this number wait for a team with this name."""
    w.teams.pop(TeamId(-number), None)
    return w.remap(number, team=TeamId(-number), new_team=name)


def support(mode=MANAGED):
    w = world().user("ann").group("support", "ann").map("support", -1, mode)
    return waiting(w, 1)


def test_a_new_team_and_its_members_are_in_one_plan():
    plan = support().plan()

    assert show(plan) == ["team.create  T-1", "member.add ann T-1 MEMBER"]
    assert {action.new_team for action in plan.actions} == {"Support"}
    assert plan.actions[0].provenance == Provenance("@acme", 3)


def test_the_team_has_no_id_where_the_plan_is_shown():
    shown = [action_json(action) for action in support().plan().actions]

    assert [(one["team_id"], one["team"]) for one in shown] == [(None, "Support")] * 2


@pytest.mark.parametrize(
    ("mode", "state"), [(OBSERVE, " [observed]"), (ADD_ONLY, ""), (MANAGED, "")]
)
def test_an_observing_mapping_makes_no_team(mode, state):
    assert show(support(mode).plan())[0] == f"team.create  T-1{state}"


def test_a_paused_directory_makes_no_team():
    assert show(support().pause(directory="okta").plan())[0] == "team.create  T-1 [paused]"


def test_a_group_that_was_not_pushed_makes_no_team():
    w = world().user("ann").map("support", -1)

    assert show(waiting(w, 1).plan()) == []


def test_a_mapping_that_was_removed_makes_no_team():
    assert show(support().unmap(1).plan()) == []


def test_a_created_team_needs_no_further_action():
    w = support()
    w.remap(1, team=TeamId(7), new_team=None)
    w.teams[TeamId(7)] = {}

    assert show(w.plan()) == ["member.add ann T7 MEMBER"]


TEAMS = [
    Team(TeamId(1), "Sales", "sales"),
    Team(TeamId(2), "Support", "help"),
    Team(TeamId(3), "Twice", "twice"),
    Team(TeamId(4), "Twice", "twice-2"),
    Team(TeamId(5), "Help", "help-2"),
    Team(TeamId(6), "2", "two"),
]


@pytest.mark.parametrize(
    ("wanted", "number"),
    [("2", 2), ("help", 2), ("twice", 3), ("Help", 5), ("Sales", 1), ("SUPPORT", 2), ("two", 6)],
)
def test_a_team_is_matched_by_id_slug_name_and_name_in_any_case_in_that_order(wanted, number):
    assert match_team(TEAMS, wanted).id == number
    assert match_existing_team(TEAMS, wanted).id == number


@pytest.mark.parametrize("wanted", ["Twice", "TWICE"])
def test_an_ambiguous_team_name_is_not_guessed(wanted):
    assert match_team(TEAMS, wanted) == (
        f"2 teams in Cal.com are called {wanted!r}: give the id of one instead: "
        "3 ('Twice', twice) or 4 ('Twice', twice-2)"
    )
    assert match_existing_team(TEAMS, wanted) == match_team(TEAMS, wanted)


def test_a_team_with_the_slug_of_the_new_one_is_reported():
    assert "has the address 'help' already" in match_existing_team(TEAMS, "Help!")
    assert match_existing_team(TEAMS, "Marketing") is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Sales EU", "sales-eu"),
        ("R&D / Köln", "r-d-koln"),
        ("  x  ", "x"),
        ("Sales 🎉", "sales"),
        ("営業", "team-"),
        ("営業1部", "1-"),
        ("Łódź", "odz-"),
    ],
)
def test_a_name_has_one_slug(name, expected):
    found = make_slug(name)

    assert found == make_slug(name)
    assert found.startswith(expected)
    assert len(found) == len(expected) + (12 if expected.endswith("-") else 0)


@pytest.mark.parametrize(("one", "other"), [("営業部東京", "営業部大阪"), ("営業1部", "開発1部")])
def test_names_that_an_address_cannot_spell_have_slugs_of_their_own(one, other):
    assert make_slug(one) != make_slug(other)


def test_a_team_made_with_an_earlier_form_of_the_slug_is_found_by_its_name():
    made = Team(TeamId(9), "営業", "team-e596b6e6a5ad")

    assert match_existing_team([*TEAMS, made], "営業") == made
