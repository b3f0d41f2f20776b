"""The routes of a simulated Cal.com. Each behaves as the recorded API v2."""

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from calscim.testing.calcom import shapes
from calscim.testing.calcom.attributes import Attributes
from calscim.testing.calcom.memberships import Memberships
from calscim.testing.calcom.shapes import success
from calscim.testing.calcom.teams import Teams
from calscim.testing.calcom.users import Users
from calscim.testing.calcom.world import World


@dataclass(slots=True)
class Routes:
    """Adds the routes. ``shuffled``: each call returns the whole list in another order, not only the rows of a page."""

    world: World
    shuffled: Callable[[], bool]

    def add_to(self, app: web.Application) -> None:
        app.add_routes([web.get("/v2/me", self._me)])
        memberships = Memberships(self.world, self.shuffled)
        memberships.add_to(app)
        Teams(self.world, self.shuffled, memberships).add_to(app)
        Users(self.world).add_to(app)
        Attributes(self.world).add_to(app)

    async def _me(self, _: web.Request) -> web.Response:
        mine = self.world.find(self.world.me, self.world.organization_id)
        organization = self.world.organization_id if mine is not None else None
        return success(shapes.key_holder(self.world.accounts[self.world.me], organization))
