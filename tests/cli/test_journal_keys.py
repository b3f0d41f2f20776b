"""calscim journal with encrypted bodies: readable with the key, verifiable without it."""

import base64
import hashlib
import json

import asyncpg
import pytest

from calscim.encryption import encrypted_with, key_id


@pytest.fixture
def keyed(configuration, tmp_path):
    """Return a function that writes key files and names them in the configuration: the present key, then old ones."""
    plain = configuration.read_text()

    def keyed(present: bytes | None, *old: bytes) -> None:
        for key in {*old, *([present] if present else [])}:
            (tmp_path / key_id(key)).write_text(base64.b64encode(key).decode())
        lines = ["[journal]"]
        if present:
            lines.append(f'encryption_key_file = "{key_id(present)}"')
        if old:
            lines.append(f"old_key_files = {json.dumps([key_id(key) for key in old])}")
        configuration.write_text("\n".join([plain, *lines, ""]))

    return keyed


ONE, TWO = hashlib.sha256(b"1").digest(), hashlib.sha256(b"2").digest()


@pytest.fixture
def rotated(calscim, okta, keyed) -> None:
    """Store rows 1 and 2 unencrypted, row 3 encrypted with ONE, and row 4 with TWO, the present key."""
    keyed(ONE)
    assert calscim("token", "create", "--name", "third").code == 0
    keyed(TWO, ONE)
    assert calscim("token", "create", "--name", "fourth").code == 0


def exported(calscim, *arguments: str) -> list[dict]:
    ran = calscim("journal", "export", *arguments)
    assert ran.code == 0
    return [json.loads(line) for line in ran.out.splitlines()]


def test_journal_key_prints_only_the_key_and_the_key_works(calscim, keyed):
    ran = calscim("journal", "key")
    again = calscim("journal", "key", "--json").json

    key = base64.b64decode(ran.out.strip(), validate=True)
    assert len(key) == 32
    assert key_id(key) in ran.err
    assert ran.out.strip() not in ran.err
    assert again["id"] == key_id(base64.b64decode(again["key"])) != key_id(key)
    keyed(key)
    assert key_id(key) in calscim("check").out


def test_bodies_of_the_present_and_of_old_keys_are_shown(calscim, rotated):
    rows = exported(calscim)

    assert [row.get("encrypted_with") for row in rows] == [None, None, key_id(ONE), key_id(TWO)]
    assert [json.loads(row["body"])["name"] for row in rows[2:]] == ["third", "fourth"]
    assert calscim("journal", "tail", "--json").json == rows
    assert calscim("journal", "show", "3", "--organization", "acme", "--json").json == rows[2]
    assert "third" in calscim("journal", "show", "3", "--organization", "acme").out


def test_the_table_has_encrypted_bodies_and_unencrypted_effects(rotated, database, run):
    async def read() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(database.dsn)
        found = await connection.fetch("SELECT body, effect FROM calscim.journal ORDER BY seq")
        await connection.close()
        return found

    rows = run(read())

    assert [encrypted_with(row["body"]) for row in rows] == [None, None, key_id(ONE), key_id(TWO)]
    assert b"third" not in rows[2]["body"]
    assert (
        b"third" in rows[2]["effect"]
    )  # what the tables are made of stands there as in the tables


def test_the_chain_verifies_without_keys(calscim, rotated, keyed):
    keyed(None)

    assert calscim("journal", "verify").code == 0


def test_a_row_whose_key_is_missing_is_shown_with_an_error_that_names_the_key(
    calscim, rotated, keyed
):
    keyed(ONE)

    ran = calscim("journal", "show", "4", "--organization", "acme", "--json")

    assert ran.code == 1
    assert f"row 4 of @acme: a body was encrypted with the key {key_id(TWO)}" in ran.err
    assert "journal.old_key_files" in ran.err
    assert (ran.json["seq"], ran.json["body"], ran.json["missing_key"]) == (4, None, key_id(TWO))
    assert key_id(TWO) in calscim("journal", "show", "4", "--organization", "acme").out


def test_an_export_without_a_key_continues_and_names_the_missing_key(calscim, rotated, keyed):
    keyed(TWO)

    assert calscim("journal", "export").code == 7
    rows = exported(calscim, "--partial")

    assert [row["body"] is None for row in rows] == [False, False, True, False]
    assert rows[2]["missing_key"] == key_id(ONE)
    assert "missing_key" not in rows[3]
    assert f"1 row without a body: a body was encrypted with the key {key_id(ONE)}" in (
        calscim("journal", "export").err
    )
    assert calscim("journal", "tail", "--json").json == rows


