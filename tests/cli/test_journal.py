"""calscim journal tail, show, export, and verify."""

import hashlib
import json

import asyncpg
import pytest


async def tamper(database, statement: str) -> None:
    """Run the statement as the owner of the database."""
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute("SET session_replication_role = replica")
    await owner.execute(statement)
    await owner.close()


def test_tail_shows_the_last_rows(calscim, okta):
    rows = calscim("journal", "tail", "--json").json

    assert [row["path"] for row in rows] == ["directory.create", "token.create"]
    assert "directory.create" in calscim("journal", "tail").out


def test_tail_takes_no_negative_number_of_rows(calscim):
    ran = calscim("journal", "tail", "-n", "-5")

    assert (ran.code, "'-5' is not a number: write 0 or more" in ran.err) == (64, True)


def test_tail_filters_by_kind_request_time_and_organization(calscim, okta):
    request = calscim("journal", "tail", "--json").json[0]["request_id"]

    def count(*arguments: str) -> int:
        return len(calscim("journal", "tail", "--json", *arguments).json)

    assert count("-n", "1") == 1
    assert count("--request", request) == 2
    assert count("--kind", "scim") == 0
    assert count("--until", "2020-01-01") == 0
    assert count("--since", "2020-01-01T00:00:00Z") == 2
    assert count("--since", "1h") == 2
    assert count("--until", "1h") == 0
    assert count("--organization", "acme") == 2
    assert count("--directory", "Okta") == 0


@pytest.mark.parametrize("verb", ["tail", "export"])
def test_a_period_that_ends_before_it_begins_is_an_error(calscim, verb):
    ran = calscim("journal", verb, "--since", "1h", "--until", "2h")

    assert (ran.code, ran.out) == (1, "")
    assert "exchange them" in ran.err


def test_show_json_has_the_documented_keys(calscim, okta):
    row = calscim("journal", "show", "1", "--organization", "acme", "--json").json

    fields = {
        "seq",
        "at",
        "request_id",
        "kind",
        "method",
        "path",
        "status",
        "resource_id",
        "hash",
        "body",
    }
    assert fields <= row.keys()
    assert json.loads(row["body"])["name"] == "Okta"


def test_show_request_prints_all_rows_of_a_request(calscim, okta):
    request = calscim("journal", "tail", "--json").json[0]["request_id"]

    assert [row["seq"] for row in calscim("journal", "show", request, "--json").json] == [1, 2]


@pytest.mark.parametrize("wanted", ["99", "nobodys-request"])
def test_an_unknown_row_is_refused(calscim, okta, wanted):
    assert calscim("journal", "show", wanted).code == 1


def test_another_program_can_verify_the_chain_from_the_export(calscim, okta):
    calscim("token", "create", "--name", 'a "quoted" näme\t')

    before = bytes(32)
    for line in calscim("journal", "export").out.splitlines():
        row = json.loads(line)
        names = [
            "stream",
            "seq",
            "at",
            "kind",
            "request_id",
            "method",
            "path",
            "status",
            "remote",
            "token_id",
            "resource_type",
            "resource_id",
            "body_digest",
            "effect_digest",
        ]
        header = json.dumps(
            [row[name] for name in names], ensure_ascii=False, separators=(", ", ": ")
        )
        assert hashlib.sha256((row["body"] or "").encode()).hexdigest() == row["body_digest"]
        assert hashlib.sha256(before + header.encode()).hexdigest() == row["hash"]
        before = bytes.fromhex(row["hash"])


def test_verify_accepts_an_intact_journal(calscim, okta):
    ran = calscim("journal", "verify", "--json")

    assert ran.code == 0
    assert (ran.json["ok"], ran.json["rows"], ran.json["broken"]) == (True, 2, [])


