"""The steps of the pages in docs/guide that show output of their own."""

from tests.guide.play import Play, address, addresses

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
ATTRIBUTES = f"""
[[organization.attributes]]
from = "{ENTERPRISE}:department"
to = "department"
create_options = true
[[organization.attributes]]
from = "title"
to = "Job title"
"""


async def supported(play: Play) -> None:
    """Okta pushes ann and the group Support."""
    await play.assign("ann")
    await play.okta.push_group("Support", addresses("ann"))
    await play.sync_quietly()


async def moved(play: Play) -> None:
    """ann moves from Sales to Marketing. Cal.com has one of the two attributes."""
    play.world.add_attribute("department", "SINGLE_SELECT", ("Sales", "Marketing"))
    play.organize_quietly(ATTRIBUTES)
    await play.assign("ann")
    for department in ("Sales", "Marketing"):
        await play.sync_quietly()
        await play.okta.update_profile(address("ann"), **{ENTERPRISE: {"department": department}})


TEAMS = (supported,)
ATTRIBUTES_OF_PEOPLE = (moved,)
