"""Each Postgres role may do its own part and nothing of the others'."""

import asyncpg
import pytest

from calscim import admin
from calscim.admin import approvals
from calscim.planner.safeguards.holds import HoldSet
from calscim.postgres import grants, health, migrations
from calscim.postgres.pool import Database
from calscim.reconciler.state import holds
from tests.support.acme import ANN, EDITOR, Acme
from tests.support.server import OWNER, PREFIX

OPERATOR = f"{PREFIX}_operator"
PASSWORD = "calscim-test-operator"
MAY_NOT_SERVE = [
    "INSERT INTO calscim.tokens (directory_id, name, digest) VALUES ('x', 'x', 'x')",
    "UPDATE calscim.tokens SET revoked_at = NULL",
    "UPDATE calscim.tokens SET expires_at = NULL",
    "DELETE FROM calscim.tokens",
    "INSERT INTO calscim.directories (id, organization, name, provider) VALUES ('aaaaaaaa', 'acme', 'x', 'x')",
    "UPDATE calscim.directories SET deleted_at = now()",
    "INSERT INTO calscim.mappings (directory_id, group_name, team_name, role, mode, seq) VALUES ('x','x','x','x','x',1)",
    "UPDATE calscim.mappings SET role = 'OWNER'",
    "UPDATE calscim.mappings SET mode = 'exclusive'",
    "DELETE FROM calscim.mappings",
    "DELETE FROM calscim.pauses",
    "INSERT INTO calscim.holds (organization, hash, guard, actions, approved_at) VALUES ('a','b','c','[]', now())",
    "INSERT INTO calscim.sync_requests (organization) VALUES ('acme')",
    "UPDATE calscim.schema_version SET version = 0",
    "UPDATE calscim.opening_balances SET state = ''",
    "DELETE FROM calscim.journal_archives",
    "UPDATE calscim.journal SET status = 1",
    "DELETE FROM calscim.journal_default",
    "TRUNCATE calscim.users",
    "CREATE TABLE calscim.mine ()",
]
MAY_NOT_OPERATE = [
    "INSERT INTO calscim.users OVERRIDING SYSTEM VALUE SELECT * FROM calscim.users",
    "UPDATE calscim.users SET active = false",
    "DELETE FROM calscim.members",
    "UPDATE calscim.account_links SET cal_user_id = 1",
    "DELETE FROM calscim.ledger",
    "UPDATE calscim.leases SET holder = 'x'",
    "DELETE FROM calscim.tokens",
    "DELETE FROM calscim.directories",
    "UPDATE calscim.parked_actions SET email = 'x'",
    "UPDATE calscim.journal SET status = 1",
    "DELETE FROM calscim.journal",
    "TRUNCATE calscim.tokens",
    "UPDATE calscim.schema_version SET version = 0",
    "CREATE TABLE calscim.mine ()",
]
NEITHER = [
    "CREATE TEMP TABLE mine ()",
    "SELECT calscim.journal_erase('@acme', 1)",
    "SELECT calscim.journal_erasure_covers('@acme', 1, true, true)",
    "SELECT calscim.journal_drop_partition('journal_2020_01')",
    "SELECT calscim.journal_move_default_rows()",
    "SELECT calscim.journal_create_partition('journal_2020_01', '2020-01-01', '2020-02-01')",
    "SELECT calscim.journal_copy_privileges('journal_default')",
]


@pytest.fixture
async def three(database, postgres, owner):
    """(serving, operator): databases opened by the two roles that `calscim migrate` set up beside the owner."""
    admin_connection = await asyncpg.connect(postgres.dsn("postgres", OWNER))
    await admin_connection.execute(f"DROP ROLE IF EXISTS {OPERATOR}")
    await admin_connection.execute(f"CREATE ROLE {OPERATOR} LOGIN PASSWORD '{PASSWORD}'")
    await migrations.migrate(owner, "calscim", OPERATOR)
    operator_dsn = postgres.dsn(database.name, OPERATOR)
    if postgres.password:
        operator_dsn = operator_dsn.replace("calscim-test@", f"{PASSWORD}@")
    async with (
        await Database.open(database.dsn) as serving,
        await Database.open(operator_dsn) as operator,
    ):
        yield serving, operator
    await migrations.migrate(owner, "calscim")
    await owner.execute(f"DROP OWNED BY {OPERATOR}")
    await admin_connection.execute(f"DROP ROLE {OPERATOR}")
    await admin_connection.close()


