"""Each change of Cal.com is one line in the log."""

from structlog.testing import capture_logs

from calscim.testing.calcom.calcom import Fault
from tests.support.stage import PEOPLE, address, assigned


async def actions(stage):
    with capture_logs() as lines:
        await stage.full()
    return [line for line in lines if line["event"] == "reconcile.action"]


async def test_a_change_names_the_person_the_team_the_reason_and_the_journal_row(stage):
    await stage.map("Sales", stage.team_id("Sales"), "managed")
    await assigned(stage, "ann")
    await stage.okta.push_group("Sales", [address("ann")])

    created, added = await actions(stage)

    assert (created["kind"], created["outcome"]) == ("user.create", "done")
    assert added["kind"] == "member.add"
    assert added["organization"] == "acme"
    assert added["email"] == address("ann")
    assert (added["team"], added["role"]) == ("Sales", "MEMBER")
    assert "Sales" in added["reason"]
    assert added["journal"]["stream"] == stage.directory.id
    assert added["journal"]["seq"] > 0
    assert added["request_id"]


async def test_a_change_that_cal_com_refuses_says_why(stage):
    await assigned(stage, PEOPLE[0])
    stage.simulation.faults = [Fault(method="POST", status=400, times=-1)]

    (line,) = await actions(stage)

    assert line["outcome"] == "refused"
    assert line["detail"]
