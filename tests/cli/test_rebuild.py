"""calscim membership and calscim rebuild, which read the journal alone."""

import json
import uuid

import pytest

from calscim.directory import resources
from calscim.directory.resources import GroupState, MemberChange, UserState
from calscim.journal.append import Origin
from calscim.postgres.pool import Database

ANN, BOB, SALES = (uuid.UUID(int=number) for number in (1, 2, 3))


@pytest.fixture
def pushed(okta, database, run) -> str:
    """Put ann in Sales, then bob instead; return a time between the two."""
    origin = Origin(okta["id"], "r")

    async def push() -> str:
        async with await Database.open(database.dsn) as db:
            for key, name in ((ANN, "ann@acme.example"), (BOB, "bob@acme.example")):
                state = UserState(name, None, name, (name,), True, json.dumps({"userName": name}))
                await resources.create_user(db, origin, key, state, "")
            group = GroupState("Sales", None, '{"displayName": "Sales"}')
            await resources.create_group(
                db, origin, SALES, group, MemberChange(frozenset([ANN])), ""
            )
            between = await db.fetchval(
                "SELECT max(at) FROM calscim.journal WHERE stream = $1", okta["id"]
            )
            change = MemberChange(frozenset([BOB]), frozenset([ANN]))
            await resources.update_group(db, origin, SALES, None, change, "")
            return between.isoformat()

    return run(push())


def test_membership_shows_the_members_now_and_at_a_past_time(calscim, pushed):
    now = calscim("membership", "--group", "Sales", "--json").json
    then = calscim("membership", "--group", "Sales", "--at", pushed, "--json").json

    assert [row["user_name"] for row in now] == ["bob@acme.example"]
    assert [set(row) for row in then] == [{"user_id", "user_name", "email", "since"}]
    assert then[0]["user_id"] == str(ANN)


def test_a_group_that_did_not_exist_then_is_refused(calscim, pushed):
    ran = calscim("membership", "--group", "Sales", "--at", "2020-01-01")

    assert ran.code == 1
    assert "there is no group 'Sales'" in ran.err


def test_tables_that_match_the_journal_are_exit_0(calscim, pushed):
    ran = calscim("rebuild", "--check", "--json")

    assert (ran.code, ran.json["same"]) == (0, True)
    assert ran.json["directories"][0]["users"] == 2


def test_tables_that_differ_are_exit_6_until_they_are_rebuilt(calscim, pushed, database, run):
    async def lose() -> None:
        async with await Database.open(database.dsn) as db:
            await db.execute("DELETE FROM calscim.members")

    run(lose())

    assert calscim("rebuild", "--check").code == 6
    assert calscim("rebuild").code == 0
    assert calscim("rebuild", "--check").code == 0
    assert [
        row["user_name"] for row in calscim("membership", "--group", "Sales", "--json").json
    ] == ["bob@acme.example"]


def test_tail_filters_by_person_and_by_group(calscim, pushed):
    def paths(*wanted: str) -> int:
        return len(calscim("journal", "tail", *wanted, "--json").json)

    assert paths("--person", "ANN@acme.example") == 3
    assert paths("--group", "Sales") == 2
    assert "no user has or had the name" in calscim("journal", "tail", "--person", "nobody").err
    assert len(calscim("journal", "export", "--person", "bob@acme.example").out.splitlines()) == 2
    assert calscim("journal", "show", "3", "--json").json["resource_id"] == str(SALES)