async def refused(db, statement):
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.connection() as connection, connection.transaction():
            await connection.execute(statement)


@pytest.mark.parametrize("statement", [*MAY_NOT_SERVE, *NEITHER])
async def test_the_serving_role_cannot(three, statement):
    await refused(three[0], statement)


@pytest.mark.parametrize("statement", [*MAY_NOT_OPERATE, *NEITHER])
async def test_the_operators_role_cannot(three, statement):
    await refused(three[1], statement)


@pytest.mark.parametrize("statement", NEITHER)
async def test_one_role_beside_the_owner_cannot_maintain_either(database, owner, statement):
    await migrations.migrate(owner, "calscim")
    async with await Database.open(database.dsn) as db:
        await refused(db, statement)


async def test_the_serving_role_serves_and_lacks_nothing(three):
    serving, operator = three
    okta = await admin.create_directory(
        operator, EDITOR, organization="acme", name="Okta", provider="okta-scim-v2"
    )

    acme = Acme(serving, okta)
    await acme.happen()
    await acme.deactivate()
    await acme.done_in_calcom()

    async with serving.connection() as connection:
        assert await health.refusal(connection) is None
        assert await health.refused_write(connection) is None
    assert await serving.fetchval("SELECT count(*) FROM calscim.users WHERE email = $1", ANN) == 1
    await serving.fetch("SELECT * FROM calscim.journal_create_partitions(1)")


async def test_operators_edit_and_approve_and_the_serving_role_does_not(three):
    serving, operator = three
    okta = await admin.create_directory(
        operator, EDITOR, organization="acme", name="Okta", provider="okta-scim-v2"
    )
    _, token = await admin.create_token(operator, EDITOR, okta, name="t")
    await admin.pause(
        operator, EDITOR, organization="acme", scope="directory", target=okta.id, seconds=None
    )
    await admin.resume(operator, EDITOR, organization="acme", scope="directory", target=okta.id)
    await holds.store(serving, "acme", HoldSet("f" * 16, "a limit", ()))

    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="may not approve"):
        await holds.approve(serving, "acme", "f" * 16)
    approved = await approvals.approve(operator, EDITOR, "acme", "f" * 16, ["f" * 16])

    assert token
    assert approved is not None
    assert approved.approved
    assert await holds.list_approved(serving, "acme") == {"f" * 16}
    await holds.close_missing(serving, "acme", [])
    await holds.release(serving, "acme", ["f" * 16])
    await holds.close(serving, "acme", ["f" * 16])
    await holds.store(serving, "acme", HoldSet("f" * 16, "a limit", ()))
    assert await holds.list_approved(serving, "acme") == frozenset()


async def test_a_missing_column_right_is_named(three, owner):
    await owner.execute("REVOKE UPDATE (group_id) ON calscim.mappings FROM calscim")

    async with three[0].connection() as connection:
        said = await health.refusal(connection)

    assert said is not None
    assert said.startswith("the role lacks UPDATE on calscim.mappings:")


async def test_a_new_month_has_the_same_rights(three, owner):
    serving, operator = three
    await owner.execute(
        "SELECT calscim.journal_create_partition('journal_2019_01', '2019-01-01', '2019-02-01')"
    )

    for db in (serving, operator):
        await refused(db, "UPDATE calscim.journal_2019_01 SET status = 1")
        assert await db.fetchval("SELECT count(*) FROM calscim.journal_2019_01") == 0


async def test_every_table_is_in_the_serving_roles_list(owner):
    """A new table: say in grants.SERVING what the daemon does with it, and in OPERATORS what verbs do."""
    tables = await owner.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'calscim'::regnamespace AND relkind IN ('r', 'p')"
        " AND NOT relispartition"
    )

    assert {name for (name,) in tables} == set(grants.SERVING)
    assert grants.OPERATORS.keys() <= grants.SERVING.keys()


async def test_every_maintenance_function_is_there(owner):
    functions = await owner.fetch(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'calscim'::regnamespace"
    )

    assert set(grants.MAINTENANCE) <= {name for (name,) in functions}
