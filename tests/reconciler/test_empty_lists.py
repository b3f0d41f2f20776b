"""Cal.com answers a list with a 200 and nothing in it, where an error is meant."""

from calscim.testing.calcom.faults import Fault
from tests.support.stage import address, assigned


async def rows(stage, table):
    return await stage.db.fetchval(f"SELECT count(*) FROM calscim.{table}")


async def test_an_organization_without_members_is_not_believed(stage):
    """Every organization has an owner. The list of the first pass has none before it to compare it with."""
    await assigned(stage, "ann", "bob")
    entra = await stage.another_directory("Entra")
    await stage.full()
    await stage.full()
    before = await rows(stage, "account_links"), len(await entra.import_users())
    await stage.restart()
    stage.simulation.faults = [Fault(method="GET", path="/42/memberships", kind="empty", times=-1)]

    reports = [await stage.full() for _ in range(4)]

    assert not any(report.complete for report in reports)
    assert before == (await rows(stage, "account_links"), len(await entra.import_users()))


async def test_teams_that_are_missing_from_one_list_are_not_gone(stage):
    await stage.given("Sales", "managed", "ann")
    await stage.full()
    stage.simulation.faults = [Fault(method="GET", path="/42/teams", kind="empty", times=1)]

    report = await stage.full()

    assert report.complete
    assert stage.reconciler.view.gone == set()
    assert address("ann") in stage.team("Sales")


async def test_a_team_that_is_gone_is_named_by_its_id(stage):
    await stage.given("Sales", "managed", "ann")
    team = stage.team_id("Sales")
    stage.world.remove_team("Sales")

    report = await stage.full()

    assert report.unread == (f"team {team}: this organization has no such team any more",)
