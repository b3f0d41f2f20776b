"""The steps of docs/concepts: ann, the groups Sales and Leads, and the team Sales, from the push to the journal.

The pages are played in this order on one stage.
"""

from calscim.testing.calcom.calcom import Fault
from tests.guide.play import Play, address, addresses


async def pushed(play: Play) -> None:
    """Okta pushes ann, bob, and two groups that an operator mapped to Sales. gus is on Sales by hand."""
    play.world.add_person(address("gus"), name="Gus Example")
    play.world.put_on_team("Sales", address("gus"))
    for mapping in ("--group Sales", "--group Leads --role ADMIN"):
        await play.run_quietly(f"mapping add {mapping} --team sales --mode managed")
    await play.assign("ann", "bob")
    await play.okta.push_group("Sales", addresses("ann", "bob"))
    await play.okta.push_group("Leads", addresses("ann"))


async def nothing(play: Play) -> None:
    """Nothing happens in between."""


async def unreadable(play: Play) -> None:
    """Cal.com fails while calscim reads the members of the team."""
    path = f"/teams/{play.world.team_id('Sales')}/memberships"
    play.simulation.faults.append(Fault("GET", path, times=-1))


async def readable(play: Play) -> None:
    """Cal.com answers again."""
    play.simulation.faults.clear()


async def left_leads(play: Play) -> None:
    """ann leaves the group Leads."""
    await play.okta.remove_members("Leads", addresses("ann"))


async def emptied(play: Play) -> None:
    """Okta pushes the group Sales without members."""
    await play.okta.push_now("Sales", [])


PAGES = {
    "concepts/desired.md": (pushed, nothing),
    "concepts/observed.md": (nothing, unreadable),
    "concepts/plan.md": (readable,),
    "concepts/pass.md": (nothing, left_leads),
    "concepts/ledger.md": (nothing,),
    "concepts/hold.md": (emptied, nothing),
    "concepts/journal.md": (nothing, nothing),
}