@pytest.mark.parametrize(
    ("statement", "seq", "why"),
    [
        ("UPDATE calscim.journal SET remote = 'eve' WHERE seq = 2", 2, "was changed"),
        ("UPDATE calscim.journal SET body = 'x' WHERE seq = 2", 2, "a body that does not match"),
        (
            "UPDATE calscim.journal SET effect = NULL WHERE seq = 3",
            3,
            "an effect that does not match",
        ),
        ("DELETE FROM calscim.journal WHERE seq = 2", 2, "is missing"),
        ("DELETE FROM calscim.journal WHERE seq = 3", 3, "is missing"),
        ("DELETE FROM calscim.journal WHERE seq = 1", 1, "is missing"),
        ("UPDATE calscim.journal SET prev_hash = sha256('') WHERE seq = 2", 2, "does not continue"),
        (
            "UPDATE calscim.journal_heads SET seq = 2 WHERE stream = '@acme'",
            3,
            "does not agree with the head",
        ),
        ("DELETE FROM calscim.journal_heads WHERE stream = '@acme'", 3, "head is missing"),
    ],
)
def test_verify_names_the_first_row_that_was_tampered_with(
    calscim, okta, database, run, statement, seq, why
):
    calscim("token", "create", "--name", "third")
    run(tamper(database, statement))

    ran = calscim("journal", "verify", "--json")

    assert ran.code == 5
    assert not ran.json["ok"]
    assert [(one["stream"], one["seq"]) for one in ran.json["broken"]] == [("@acme", seq)]
    assert why in ran.json["broken"][0]["why"]


def test_verify_prints_no_table_when_every_journal_is_broken(calscim, okta, database, run):
    run(tamper(database, "DELETE FROM calscim.journal WHERE seq = 1"))

    ran = calscim("journal", "verify")

    assert ran.code == 5
    assert ran.out.endswith("rows, 0 journals intact, 1 broken\n")


def test_verify_against_a_checkpoint_finds_a_rewritten_chain(
    calscim, okta, database, run, tmp_path
):
    checkpoint = tmp_path / "checkpoint.json"
    checkpoint.write_text(calscim("journal", "verify", "--json").out)
    run(
        tamper(
            database,
            "TRUNCATE calscim.journal; DELETE FROM calscim.journal_heads WHERE stream = '@acme'",
        )
    )
    calscim("token", "create", "--name", "forged")
    calscim("token", "create", "--name", "forged too")
    assert calscim("journal", "verify").code == 0

    ran = calscim("journal", "verify", "--against", str(checkpoint))

    assert ran.code == 5
    assert "the chain was rewritten" in ran.out


def test_verify_against_a_checkpoint_finds_a_deleted_journal(
    calscim, okta, database, run, tmp_path
):
    checkpoint = tmp_path / "checkpoint.json"
    checkpoint.write_text(calscim("journal", "verify", "--json").out)
    run(
        tamper(
            database,
            "TRUNCATE calscim.journal; DELETE FROM calscim.journal_heads WHERE stream = '@acme'",
        )
    )

    assert calscim("journal", "verify", "--against", str(checkpoint)).code == 5


def test_verify_compares_every_line_of_the_checkpoint_file(calscim, okta, database, run, tmp_path):
    """The last checkpoint agrees with the forgery, because the daemon continued to publish; an earlier one does not."""
    kept = tmp_path / "heads.jsonl"
    kept.write_text(json.dumps(calscim("journal", "verify", "--json").json) + "\n")
    run(
        tamper(
            database,
            "TRUNCATE calscim.journal; DELETE FROM calscim.journal_heads WHERE stream = '@acme'",
        )
    )
    for name in ("forged", "too", "three"):
        calscim("token", "create", "--name", name)
    with kept.open("a") as file:
        file.write(json.dumps(calscim("journal", "verify", "--json").json) + "\n")

    ran = calscim("journal", "verify", "--against", str(kept), "--json")

    assert ran.code == 5
    assert [(one["stream"], one["seq"]) for one in ran.json["broken"]] == [("@acme", 2)]
    assert ran.json["heads"] == []


def test_export_writes_ocsf_one_event_a_line(calscim, okta):
    ran = calscim("journal", "export", "--format", "ocsf", "--since", "1h")

    created, token = map(json.loads, ran.out.splitlines())
    assert ran.code == 0
    assert (created["class_uid"], created["type_name"]) == (3004, "Entity Management: Create")
    assert created["entity"] == {"name": "Okta", "uid": okta["id"], "type": "Directory"}
    assert token["entity"]["name"] == "first"
    assert okta["token"] not in ran.out
    assert calscim("journal", "export", "--format", "ocsf", "--until", "1h").out == ""


def test_the_bodies_of_rows_are_not_part_of_ocsf(calscim, okta):
    ran = calscim("journal", "export", "--format", "ocsf", "--stored")

    assert (ran.code, ran.out) == (1, "")
    assert "leave out --format ocsf" in ran.err