def test_without_a_present_key_old_bodies_are_readable_and_new_ones_unencrypted(
    calscim, rotated, keyed
):
    keyed(None, ONE, TWO)
    calscim("token", "create", "--name", "fifth")

    rows = exported(calscim)

    assert "encrypted_with" not in rows[4]
    assert [json.loads(row["body"])["name"] for row in rows[2:]] == ["third", "fourth", "fifth"]


def test_a_stored_export_needs_no_key_and_matches_the_digests(calscim, rotated, keyed):
    keyed(None)

    rows = exported(calscim, "--stored")

    for row in rows:
        body = row["body"].encode() if row["body"] else base64.b64decode(row["body_base64"])
        assert hashlib.sha256(body).hexdigest() == row["body_digest"]
    assert [row.get("encrypted_with") for row in rows] == [None, None, key_id(ONE), key_id(TWO)]


def test_a_body_that_was_tampered_with_is_an_error_of_its_row(calscim, rotated, database, run):
    async def tamper() -> None:
        owner = await asyncpg.connect(database.owner_dsn)
        await owner.execute("SET session_replication_role = replica")
        await owner.execute(
            "UPDATE calscim.journal SET body = set_byte(body, 40, get_byte(body, 40) # 1) WHERE seq = 3"
        )
        await owner.close()

    run(tamper())

    assert ["unreadable" in row for row in exported(calscim, "--partial")] == [
        False,
        False,
        True,
        False,
    ]
    ran = calscim("journal", "show", "3", "--organization", "acme")
    assert ran.code == 1
    assert "was changed since it was encrypted" in ran.err


def test_journal_keys_lists_the_required_keys(calscim, rotated, keyed):
    three = hashlib.sha256(b"3").digest()
    keyed(TWO, three)

    found = {row["id"]: row for row in calscim("journal", "keys", "--json").json}

    assert {name: (row["state"], row["rows"]) for name, row in found.items()} == {
        None: ("not encrypted", 2),
        key_id(ONE): ("missing", 1),
        key_id(TWO): ("present", 1),
        key_id(three): ("old", 0),
    }
    assert found[key_id(ONE)]["last"] < found[key_id(TWO)]["first"]
    assert "missing" in calscim("journal", "keys").out


def test_check_shows_whether_bodies_are_encrypted_and_with_which_key(calscim, okta, keyed):
    def journal_check() -> dict:
        checks = calscim("check", "--json").json["checks"]
        return next(check for check in checks if check["what"] == "journal")

    assert "not encrypted" in journal_check()["detail"]
    keyed(TWO, ONE)
    assert journal_check()["detail"] == (
        f"bodies are encrypted with the key {key_id(TWO)}; 1 old key decrypts older bodies"
    )
    keyed(None, TWO)
    assert (
        f"not encrypted; old keys decrypt older bodies: {key_id(TWO)}" in journal_check()["detail"]
    )


def test_check_warns_of_rows_that_another_daemon_encrypted_with_an_unknown_key(
    calscim, rotated, keyed
):
    assert calscim("check", "--json").json["checks"][2]["warning"] == ""
    keyed(ONE)

    ran = calscim("check", "--json")

    assert key_id(TWO) in ran.json["checks"][3]["warning"]
    assert f"warning: journal: a body was encrypted with the key {key_id(TWO)}" in ran.err


@pytest.mark.parametrize("verb", [("serve",), ("journal", "export"), ("token", "list")])
def test_an_unreadable_key_file_is_a_configuration_error_of_every_verb(
    calscim, okta, configuration, verb
):
    configuration.write_text(
        configuration.read_text() + '[journal]\nencryption_key_file = "gone.key"\n'
    )

    ran = calscim(*verb)

    assert ran.code == 78
    assert "journal.encryption_key_file" in ran.err
    assert "gone.key cannot be read" in ran.err


def test_erase_is_refused_while_a_body_cannot_be_decrypted(
    calscim, rotated, configuration, database, keyed
):
    keyed(TWO)
    text = configuration.read_text()
    configuration.write_text(
        text.replace("[database]\n", f'[database]\nmigration_dsn = "{database.owner_dsn}"\n')
    )

    ran = calscim("erase", "ann@acme.example", "--yes")

    assert ran.code == 1
    assert key_id(ONE) in ran.err
