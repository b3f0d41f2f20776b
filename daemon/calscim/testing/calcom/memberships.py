"""The memberships of a simulated organization, and what team memberships have in common with them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

from calscim.testing.calcom import requests, shapes
from calscim.testing.calcom.requests import page_of, path_number, read_body, read_object, read_query
from calscim.testing.calcom.shapes import Refused, success
from calscim.testing.calcom.state import Account, Membership, State
from calscim.testing.calcom.validation import validate
from calscim.testing.calcom.world import World


@dataclass(slots=True)
class Memberships:
    """The calls of organization memberships."""

    world: World
    shuffled: Callable[[], bool]

    def add_to(self, app: web.Application) -> None:
        root = "/v2/organizations/{org}/memberships"
        app.add_routes(
            [
                web.get(root, self._list),
                web.post(root, self._add),
                web.get(f"{root}/{{membership}}", self._one),
                web.patch(f"{root}/{{membership}}", self._change),
                web.delete(f"{root}/{{membership}}", self._remove),
            ]
        )

    async def _list(self, request: web.Request) -> web.Response:
        return self.listed(request, self.world.organization_id)

    async def _one(self, request: web.Request) -> web.Response:
        seen = self.world.seen()
        return success(self.shown(seen, self._found(request, seen)))

    async def _add(self, request: web.Request) -> web.Response:
        """Add a member: an upsert without a Profile by ``userId``, or an invitation by ``email``."""
        body = await read_object(request)
        if self.world.can.invites_by_email and "email" in body and "userId" not in body:
            body = validate(requests.INVITE, body)
            account = self._invited(body["email"])
            accepted = self.world.auto_accepted(account.email)
            self.world.put_account(replace(account, profile=accepted))
        else:
            body = validate(requests.CREATE_MEMBERSHIP, body)
            if body["userId"] not in self.world.accounts:
                raise shapes.unknown_reference()
            account, accepted = self.world.accounts[body["userId"]], body["accepted"]
        membership = self.world.join(
            account.id, self.world.organization_id, body["role"], accepted=accepted
        )
        return success(self.shown(self.world, membership), 201)

    def _invited(self, email: str) -> Account:
        account = self.world.account(email)
        if account is None:
            raise Refused(404, "NotFoundException", "User not found")
        if self.world.find(account.id, self.world.organization_id) is not None:
            raise Refused(400, "BadRequestException", "user_already_invited_or_member")
        return account

    async def _change(self, request: web.Request) -> web.Response:
        return await self.changed(request, self._found(request, self.world))

    async def _remove(self, request: web.Request) -> web.Response:
        membership = self._found(request, self.world)
        shown = self.shown(self.world, membership)
        self.world.leave(membership.user_id)
        return success(shown)

    def _found(self, request: web.Request, state: State) -> Membership:
        membership_id = path_number(request, "membership")
        found = state.memberships.get(membership_id)
        if found is None or found.team_id != self.world.organization_id:
            message = f"IsMembershipInOrg - Membership ({membership_id}) not found."
            raise Refused(404, "NotFoundException", message)
        return found

    # ---------------------------------------------------------------- shared with teams

    def listed(self, request: web.Request, team: int) -> web.Response:
        query = read_query(request, requests.LIST)
        seen = self.world.seen()
        rows = page_of(seen.of_team(team), query, self.world.random, whole=self.shuffled())
        return success([self.shown(seen, one) for one in rows])

    async def changed(self, request: web.Request, membership: Membership) -> web.Response:
        body = await read_body(request, requests.UPDATE_MEMBERSHIP)
        changed = self.world.change(
            membership, role=body.get("role"), accepted=body.get("accepted")
        )
        return success(self.shown(self.world, changed))

    def shown(self, state: State, one: Membership) -> dict[str, Any]:
        of_organization = one.team_id == self.world.organization_id
        return shapes.membership(state, one, of_organization=of_organization)
