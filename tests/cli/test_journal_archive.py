"""calscim journal archive, and what other verbs say about archived rows."""

import json
from pathlib import Path

import asyncpg
import pytest

AGED = """
DO $$
DECLARE r record; before bytea := decode(repeat('00', 32), 'hex'); moment timestamptz;
BEGIN
    FOR r IN SELECT * FROM calscim.journal WHERE stream = '@acme' ORDER BY seq LOOP
        moment := '2020-03-15Z'::timestamptz + r.seq * interval '1 second';
        UPDATE calscim.journal j SET at = moment, prev_hash = before, hash = sha256(before || convert_to(
            calscim.journal_header(stream, seq, moment, kind, request_id, method, path, status, remote, token_id,
                resource_type, resource_id, body_digest, effect_digest), 'UTF8'))
        WHERE stream = '@acme' AND seq = r.seq RETURNING hash INTO before;
    END LOOP;
    UPDATE calscim.journal_heads SET hash = before, at = moment WHERE stream = '@acme';
END $$
"""


@pytest.fixture
def old(okta, database, run, configuration: Path) -> dict[str, str]:
    """A directory whose journal rows date from March 2020; the configuration has the owner's DSN."""

    async def age() -> None:
        owner = await asyncpg.connect(database.owner_dsn)
        await owner.execute("SET session_replication_role = replica")
        await owner.execute(AGED)
        await owner.close()

    run(age())
    text = configuration.read_text()
    configuration.write_text(
        text.replace("[database]\n", f'[database]\nmigration_dsn = "{database.owner_dsn}"\n')
    )
    return okta


def test_after_a_month_is_archived_the_journal_still_verifies(calscim, old, tmp_path):
    ran = calscim("journal", "archive", "2020-03", "--to", str(tmp_path), "--json")

    (month,) = ran.json
    assert (ran.code, month["month"], month["rows"]) == (0, "2020-03", 2)
    verdict = calscim("journal", "verify", "--archive", str(tmp_path), "--json").json
    assert (verdict["ok"], verdict["rows"]) == (True, 1)
    assert verdict["archives"] == {"files": 1, "rows": 2}
    assert calscim("rebuild", "--check").code == 0
    assert calscim("rebuild", "--check", "--archive", month["file"]).code == 0


@pytest.mark.parametrize("answer", [b"y\n", b"n\n"])
def test_a_terminal_is_asked_before_a_month_leaves_the_database(
    terminal, calscim, old, tmp_path, answer
):
    code, out, shown = terminal.run(
        "journal", "archive", "--keep", "12", "--to", str(tmp_path), answer=answer
    )

    assert f"moves 2020-03 of the journal out of the database, into {tmp_path}" in shown
    assert code == (0 if answer == b"y\n" else 1)
    assert ("2020-03" in out) is (answer == b"y\n")
    assert list(tmp_path.glob("*.gz")) == [
        tmp_path / "journal-2020-03.jsonl.gz" for _ in out.splitlines()[1:]
    ]


def test_keep_archives_all_but_the_latest_months(calscim, old, tmp_path):
    ran = calscim("journal", "archive", "--keep", "12", "--to", str(tmp_path), "--json")

    assert [month["month"] for month in ran.json] == ["2020-03"]
    again = calscim("journal", "archive", "--keep", "12", "--to", str(tmp_path))
    assert (again.code, again.out.strip()) == (0, "there is no month to archive")


def test_show_and_export_name_the_file_of_archived_rows(calscim, old, tmp_path):
    calscim("journal", "archive", "2020-03", "--to", str(tmp_path))

    one = calscim("journal", "show", "2", "--organization", "acme")
    everything = calscim("journal", "export")

    assert one.code == 1
    assert "was archived: it is in journal-2020-03.jsonl.gz" in one.err
    assert [json.loads(line)["seq"] for line in everything.out.splitlines()] == [3]
    assert "earlier rows are not in this export" in everything.err
    assert "in journal-2020-03.jsonl.gz. Keep these files with the export" in everything.err
    assert everything.code == 7
    assert calscim("journal", "export", "--partial").code == 0
    later = calscim("journal", "export", "--since", "2021-01-01")
    assert (later.code, later.err) == (0, "")


def test_a_file_that_was_changed_is_refused(calscim, old, tmp_path):
    calscim("journal", "archive", "2020-03", "--to", str(tmp_path))
    (tmp_path / "journal-2020-03.jsonl.gz").write_bytes(b"eve")

    assert calscim("journal", "verify", "--archive", str(tmp_path)).code == 1
    assert calscim("rebuild", "--check", "--archive", str(tmp_path)).code == 1


def test_a_missing_file_is_named(calscim, old, tmp_path):
    calscim("journal", "archive", "2020-03", "--to", str(tmp_path))
    (tmp_path / "other").mkdir()

    for verb in (("journal", "verify"), ("rebuild", "--check")):
        ran = calscim(*verb, "--archive", str(tmp_path / "other"))
        assert ran.code == 1
        assert "journal-2020-03.jsonl.gz is not among" in ran.err


def test_archiving_with_the_serving_role_is_refused_with_what_to_set(
    calscim, old, configuration, tmp_path
):
    lines = configuration.read_text().splitlines()
    configuration.write_text("\n".join(line for line in lines if "migration_dsn" not in line))

    ran = calscim("journal", "archive", "2020-03", "--to", str(tmp_path))

    assert ran.code == 1
    assert "set database.migration_dsn" in ran.err


@pytest.mark.parametrize("arguments", [(), ("2020-03", "--keep", "1"), ("--keep", "-1")])
def test_archive_requires_either_a_month_or_keep(calscim, okta, tmp_path, arguments):
    assert calscim("journal", "archive", *arguments, "--to", str(tmp_path)).code == 1
