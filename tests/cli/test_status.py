"""calscim status and calscim plan, with a simulated Cal.com."""

import asyncpg

from calscim.postgres.pool import Database
from calscim.reconciler.state import restore_check
from tests.support.acme import EDITOR


def test_status_before_the_first_pass_is_exit_1_only_with_exit_code(calscim, okta):
    assert calscim("status").code == 0
    assert calscim("status", "--exit-code").code == 1


def test_plan_shows_mappings_that_wait_for_a_group(calscim, okta, calcom):
    calscim("mapping", "add", "--group", "Sales EU", "--team", "Sales", "--mode", "managed")

    ran = calscim("plan", "--json")

    [waiting] = ran.json[0]["waiting_mappings"]
    assert (waiting["group"], waiting["team"], waiting["near"]) == ("Sales EU", "Sales", [])
    assert ran.json[0]["held_counts"] == {"sets": 0, "removals": 0}
    assert (
        f"mapping {waiting['id']} waits for a group called 'Sales EU' in Okta, for the team Sales\n"
        in calscim("plan").out
    )


def test_status_reports_a_read_only_database(calscim, okta, database, run):
    run(read_only(database))

    ran = calscim("status", "--json")

    assert not ran.json["database"]["ok"]
    assert "the database takes no change: the database is read-only" in calscim("status").out
    assert calscim("status", "--exit-code").code == 1


def test_a_directory_that_was_paused_after_a_restore_says_why(calscim, okta, database, run):
    run(paused_after_a_restore(database))

    found = calscim("status", "--json").json["directories"][0]
    assert (found["paused"], found["paused_reason"]) == (
        True,
        "the database was restored from a backup",
    )
    name = found["name"]
    assert (
        f"{name} is paused because the database was restored from a backup: "
        in calscim("status").out
    )
    shown = calscim("directory", "show", name, "--json").json
    assert shown["paused_reason"] == "the database was restored from a backup"

    calscim("directory", "pause", name, "--for", "2h")
    assert calscim("directory", "show", name, "--json").json["paused_reason"] is None


async def paused_after_a_restore(database):
    async with await Database.open(database.dsn) as db:
        await restore_check.pause_restored(db, EDITOR, "acme")


async def read_only(database):
    connection = await asyncpg.connect(database.owner_dsn)
    await connection.execute(
        f"ALTER DATABASE {database.name} SET default_transaction_read_only = on"
    )
    await connection.close()
