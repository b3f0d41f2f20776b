"""calscim console: list the open sessions and end them."""

import asyncio

import pytest

from calscim.admin.console_access import ConsoleRole, begin_session, create_link
from calscim.encryption import PLAIN
from calscim.postgres.pool import Database


@pytest.fixture
def signed_in(configuration, database):
    """Sign in ann twice and bob once, and print a link for ann."""
    configuration.write_text(configuration.read_text() + "[console]\n")

    async def sign_in():
        db = await Database.open(database.dsn, cipher=PLAIN)
        for person, role in (("ann@acme.example", "admin"), ("bob", "viewer")):
            await begin_session(db, person, ConsoleRole(role), "oidc", 3600, None)
        await begin_session(db, "ann@acme.example", ConsoleRole.ADMIN, "link", 3600, None)
        await create_link(db, "ann@acme.example", ConsoleRole.ADMIN)
        await db.close()

    asyncio.run(sign_in())


def test_sessions_are_listed_and_ended_by_person_and_by_id(calscim, signed_in):
    listed = calscim("console", "sessions", "--json").json
    ended = calscim("console", "end-sessions", "ann@acme.example")
    one = calscim("console", "end-sessions", "--session", str(listed[2]["id"]), "--json").json

    assert [(row["person"], row["method"]) for row in listed] == [
        ("ann@acme.example", "oidc"),
        ("ann@acme.example", "link"),
        ("bob", "oidc"),
    ]
    assert ended.out == "ended 2 sessions of ann@acme.example, and deleted 1 unused link\n"
    assert (one["sessions"][0]["person"], one["links"]) == ("bob", 0)
    assert calscim("console", "sessions").out == "no person is signed in to the console\n"
    assert "session.end" in calscim("journal", "tail").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("bo",), "there is no open session of 'bo': did you mean bob?"),
        (("--session", "99"), "session 99 is not open"),
    ],
)
def test_what_is_not_open_cannot_be_ended(calscim, signed_in, arguments, said):
    ran = calscim("console", "end-sessions", *arguments)

    assert ran.code == 1
    assert said in ran.err


def test_without_a_console_there_are_no_sessions(calscim):
    ran = calscim("console", "sessions")

    assert ran.code == 1
    assert "no console is configured" in ran.err
