"""calscim mapping and calscim team, with a simulated Cal.com."""

import uuid

import pytest

from calscim.directory import resources
from calscim.directory.resources import GroupState, MemberChange
from calscim.journal.append import Origin
from calscim.postgres.pool import Database

ADD = ("mapping", "add", "--group", "Sales EMEA", "--mode", "managed")


@pytest.fixture(autouse=True)
def _calcom(calcom):
    """Start a simulated Cal.com: every test in this file reads teams."""


@pytest.mark.parametrize("team", ["Sales", "sales", "SALES", "id"])
def test_a_team_is_found_by_id_slug_or_name(calscim, okta, calcom, team):
    wanted = str(calcom.team_id("Sales")) if team == "id" else team

    added = calscim(*ADD, "--team", wanted, "--json")

    assert added.code == 0
    assert added.json["team"] == "Sales"
    assert added.json["team_id"] == calcom.team_id("Sales")


def test_mapping_json_has_the_documented_keys(calscim, okta):
    calscim(*ADD, "--team", "Sales", "--directory", "okta")

    (row,) = calscim("mapping", "list", "--json").json

    fields = {"id", "directory", "group", "group_id", "team_id", "team", "role", "mode", "state"}
    assert fields <= row.keys()
    assert (row["directory"], row["role"], row["mode"], row["state"]) == (
        "Okta",
        "MEMBER",
        "managed",
        "waiting",
    )


def test_an_unknown_team_is_refused_with_a_near_miss(calscim, okta):
    ran = calscim(*ADD, "--team", "Engeneering")

    assert ran.code == 1
    assert "did you mean Engineering" in ran.err
    assert calscim("mapping", "list", "--json").json == []


def test_a_name_of_two_teams_is_refused_with_their_ids(calscim, okta, calcom):
    calcom.add_team("Sales", slug="sales-2")

    assert "give the id of one" in calscim(*ADD, "--team", "Sales").err
    assert calscim(*ADD, "--team", "sales-2").code == 0


def test_a_group_that_was_not_pushed_is_accepted_with_a_warning(calscim, okta):
    added = calscim(*ADD, "--team", "Sales")

    assert added.code == 0
    assert "no group called 'Sales EMEA' was pushed" in added.err


def test_the_mode_is_required(calscim, okta):
    ran = calscim("mapping", "add", "--group", "Sales", "--team", "Sales")

    assert ran.code == 64
    assert "--mode" in ran.err


def test_a_role_may_be_in_lower_case(calscim, okta):
    assert calscim(*ADD, "--team", "Sales", "--role", "admin", "--json").json["role"] == "ADMIN"


def test_a_mapping_is_changed_and_removed(calscim, okta):
    number = str(calscim(*ADD, "--team", "Sales", "--json").json["id"])

    changed = calscim("mapping", "change", number, "--mode", "observe", "--json").json
    assert (changed["mode"], changed["role"]) == ("observe", "MEMBER")

    assert calscim("mapping", "remove", number).code == 0
    assert calscim("mapping", "list", "--json").json == []
    assert "there is no mapping" in calscim("mapping", "remove", number).err


def test_a_group_can_be_mapped_to_the_organization(calscim, okta):
    added = calscim(*ADD, "--team", "@organization", "--role", "ADMIN", "--json").json

    assert (added["team_id"], added["team"]) == (None, "acme")


def test_team_list_shows_the_mapped_groups(calscim, okta):
    calscim(*ADD, "--team", "Sales")
    calscim("team", "pause", "Engineering")

    teams = {team["name"]: team for team in calscim("team", "list", "--json").json}

    assert teams["Sales"]["groups"] == ["Sales EMEA"]
    assert teams["Engineering"]["paused"]


def test_an_unreachable_cal_com_is_a_one_line_error(calscim, okta, configuration):
    text = configuration.read_text()
    configuration.write_text(
        text.replace(text.split('api_url = "')[1].split('"')[0], "http://127.0.0.1:9")
    )

    ran = calscim("team", "list")

    assert ran.code == 1
    assert ran.err.startswith(
        "calscim: the organization's teams could not be read: Cal.com did not answer"
    )
    assert ran.err.count("\n") == 1


def test_applying_an_exported_file_changes_nothing(calscim, okta, tmp_path):
    calscim(*ADD, "--team", "Sales")
    calscim(
        "mapping",
        "add",
        "--group",
        "Admins",
        "--mode",
        "add-only",
        "--team",
        "@organization",
        "--role",
        "ADMIN",
    )
    file = tmp_path / "mappings.toml"
    file.write_text(calscim("mapping", "export").out)

    ran = calscim("mapping", "apply", str(file), "--json")

    assert "Sales EMEA" in file.read_text()
    assert (ran.code, ran.json) == (0, {"applied": False, "add": [], "change": [], "remove": []})


