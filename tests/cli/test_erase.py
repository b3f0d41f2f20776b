"""calscim erase: the preview, the erasure, and refusals."""

import json
from pathlib import Path

import asyncpg
import pytest

ANN = "ann@acme.example"
PUSHED = """
SELECT * FROM calscim.apply_changes(
    $1, '{user.create}', '{scim}', '{r}', '{POST}', '{/Users}', '{""}', '{NULL}', ARRAY[$2::bytea],
    ARRAY[jsonb_build_object(
        'id', '11111111-2222-3333-4444-555555555555', 'user_name', 'ann@acme.example', 'key', 'ann@acme.example',
        'external_id', '00uann', 'email', 'ann@acme.example', 'emails', '{ann@acme.example}', 'active', $3::boolean,
        'managed', true, 'source', 'provider', 'data', '{"userName": "ann@acme.example"}'::jsonb, 'base', '')::text])
"""


@pytest.fixture
def pushed(okta, database, run, configuration: Path):
    """Return a function that pushes ann, active or not; the configuration has the owner's DSN."""
    text = configuration.read_text()
    configuration.write_text(
        text.replace("[database]\n", f'[database]\nmigration_dsn = "{database.owner_dsn}"\n')
    )

    def pushed(*, active: bool) -> None:
        async def push() -> None:
            connection = await asyncpg.connect(database.dsn)
            body = json.dumps({"userName": ANN}).encode()
            await connection.execute(PUSHED, okta["id"], body, active)
            await connection.close()

        run(push())

    return pushed


def test_without_yes_the_erasure_is_only_shown(calscim, pushed):
    pushed(active=False)

    ran = calscim("erase", ANN, "--json")

    assert ran.code == 0
    assert (ran.json["erased"], ran.json["name"]) == (False, "erased-11111111")
    assert ran.json["identifiers"] == ["00uann", ANN]
    assert ran.json["journal"]["rows"] == 1
    assert ANN in calscim("journal", "export").out
    assert "add --yes" in calscim("erase", ANN).out


@pytest.mark.parametrize("answer", [b"y\n", b"n\n"])
def test_a_terminal_is_asked_after_the_preview(terminal, calscim, pushed, answer):
    pushed(active=False)

    code, out, shown = terminal.run("erase", ANN, answer=answer)

    assert code == 0
    assert out.count("stays: SCIM ids") == 1
    assert "This erases the data above for good.\nContinue? [y/N]" in shown
    assert ("erased. Erase the data from backups" in out) is (answer == b"y\n")
    assert ("nothing was changed" in out) is (answer == b"n\n")
    assert (ANN in calscim("journal", "export").out) is (answer == b"n\n")


def test_with_yes_the_data_is_erased_and_the_journal_verifies(calscim, pushed):
    pushed(active=False)

    ran = calscim("erase", ANN, "--yes")

    assert ran.code == 0
    assert "erased" in ran.out
    exported = calscim("journal", "export").out
    assert ANN not in exported
    assert "00uann" not in exported
    assert calscim("journal", "verify").code == 0
    assert calscim("rebuild", "--check").code == 0
    assert calscim("erase", ANN, "--yes").code == 1
    again = calscim("erase", "11111111-2222-3333-4444-555555555555", "--yes")
    assert (again.code, again.out.strip()) == (0, "nothing is left to erase")


def test_erase_shows_what_stays_and_why(calscim, pushed):
    pushed(active=False)

    looked = calscim("erase", ANN, "--json").json
    shown = calscim("erase", ANN).out

    assert looked["stays"]["why"].keys() >= {"paths", "users", "archives", "ids"}
    assert looked["stays"]["archives"] is None
    [user] = looked["users"]
    assert (user["user_name"], user["directory_name"]) == (ANN, "Okta")
    assert looked["journal"]["streams"] == {user["directory"]: {"body": [1], "effect": [1]}}
    assert "they prove the journal" in shown


def test_show_marks_an_erased_row(calscim, okta, pushed):
    pushed(active=False)
    calscim("erase", ANN, "--yes")

    row = calscim("journal", "show", "1", "--directory", "Okta", "--json").json

    assert (row["body"], row["effect"], row["erased"]) == (None, None, ["body", "effect"])
    assert "erased" in calscim("journal", "show", "1", "--directory", "Okta").out
    assert "erased" not in calscim("journal", "show", "1", "--organization", "acme", "--json").json


def test_an_active_user_is_refused_with_what_to_do(calscim, pushed):
    pushed(active=True)

    ran = calscim("erase", ANN, "--yes")

    assert ran.code == 1
    assert "deactivate or delete them in the identity provider first" in ran.err


def test_erasing_with_the_serving_role_is_refused_with_what_to_set(calscim, pushed, configuration):
    pushed(active=False)
    lines = configuration.read_text().splitlines()
    configuration.write_text("\n".join(line for line in lines if "migration_dsn" not in line))

    ran = calscim("erase", ANN, "--yes")

    assert ran.code == 1
    assert "set database.migration_dsn" in ran.err


def test_an_unknown_person_is_refused(calscim, pushed):
    ran = calscim("erase", "who@acme.example", "--yes")

    assert ran.code == 1
    assert "no person is or was known as" in ran.err
