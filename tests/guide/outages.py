"""The cases in which calls to Cal.com fail."""

from calscim.testing.calcom.calcom import Fault
from tests.guide.play import Play, address, addresses


async def incomplete_list(play: Play) -> None:
    """Cal.com fails in the middle of a list

    calscim never takes an error for the end of a list. It removes no one from a team that it could not read completely.
    All other changes continue.
    """
    for number in range(260):
        play.world.add_person(address(f"guest{number}"), name=f"Guest {number}")
        play.world.put_on_team("Sales", address(f"guest{number}"))
    await play.given("Sales", "managed", "ann", "bob")
    play.say(
        "The team Sales also has 260 members who were added by hand, so its list has several pages. Okta removes ann from",
        "the group, and Cal.com answers the second page with an error:",
    )
    await play.okta.remove_members("Sales", addresses("ann"))
    path = f"/teams/{play.world.team_id('Sales')}/memberships"
    play.simulation.faults = [Fault(method="GET", path=path, skip=1, times=-1)]
    await play.calscim("plan")
    play.simulation.faults = [Fault(method="GET", path=path, skip=1, times=-1)]
    await play.sync()
    await play.calscim("status")
    await play.calscim("explain ann@acme.example Sales")
    play.say("Cal.com answers again:")
    play.simulation.faults = []
    await play.calscim("plan")
    await play.sync()
    await play.calscim("explain ann@acme.example Sales")


async def failed_action(play: Play) -> None:
    """Cal.com fails for one person

    calscim parks a change that fails, with the reason. It tries again after a minute, then at growing intervals. All other
    changes continue.
    """
    await play.map("Sales", "managed")
    await play.assign("ann", "bob", "cem")
    await play.okta.push_group("Sales", addresses("ann", "bob", "cem"))
    play.simulation.faults = [Fault(method="POST", path="/users", status=500)]
    play.say("Okta pushes ann, bob, and cem. Cal.com answers the first invitation with an error:")
    await play.sync()
    await play.calscim("status")
    await play.calscim("parked list")
    await play.calscim("explain ann@acme.example Sales")
    play.say("To try again now:")
    await play.calscim("parked retry")
    await play.sync()
    await play.calscim("plan")
