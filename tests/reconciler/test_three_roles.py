"""With a role for operators, the daemon's role can do the daemon's work and nothing else."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from calscim import admin
from calscim.admin.approve import approve
from calscim.admin.team_members import adopt_members, compare_team
from calscim.planner.modes import Mode
from calscim.planner.roles import Role
from calscim.postgres import migrations
from calscim.postgres.outages import AccessDenied
from calscim.postgres.pool import Database
from calscim.reconciler.state import holds, leases
from tests.support.server import OWNER, PASSWORD, PREFIX
from tests.support.stage import PEOPLE, address

OPERATOR = f"{PREFIX}_operators"


@pytest.fixture
async def operators(stage, database, postgres, owner) -> AsyncIterator[Database]:
    """Return the database as operators open it; the stage keeps the daemon's role."""
    superuser = await asyncpg.connect(postgres.dsn("postgres", OWNER))
    await superuser.execute(
        f"DROP ROLE IF EXISTS {OPERATOR}; CREATE ROLE {OPERATOR} LOGIN PASSWORD '{PASSWORD}'"
    )
    await migrations.migrate(owner, "calscim", OPERATOR)
    async with await Database.open(postgres.dsn(database.name, OPERATOR)) as db:
        yield db
    await migrations.migrate(owner, "calscim")
    await owner.execute(f"DROP OWNED BY {OPERATOR}")
    await superuser.execute(f"DROP ROLE {OPERATOR}")
    await superuser.close()


async def test_the_daemon_serves_and_reconciles_and_operators_approve(stage, operators):
    [directory] = await admin.directories(operators)
    team = admin.TeamRef(stage.team_id("Sales"), "Sales")
    await admin.add_mapping(
        operators,
        stage.editor,
        admin.draft(directory, group="Sales", team=team, role=Role.MEMBER, mode=Mode.MANAGED),
    )
    for name in PEOPLE:
        await stage.okta.assign(address(name), name.capitalize(), "Example")
    await stage.okta.push_group("Sales", [address(name) for name in PEOPLE])
    await stage.push()
    await stage.full()
    assert set(stage.team("Sales")) == {address(name) for name in PEOPLE}

    await stage.okta.rename_group("Sales", "Sellers")
    await stage.okta.push_now("Sellers", [])
    await stage.full()
    [hold] = await holds.load_current(stage.db, "acme")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="may not approve a held set"):
        await approve(stage.db, stage.settings, [stage.organization], hold.hash)
    assert len(stage.team("Sales")) == len(PEOPLE)

    await approve(operators, stage.settings, [stage.organization], hold.hash)
    await stage.full()
    await stage.okta.deactivate(address(PEOPLE[0]))
    await stage.okta.delete_group("Sellers")
    await stage.full()
    await leases.renew(stage.db, stage.lease)

    assert stage.team("Sales") == {}
    assert (await stage.full()).in_sync


async def test_the_daemon_can_neither_make_a_token_nor_end_a_pause(stage, operators):
    [directory] = await admin.directories(stage.db)

    with pytest.raises(AccessDenied):
        await admin.create_token(stage.db, stage.editor, directory, name="mine")
    with pytest.raises(AccessDenied):
        await admin.resume(
            stage.db, stage.editor, organization="acme", scope="directory", target=directory.id
        )


async def test_operators_adopt_memberships_and_the_daemon_removes_them(stage, operators):
    stage.world.add_person(address("ann"))
    stage.world.put_on_team("Sales", address("ann"))
    [directory] = await admin.directories(operators)
    team = admin.TeamRef(stage.team_id("Sales"), "Sales")
    role, mode = Role.MEMBER, Mode.MANAGED
    await admin.add_mapping(
        operators,
        stage.editor,
        admin.draft(directory, group="Sales", team=team, role=role, mode=mode),
    )
    await stage.okta.assign(address("ann"), "Ann", "Example")
    await stage.okta.push_group("Sales", [address("ann")])
    await stage.full()

    compared = await compare_team(operators, stage.settings, stage.organization, "sales")
    await adopt_members(operators, stage.editor, "acme", compared)
    await stage.okta.remove_members("Sales", [address("ann")])
    await stage.push()

    assert stage.team("Sales") == {}
