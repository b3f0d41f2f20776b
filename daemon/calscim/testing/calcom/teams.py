"""The teams of a simulated Cal.com's organization, and their memberships."""

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from calscim.testing.calcom import requests, shapes
from calscim.testing.calcom.memberships import Memberships
from calscim.testing.calcom.names import slug
from calscim.testing.calcom.requests import page_of, path_number, read_body, read_query
from calscim.testing.calcom.shapes import Refused, success
from calscim.testing.calcom.state import Membership, SimTeam, State
from calscim.testing.calcom.world import World


@dataclass(slots=True)
class Teams:
    """The calls of teams and their memberships."""

    world: World
    shuffled: Callable[[], bool]
    memberships: Memberships

    def add_to(self, app: web.Application) -> None:
        root = "/v2/organizations/{org}/teams"
        team = f"{root}/{{team}}"
        members = f"{team}/memberships"
        app.add_routes(
            [
                web.get(root, self._list),
                web.post(root, self._create),
                web.get(f"{root}/me", self._list),
                web.get(team, self._one),
                web.patch(team, self._update),
                web.delete(team, self._delete),
                web.get(members, self._list_members),
                web.post(members, self._add_member),
                web.get(f"{members}/{{membership}}", self._one_member),
                web.patch(f"{members}/{{membership}}", self._change_member),
                web.delete(f"{members}/{{membership}}", self._remove_member),
            ]
        )

    async def _list(self, request: web.Request) -> web.Response:
        """List every team, and ignore ``take`` and ``skip`` unless the world pages teams."""
        query = read_query(request, requests.LIST) if self.world.pages_teams else {}
        teams = self.world.seen().teams.values()
        rows = [shapes.team(one, self.world.organization_id) for one in teams]
        return success(page_of(rows, query, self.world.random, whole=self.shuffled()))

    async def _one(self, request: web.Request) -> web.Response:
        seen = self.world.seen()
        return self._response(seen.teams[self._found(request, seen)])

    async def _create(self, request: web.Request) -> web.Response:
        body = await read_body(request, requests.CREATE_TEAM)
        wanted = body.get("slug") or slug(body["name"])
        self._check_slug_free(wanted)
        team_id = self.world.add_team(body["name"], wanted)
        self.world.join(self.world.me, team_id, "OWNER", accepted=body["autoAcceptCreator"])
        return self._response(self.world.teams[team_id], 201)

    async def _update(self, request: web.Request) -> web.Response:
        team = self.world.teams[self._found(request, self.world)]
        body = await read_body(request, requests.UPDATE_TEAM)
        wanted = body.get("slug") or team.slug
        if wanted != team.slug:
            self._check_slug_free(wanted)
        team.name, team.slug = body.get("name") or team.name, wanted
        self.world.save()
        return self._response(team)

    async def _delete(self, request: web.Request) -> web.Response:
        team = self.world.teams[self._found(request, self.world)]
        self.world.end_team(team.id)
        return self._response(team)

    def _check_slug_free(self, wanted: str) -> None:
        if any(team.slug == wanted for team in self.world.teams.values()):
            raise shapes.already_exists()

    def _response(self, team: SimTeam, status: int = 200) -> web.Response:
        return success(shapes.team(team, self.world.organization_id), status)

    # ---------------------------------------------------------------- members

    async def _list_members(self, request: web.Request) -> web.Response:
        return self.memberships.listed(request, self._found(request, self.world.seen()))

    async def _one_member(self, request: web.Request) -> web.Response:
        seen = self.world.seen()
        return success(self.memberships.shown(seen, self._member(request, seen)))

    async def _add_member(self, request: web.Request) -> web.Response:
        """Add an account with a Profile in the organization, pending or accepted."""
        team = self._found(request, self.world)
        body = await read_body(request, requests.CREATE_MEMBERSHIP)
        account = self.world.accounts.get(body["userId"])
        if account is None or not account.profile:
            message = "User is not part of the Organization"
            raise Refused(422, "UnprocessableEntityException", message)
        if self.world.find(account.id, team) is not None:
            raise shapes.already_exists()
        accepted = body["accepted"] or self.world.auto_accepted(account.email)
        membership = self.world.join(account.id, team, body["role"], accepted=accepted)
        return success(self.memberships.shown(self.world, membership), 201)

    async def _change_member(self, request: web.Request) -> web.Response:
        return await self.memberships.changed(request, self._member(request, self.world))

    async def _remove_member(self, request: web.Request) -> web.Response:
        team, membership_id = self._found(request, self.world), path_number(request, "membership")
        membership = self.world.memberships.get(membership_id)
        if membership is None or membership.team_id != team:
            raise Refused(
                404,
                "NotFoundException",
                f"Membership with id {membership_id} not found in team {team} of organization "
                f"{self.world.organization_id}",
            )
        self.world.drop(membership)
        return success(self.memberships.shown(self.world, membership))

    def _member(self, request: web.Request, state: State) -> Membership:
        team = self._found(request, state)
        found = state.memberships.get(path_number(request, "membership"))
        if found is None or found.team_id != team:
            raise Refused(404, "NotFoundException", "Organization's Team membership not found")
        return found

    def _found(self, request: web.Request, state: State) -> int:
        team_id = path_number(request, "team")
        if team_id not in state.teams:
            raise Refused(404, "NotFoundException", f"IsTeamInOrg - Team ({team_id}) not found.")
        return team_id