def test_apply_shows_the_difference_and_requires_yes(calscim, okta, tmp_path):
    calscim(*ADD, "--team", "Sales")
    calscim("mapping", "add", "--group", "Old", "--team", "Sales", "--mode", "managed")
    file = tmp_path / "mappings.toml"
    file.write_text(
        '[[mapping]]\ngroup = "Sales EMEA"\nteam = "Sales"\nmode = "observe"\n'
        '[[mapping]]\ngroup = "Eng"\nteam = "engineering"\nmode = "managed"\nrole = "admin"\n'
    )

    asked = calscim("mapping", "apply", str(file))
    assert asked.code == 2
    assert [line[0] for line in asked.out.splitlines()[:3]] == ["+", "~", "-"]
    assert len(calscim("mapping", "list", "--json").json) == 2

    assert calscim("mapping", "apply", str(file), "--yes", "--json").json["applied"]
    rows = {
        (row["group"], row["team"], row["role"], row["mode"])
        for row in calscim("mapping", "list", "--json").json
    }
    assert rows == {
        ("Sales EMEA", "Sales", "MEMBER", "observe"),
        ("Eng", "Engineering", "ADMIN", "managed"),
    }


def test_apply_reports_all_mistakes_of_a_file(calscim, okta, tmp_path):
    file = tmp_path / "mappings.toml"
    file.write_text(
        '[[mapping]]\ngroup = "A"\nteam = "Sales"\n'
        '[[mapping]]\ngroup = "A"\nteam = "Slaes"\nmode = "managed"\n'
        '[[mapping]]\ngroup = "A"\nteam = "Sales"\nmode = "manage"\n'
        '[[mapping]]\ngroup = "A"\nteam = "Sales"\nmode = "managed"\nrule = "x"\n'
    )

    ran = calscim("mapping", "apply", str(file), "--yes")

    assert ran.code == 1
    for expected in (
        "mapping 1: mode is missing: see",
        "mapping 2: ",
        "mapping 3: ",
        "mapping 4: rule is not a key of [[mapping]]",
    ):
        assert expected in ran.err


def test_create_team_accepts_a_team_that_does_not_exist(calscim, okta):
    added = calscim(*ADD, "--team", "Engeneering", "--create-team", "--json")

    assert added.code == 0
    assert "did you mean 'Engineering'" in added.err
    row = added.json
    assert (row["team_id"], row["team"], row["create_team"]) == (None, "Engeneering", True)
    assert "to be created" in calscim("mapping", "list").out


def test_create_team_uses_a_team_that_exists(calscim, okta, calcom):
    row = calscim(*ADD, "--team", "sales", "--create-team", "--json").json

    assert (row["team_id"], row["create_team"]) == (calcom.team_id("Sales"), False)


def test_create_team_refuses_a_number_as_a_name(calscim, okta):
    ran = calscim(*ADD, "--team", "4711", "--create-team")

    assert "no team has the id 4711" in ran.err


def test_a_new_team_can_be_exclusive_and_is_mapped_once(calscim, okta):
    wanted = ("mapping", "add", "--group", "X", "--team", "New", "--create-team", "--mode")

    assert calscim(*wanted, "exclusive").code == 0
    assert "'X' is mapped to New already" in calscim(*wanted, "managed").err


def test_export_and_apply_keep_create_team(calscim, okta, calcom, tmp_path):
    calscim(*ADD, "--team", "New", "--create-team")
    file = tmp_path / "mappings.toml"
    file.write_text(calscim("mapping", "export").out)
    assert "create_team = true" in file.read_text()
    assert calscim("mapping", "apply", str(file)).code == 0

    number = calscim("mapping", "list", "--json").json[0]["id"]
    calscim("mapping", "remove", str(number))
    assert calscim("mapping", "apply", str(file)).out.startswith(
        "+ Okta: Sales EMEA to new team New"
    )
    assert calscim("mapping", "apply", str(file), "--yes").code == 0
    assert calscim("mapping", "list", "--json").json[0]["create_team"]
    assert calscim("mapping", "apply", str(file)).code == 0


async def _renamed(dsn, directory, name, to):
    """Push a group and rename it."""
    async with await Database.open(dsn) as db:
        group, origin = uuid.uuid4(), Origin(directory, "push")
        for called in (name, to):
            state = GroupState(called, None, f'{{"displayName": "{called}"}}')
            if called == name:
                await resources.create_group(db, origin, group, state, MemberChange(), "")
            else:
                await resources.update_group(db, origin, group, state, MemberChange(), "")


def test_applying_a_file_from_before_a_group_was_renamed_removes_nothing(
    calscim, okta, database, run, tmp_path
):
    calscim(*ADD, "--team", "Sales")
    file = tmp_path / "mappings.toml"
    file.write_text(calscim("mapping", "export").out)
    run(_renamed(database.dsn, okta["id"], "Sales EMEA", "Sales Europe"))

    applied = calscim("mapping", "apply", str(file), "--yes")

    assert (applied.code, applied.out.strip()) == (0, "the saved mappings are those of the file")
    assert "'Sales EMEA' is now called 'Sales Europe'" in applied.err
    (row,) = calscim("mapping", "list", "--json").json
    assert (row["group"], row["state"]) == ("Sales Europe", "active")
    assert 'group = "Sales Europe"' in calscim("mapping", "export").out
