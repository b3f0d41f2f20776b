"""calscim migrate, against an empty database: with two roles, with one, and with one that is missing."""

import re

import asyncpg
import pytest

from tests.server import OWNER


@pytest.fixture
async def empty(postgres):
    """An empty database, as (its owner's DSN, the serving role's DSN)."""
    admin = await asyncpg.connect(postgres.dsn("postgres", OWNER))
    await admin.execute("CREATE DATABASE calscim_test_empty")
    yield postgres.dsn("calscim_test_empty", OWNER), postgres.dsn("calscim_test_empty")
    await admin.execute("DROP DATABASE calscim_test_empty WITH (FORCE)")
    await admin.close()


@pytest.fixture
def configured(configuration, empty):
    """Points the configuration at the empty database; ``migration`` adds the owner's DSN."""

    def configured(*, dsn: str | None = None, migration: bool = True) -> None:
        owner, serving = empty
        lines = f'dsn = "{dsn or serving}"' + (f'\nmigration_dsn = "{owner}"' if migration else "")
        configuration.write_text(
            re.sub(r"dsn = .*", lambda _: lines, configuration.read_text(), count=1)
        )

    return configured


def test_verbs_refuse_an_empty_database_with_what_to_run(calscim, configured):
    configured()

    ran = calscim("directory", "list")

    assert ran.code == 1
    assert "run `calscim migrate`" in ran.err


def test_a_dry_run_says_what_would_be_applied_and_applies_nothing(calscim, configured):
    configured()

    dry = calscim("migrate", "--dry-run", "--json").json

    assert dry["version"] == 0
    assert dry["migrations"][0]["name"] == "initial"
    assert calscim("directory", "list").code == 1


def test_migrating_with_an_owner_lets_the_serving_role_serve(calscim, configured):
    configured()

    ran = calscim("migrate", "--json")

    assert ran.code == 0
    assert ran.json["version"] == ran.json["latest"]
    assert ran.json["serving_role"] == "calscim"
    assert ran.err == ""
    assert calscim("directory", "list").code == 0
    assert calscim("migrate", "--json").json["migrations"] == []


def test_one_role_for_both_is_said_out_loud(calscim, configured, empty):
    configured(dsn=empty[0], migration=False)

    ran = calscim("migrate")

    assert ran.code == 0
    assert "A second role is safer" in ran.err


def test_a_serving_role_that_is_missing_is_named_with_the_statement_that_makes_it(
    calscim, configured, empty
):
    configured(dsn=empty[1].replace("//calscim", "//some-one"))

    ran = calscim("migrate")

    assert ran.code == 1
    assert 'CREATE ROLE "some-one" LOGIN' in ran.err


def test_a_schema_of_a_later_release_is_refused(calscim, database, run):
    async def later() -> None:
        owner = await asyncpg.connect(database.owner_dsn)
        await owner.execute(
            "INSERT INTO calscim.schema_version (version, name) VALUES (9999, 'later')"
        )
        await owner.close()

    run(later())

    ran = calscim("directory", "list")

    assert ran.code == 1
    assert "install the calscim release that made it" in ran.err
