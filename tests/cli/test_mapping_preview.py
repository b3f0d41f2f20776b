"""calscim mapping ... --dry-run and calscim plan --with FILE: the plan of unsaved mappings."""

import asyncio

import asyncpg
import pytest

STRANGER = "stranger@acme.example"
EXCLUSIVE = ("--group", "Sales", "--team", "Sales", "--mode", "exclusive")


@pytest.fixture(autouse=True)
def _pushed(calcom, okta, database):
    """Okta pushed an empty group Sales; a stranger is on the team Sales."""
    calcom.add_person(STRANGER)
    calcom.put_on_team("Sales", STRANGER)

    async def push() -> None:
        connection = await asyncpg.connect(database.dsn)
        await connection.execute(
            "INSERT INTO calscim.groups (id, directory_id, display_name, display_name_key, data,"
            " changed_seq, created_at, updated_at)"
            " VALUES (gen_random_uuid(), $1, 'Sales', 'sales', '{}', 1, now(), now())",
            okta["id"],
        )
        await connection.close()

    asyncio.run(push())


def removals(ran):
    (plan,) = ran.json
    return [(one["kind"], one["email"], one["state"]) for one in plan["actions"]]


REMOVED = [("member.remove", STRANGER, "run")]


def test_a_dry_run_of_mapping_add_prints_the_plan_after_it_and_saves_nothing(calscim):
    dry = calscim("mapping", "add", *EXCLUSIVE, "--dry-run", "--json")

    assert (dry.code, removals(dry)) == (2, REMOVED)
    assert "no mapping was saved" in dry.err
    assert "becomes exclusive" in dry.err
    assert calscim("mapping", "list", "--json").json == []
    assert calscim("plan", "--json").json[0]["actions"] == []

    calscim("mapping", "add", *EXCLUSIVE)
    after = calscim("plan", "--json")
    assert (after.code, removals(after)) == (2, REMOVED)


def test_a_dry_run_refuses_what_the_edit_refuses(calscim):
    calscim("mapping", "add", *EXCLUSIVE)

    assert "is mapped to Sales already" in calscim("mapping", "add", *EXCLUSIVE, "--dry-run").err
    whole = ("--group", "Sales", "--team", "@organization", "--mode", "exclusive")
    assert "cannot be exclusive" in calscim("mapping", "add", *whole, "--dry-run").err


def test_mapping_change_and_mapping_remove_have_a_dry_run(calscim):
    number = str(
        calscim(
            "mapping", "add", "--group", "Sales", "--team", "Sales", "--mode", "managed", "--json"
        ).json["id"]
    )

    change = calscim("mapping", "change", number, "--mode", "exclusive", "--dry-run", "--json")
    assert (change.code, removals(change)) == (2, REMOVED)

    remove = calscim("mapping", "remove", number, "--dry-run", "--json")
    assert (remove.code, removals(remove)) == (0, [])
    assert [row["mode"] for row in calscim("mapping", "list", "--json").json] == ["managed"]


def test_plan_with_a_file_uses_its_mappings_and_the_saved_ones(calscim, tmp_path):
    calscim("mapping", "add", *EXCLUSIVE)
    file = tmp_path / "mappings.toml"
    file.write_text('[[mapping]]\ngroup = "Sales"\nteam = "Engineering"\nmode = "managed"\n')

    ran = calscim("plan", "--with", str(file), "--json")

    assert (ran.code, removals(ran)) == (2, REMOVED)
    assert "1 change already planned without the preview" in ran.err
    assert "1 saved mapping not in" in ran.err
    assert len(calscim("mapping", "list", "--json").json) == 1


def test_a_dry_run_of_mapping_apply_uses_only_the_mappings_of_the_file(calscim, tmp_path):
    calscim("mapping", "add", *EXCLUSIVE)
    file = tmp_path / "mappings.toml"
    file.write_text('[[mapping]]\ngroup = "Sales"\nteam = "Engineering"\nmode = "managed"\n')

    ran = calscim("mapping", "apply", str(file), "--dry-run", "--json")

    assert (ran.code, removals(ran)) == (0, [])
    assert "1 change planned for now would not be made" in ran.err
    assert calscim("mapping", "apply", str(file), "--dry-run", "--yes").code == 64


