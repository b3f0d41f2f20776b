"""calscim migrate on an empty database: with three roles, with two, with one, and with a missing one."""

import asyncio
import re
import sys

import asyncpg
import pytest

from tests.support.server import OWNER, PASSWORD, PREFIX, database_of
from tests.support.waiting import until


@pytest.fixture
async def empty(postgres):
    """Create an empty database; return the owner's DSN and the serving role's DSN."""
    admin = await asyncpg.connect(postgres.dsn("postgres", OWNER))
    name = f"{PREFIX}_empty"
    await admin.execute(f"CREATE DATABASE {name}")
    yield postgres.dsn(name, OWNER), postgres.dsn(name)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.fixture
def configured(configuration, empty):
    """Return a function that points the configuration at the empty database; ``migration`` adds the owner's DSN."""

    def configured(*, dsn: str | None = None, migration: bool = True) -> None:
        owner, serving = empty
        lines = f'dsn = "{dsn or serving}"' + (f'\nmigration_dsn = "{owner}"' if migration else "")
        configuration.write_text(
            re.sub(r"dsn = .*", lambda _: lines, configuration.read_text(), count=1)
        )

    return configured


def test_verbs_refuse_an_empty_database_and_name_the_command_to_run(calscim, configured):
    configured()

    ran = calscim("directory", "list")

    assert ran.code == 1
    assert "run `calscim migrate`" in ran.err


def test_a_dry_run_lists_the_migrations_and_applies_none(calscim, configured):
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
    assert ran.json["owner_role"] not in {"calscim", None}
    assert ran.err == ""
    assert calscim("directory", "list").code == 0
    assert calscim("migrate", "--json").json["migrations"] == []


@pytest.fixture
def three(configured, configuration, empty, postgres, run):
    """Configure three roles; return the operators' role."""
    role = f"{PREFIX}_operator"

    async def execute(statement):
        admin = await asyncpg.connect(postgres.dsn("postgres", OWNER))
        await admin.execute(statement)
        await admin.close()

    run(execute(f"DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'"))
    configured()
    dsn = postgres.dsn(database_of(empty[1]), role)
    configuration.write_text(
        configuration.read_text().replace("migration_dsn", f'operator_dsn = "{dsn}"\nmigration_dsn')
    )
    yield role

    async def forget():
        owner = await asyncpg.connect(empty[0])
        await owner.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
        await owner.close()

    run(forget())


def test_migrate_grants_and_explains_three_roles(calscim, three):
    ran = calscim("migrate")
    again = calscim("migrate", "--json").json

    assert ran.code == 0
    assert ran.err == ""
    assert re.search(rf"{three} +all other verbs +edit directories", ran.out)
    assert "own the tables" in ran.out
    assert (again["serving_role"], again["operator_role"]) == ("calscim", three)


def test_verbs_that_edit_use_the_operators_role(calscim, three, configuration):
    calscim("migrate")
    made = ("directory", "create", "--name", "Okta", "--provider", "okta-scim-v2")

    assert calscim(*made).code == 0
    for verb in (
        ("token", "create", "--directory", "Okta", "--name", "two"),
        ("directory", "pause", "Okta"),
        ("directory", "resume", "Okta"),
        ("directory", "list"),
        ("status",),
        ("journal", "verify"),
        ("parked", "list"),
        ("rebuild",),
        ("rebuild", "--check"),
    ):
        assert (verb, calscim(*verb).code) == (verb, 0)
    checks = {one["what"]: one for one in calscim("check", "--json").json["checks"]}
    assert checks["operators' role"]["ok"]
    assert checks["database"]["ok"]

    lines = configuration.read_text().splitlines()
    configuration.write_text("\n".join(line for line in lines if "operator_dsn" not in line))
    refused = calscim("token", "create", "--directory", "Okta", "--name", "three")
    assert refused.code == 1
    assert "database.operator_dsn" in refused.err


def test_the_operators_role_must_differ_from_the_serving_role(calscim, three, configuration, empty):
    text = configuration.read_text()
    configuration.write_text(re.sub("operator_dsn = .*", f'operator_dsn = "{empty[1]}"', text))

    ran = calscim("migrate")

    assert ran.code == 1
    assert "create a role for operators" in ran.err


def test_a_single_role_for_owner_and_daemon_gets_a_warning(calscim, configured, empty):
    configured(dsn=empty[0], migration=False)

    ran = calscim("migrate")

    assert ran.code == 0
    assert "A second role is safer" in ran.err


def test_a_dry_run_does_not_say_that_rights_were_revoked(calscim, configured, empty):
    configured(dsn=empty[0], migration=False)

    ran = calscim("migrate", "--dry-run")

    assert (ran.code, ran.err) == (0, "")


def test_a_missing_serving_role_is_named_with_the_statement_that_creates_it(
    calscim, configured, empty
):
    configured(dsn=empty[1].replace("//calscim", "//some-one"))

    ran = calscim("migrate")

    assert ran.code == 1
    assert 'CREATE ROLE "some-one" LOGIN' in ran.err


@pytest.fixture
def later(database, run):
    """Return a function that migrates as a later release; ``oldest``: the oldest schema version that still works with it."""

    def later(oldest: int = 1) -> None:
        async def migrated() -> None:
            owner = await asyncpg.connect(database.owner_dsn)
            await owner.execute(
                "INSERT INTO calscim.schema_version (version, name, oldest_compatible) VALUES (9999, 'later', $1)",
                oldest,
            )
            await owner.close()

        run(migrated())

    return later


def test_verbs_work_with_a_schema_that_a_later_release_extended(calscim, later):
    later()

    assert calscim("directory", "list").code == 0
    assert calscim("rebuild", "--check").code == 0
    check = next(
        one for one in calscim("check", "--json").json["checks"] if one["what"] == "database"
    )
    assert check["ok"] and "schema 9999, newer than this release's" in check["detail"]


def test_verbs_refuse_a_schema_that_no_longer_supports_this_release(calscim, later):
    later(oldest=9998)

    ran = calscim("directory", "list")

    assert ran.code == 1
    assert "install a later release" in ran.err
    assert '"ok": false' in calscim("check", "--json").out.replace('"ok":false', '"ok": false')


@pytest.mark.parametrize("verb", [("migrate",), ("migrate", "--dry-run"), ("rebuild",)])
def test_maintenance_verbs_refuse_the_schema_of_a_later_release(calscim, later, verb):
    later()

    ran = calscim(*verb)

    assert ran.code == 1
    assert "use the release that migrated the database" in ran.err


async def test_sigterm_rolls_back_the_migration_under_way(configured, configuration, empty):
    configured()
    other = await asyncpg.connect(empty[0])
    watcher = await asyncpg.connect(empty[0])
    blocking = other.transaction()
    await blocking.start()
    await other.execute("CREATE SCHEMA calscim")  # the migration waits for this transaction
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "calscim", "--config", str(configuration), "migrate"),
        stderr=asyncio.subprocess.PIPE,
    )
    await until(lambda: watcher.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"))

    started.terminate()

    _, message = await asyncio.wait_for(started.communicate(), 60)
    await blocking.rollback()
    assert started.returncode == 143
    assert message.decode().split(".")[0] == "calscim: stopped before it was done"
    assert await watcher.fetchval("SELECT to_regnamespace('calscim') IS NULL")
    await other.close()
    await watcher.close()