def test_a_file_with_mistakes_is_refused_before_planning(calscim, tmp_path):
    file = tmp_path / "mappings.toml"
    file.write_text('[[mapping]]\ngroup = "Sales"\nteam = "Slaes"\nmode = "managed"\n')

    ran = calscim("plan", "--with", str(file))

    assert ran.code == 1
    assert "mapping 1: " in ran.err
    assert "did you mean Sales" in ran.err


def test_a_preview_does_not_offer_a_held_set_for_approval(calscim, calcom):
    for number in range(3):
        calcom.add_person(f"s{number}@acme.example")
        calcom.put_on_team("Sales", f"s{number}@acme.example")

    dry = calscim("mapping", "add", *EXCLUSIVE, "--dry-run")

    assert dry.code == 3
    assert "once the mappings are saved" in dry.out
    assert "calscim approve " not in dry.out
    assert calscim("status", "--json").json["organizations"][0]["held"] == []


def test_mapping_change_to_another_team_replaces_the_mapping(calscim):
    add = ("mapping", "add", "--group", "Sales", "--team", "Sales", "--mode", "exclusive", "--json")
    number = str(calscim(*add).json["id"])
    move = ("mapping", "change", number, "--team", "engineering", "--role", "admin")

    dry = calscim(*move, "--mode", "managed", "--dry-run", "--json")
    assert (dry.code, removals(dry)) == (0, [])  # Sales is no longer exclusive
    assert [row["id"] for row in calscim("mapping", "list", "--json").json] == [int(number)]

    moved = calscim(*move, "--json")
    assert f"mapping {moved.json['id']} replaces mapping {number}" in moved.err
    (left,) = calscim("mapping", "list", "--json").json
    assert left == moved.json
    assert (left["team"], left["role"], left["mode"]) == ("Engineering", "ADMIN", "exclusive")
    assert left["id"] != int(number)


def test_mapping_change_to_a_team_that_the_group_has_already_is_refused(calscim):
    add = ("mapping", "add", "--group", "Sales", "--mode", "managed", "--json")
    number = str(calscim(*add, "--team", "Sales").json["id"])
    calscim(*add, "--team", "Engineering")

    for arguments in ((), ("--dry-run",)):
        ran = calscim("mapping", "change", number, "--team", "Engineering", *arguments)
        assert (ran.code, ran.out) == (1, "")
        assert "is mapped to Engineering already" in ran.err
    assert len(calscim("mapping", "list", "--json").json) == 2


def test_mapping_change_to_the_same_team_keeps_the_mapping(calscim):
    add = ("mapping", "add", "--group", "Sales", "--mode", "managed", "--json")
    number = calscim(*add, "--team", "Sales").json["id"]

    changed = calscim("mapping", "change", str(number), "--team", "sales", "--mode", "observe")

    assert (changed.code, changed.err) == (0, "")
    assert [row["id"] for row in calscim("mapping", "list", "--json").json] == [number]


def test_mapping_change_can_create_the_team(calscim):
    add = ("mapping", "add", "--group", "Sales", "--mode", "managed", "--json")
    number = str(calscim(*add, "--team", "Sales").json["id"])

    ran = calscim("mapping", "change", number, "--team", "Sales EU", "--create-team", "--json")

    assert "Cal.com has no team 'Sales EU': calscim creates it" in ran.err
    assert (ran.json["team"], ran.json["create_team"]) == ("Sales EU", True)


def test_mapping_change_without_a_change_is_refused(calscim):
    assert "add --role, --mode or --team" in calscim("mapping", "change", "1").err
    assert "add --team" in calscim("mapping", "change", "1", "--role", "ADMIN", "--create-team").err
