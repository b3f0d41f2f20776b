"""The calls of a simulated Cal.com, each as its API v2 is documented to behave."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

from calscim.sim import shapes
from calscim.sim.attributes import Attributes
from calscim.sim.requests import body_of, boolean, number_in, page, role, text, the_number
from calscim.sim.shapes import Refused, invalid, success
from calscim.sim.state import Account, Membership, State
from calscim.sim.world import World

ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(slots=True)
class Routes:
    """``shuffled``: whole lists come in another order at every call, not only the rows of a page."""

    world: World
    shuffled: Callable[[], bool]

    def add_to(self, app: web.Application) -> None:
        org = "/v2/organizations/{org}"
        team = f"{org}/teams/{{team}}/memberships"
        app.add_routes(
            [
                web.get("/v2/me", self._me),
                web.get(f"{org}/memberships", self._list_people),
                web.post(f"{org}/memberships", self._add_person),
                web.get(f"{org}/memberships/{{membership}}", self._one_person),
                web.patch(f"{org}/memberships/{{membership}}", self._change),
                web.delete(f"{org}/memberships/{{membership}}", self._remove_person),
                web.get(f"{org}/users", self._list_users),
                web.post(f"{org}/users", self._create_user),
                web.patch(f"{org}/users/{{user}}", self._update_user),
                web.delete(f"{org}/users/{{user}}", self._delete_user),
                web.get(f"{org}/teams", self._list_teams),
                web.post(f"{org}/teams", self._create_team),
                web.get(f"{org}/teams/{{team}}", self._one_team),
                web.get(team, self._list_members),
                web.post(team, self._add_member),
                web.get(f"{team}/{{membership}}", self._one_member),
                web.patch(f"{team}/{{membership}}", self._change),
                web.delete(f"{team}/{{membership}}", self._remove_member),
            ]
        )
        Attributes(self.world).add_to(app)

    # ---------------------------------------------------------------- the organization

    async def _me(self, _: web.Request) -> web.Response:
        mine = self.world.find(self.world.me, self.world.organization_id)
        organization = self.world.organization_id if mine is not None else None
        return success(shapes.key_holder(self.world.accounts[self.world.me], organization))

    async def _list_people(self, request: web.Request) -> web.Response:
        return self._list(request, self.world.organization_id)

    async def _one_person(self, request: web.Request) -> web.Response:
        seen = self.world.seen()
        return success(self._shown(seen, self._person(request, seen)))

    async def _add_person(self, request: web.Request) -> web.Response:
        """By ``userId``: an upsert that makes no profile. By ``email``: an invitation, hosted only."""
        body = await body_of(request)
        if "userId" in body or self.world.dialect != "hosted":
            account = self.world.accounts.get(the_number(body, "userId"))
            if account is None:
                raise Refused(400, "BAD_REQUEST", "The referenced data does not exist.")
            accepted = boolean(body, "accepted", otherwise=False)
        else:
            account = self._invited(text(body, "email"))
            accepted = self.world.auto_accepted(account.email)
            self.world.put_account(replace(account, profile=accepted))
        membership = self.world.join(
            account.id, self.world.organization_id, role(body), accepted=accepted
        )
        return success(self._shown(self.world, membership), 201)

    def _invited(self, email: str) -> Account:
        account = self.world.account(email)
        if account is None:
            raise Refused(404, "NotFoundException", "User not found")
        if self.world.find(account.id, self.world.organization_id) is not None:
            raise Refused(400, "BadRequestException", "user_already_invited_or_member")
        return account

    async def _change(self, request: web.Request) -> web.Response:
        if "team" in request.match_info:
            membership = self._member(request, self.world)
        else:
            membership = self._person(request, self.world)
        body = await body_of(request)
        changed = self.world.change(
            membership,
            role=role(body) if "role" in body else None,
            accepted=boolean(body, "accepted") if "accepted" in body else None,
        )
        return success(self._shown(self.world, changed))

    async def _remove_person(self, request: web.Request) -> web.Response:
        membership = self._person(request, self.world)
        shown = self._shown(self.world, membership)
        self.world.leave(membership.user_id)
        return success(shown)

    # ---------------------------------------------------------------- users

    async def _list_users(self, request: web.Request) -> web.Response:
        """Who has a profile; addresses are compared as they are written."""
        wanted = {one for many in request.query.getall("emails", []) for one in many.split(",")}
        found = [
            shapes.user(account, self.world.organization_id)
            for account in self.world.seen().accounts.values()
            if account.profile and (not wanted or account.email in wanted)
        ]
        return success(page(request, found, 1000, self.world.random))

    async def _create_user(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        email = self._address(body)
        hosted = self.world.dialect == "hosted"
        name = body.get("name") if hosted else None  # older builds drop it
        if name is not None and (not isinstance(name, str) or len(name) > 50):
            raise invalid("name", name, "must be shorter than or equal to 50 characters")
        granted = role(body, "organizationRole", "MEMBER")
        accepted = boolean(body, "autoAccept", otherwise=True)
        self._insist_on_new(email)
        account = Account(self.world.new_id(), email, email.partition("@")[0], name)
        account.locale = body.get("locale") or "en"
        account.time_zone = body.get("timeZone") or account.time_zone
        account.profile = accepted
        quiet = hosted and body.get("skipNotificationEmail") is True
        self.world.enrol(account, granted, accepted=accepted, mail=not quiet)
        return success(shapes.user(account, self.world.organization_id), 201)

    def _insist_on_new(self, email: str) -> None:
        """The dialects of 'there is such an account already', wherever it is."""
        account = self.world.account(email)
        if account is None:
            return
        if self.world.dialect == "hosted":
            raise Refused(400, "BadRequestException", "user_already_invited_or_member")
        if account.profile:
            raise Refused(409, "ConflictException", "A user already exists with that email")
        raise Refused(409, "CONFLICT", "Trying to create a record that already exists.")

    async def _update_user(self, request: web.Request) -> web.Response:
        """A locale that is left out becomes English; a weekday is more than Cal.com can take."""
        account = self._profiled(request)
        body = await body_of(request)
        if "weekday" in body:
            return shapes.uncaught()
        email = self._address(body) if "email" in body else account.email
        other = self.world.account(email)
        if other is not None and other.id != account.id:
            raise Refused(409, "CONFLICT", "Trying to create a record that already exists.")
        changed = replace(
            account,
            email=email,
            locale=body.get("locale") or "en",
            time_zone=body.get("timeZone") or account.time_zone,
        )
        self.world.update(changed)
        return success(shapes.user(changed, self.world.organization_id))

    def _profiled(self, request: web.Request) -> Account:
        number = number_in(request, "user")
        if self.world.find(number, self.world.organization_id) is None:
            organization = self.world.organization_id
            raise Refused(
                403,
                "ForbiddenException",
                f"IsUserInOrg - user with id={number} is not part of the organization with "
                f"id={organization}.",
            )
        account = self.world.accounts[number]
        if not account.profile:
            raise Refused(404, "NOT_FOUND", "The requested record was not found.")
        return account

    async def _delete_user(self, request: web.Request) -> web.Response:
        """The trap: the account itself goes, with all that was ever booked."""
        account = self._profiled(request)
        self.world.delete_account(account.id)
        return success(shapes.user(account, self.world.organization_id))

    @staticmethod
    def _address(body: dict[str, Any]) -> str:
        email = body.get("email")
        if not isinstance(email, str) or not ADDRESS.fullmatch(email):
            raise invalid("email", email, "must be an email")
        return email

    # ---------------------------------------------------------------- teams

    async def _list_teams(self, request: web.Request) -> web.Response:
        teams = self.world.seen().teams.values()
        found = [shapes.team(one, self.world.organization_id) for one in teams]
        return success(page(request, found, 250, self.world.random, whole=self.shuffled()))

    async def _one_team(self, request: web.Request) -> web.Response:
        seen = self.world.seen()
        team = seen.teams[self._team(request, seen)]
        return success(shapes.team(team, self.world.organization_id))

    async def _create_team(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        name = text(body, "name")
        slug = body.get("slug") or name.lower().replace(" ", "-")
        if any(team.slug == slug for team in self.world.teams.values()):
            raise Refused(409, "CONFLICT", "Trying to create a record that already exists.")
        number = self.world.add_team(name, slug)
        self.world.join(self.world.me, number, "OWNER", accepted=True)
        return success(shapes.team(self.world.teams[number], self.world.organization_id), 201)

    async def _list_members(self, request: web.Request) -> web.Response:
        return self._list(request, self._team(request, self.world.seen()))

    async def _one_member(self, request: web.Request) -> web.Response:
        seen = self.world.seen()
        return success(self._shown(seen, self._member(request, seen)))

    async def _add_member(self, request: web.Request) -> web.Response:
        team = self._team(request, self.world)
        body = await body_of(request)
        account = self.world.accounts.get(the_number(body, "userId"))
        if account is None or not account.profile:
            raise Refused(
                422, "UnprocessableEntityException", "User is not part of the Organization"
            )
        if self.world.find(account.id, team) is not None:
            raise Refused(409, "CONFLICT", "Trying to create a record that already exists.")
        accepted = boolean(body, "accepted", otherwise=False)
        accepted = accepted or self.world.auto_accepted(account.email)
        membership = self.world.join(account.id, team, role(body), accepted=accepted)
        return success(self._shown(self.world, membership), 201)

    async def _remove_member(self, request: web.Request) -> web.Response:
        membership = self._member(request, self.world)
        self.world.drop(membership)
        return success(self._shown(self.world, membership))

    # ---------------------------------------------------------------- of both

    def _list(self, request: web.Request, team: int) -> web.Response:
        seen = self.world.seen()
        rows = [self._shown(seen, one) for one in seen.of_team(team)]
        return success(page(request, rows, 250, self.world.random, whole=self.shuffled()))

    def _shown(self, state: State, one: Membership) -> dict[str, Any]:
        of_organization = one.team_id == self.world.organization_id
        return shapes.membership(state, one, of_organization=of_organization)

    def _team(self, request: web.Request, state: State) -> int:
        number = number_in(request, "team")
        if number not in state.teams:
            raise Refused(404, "NotFoundException", f"IsTeamInOrg - Team ({number}) not found.")
        return number

    def _person(self, request: web.Request, state: State) -> Membership:
        number = number_in(request, "membership")
        found = state.memberships.get(number)
        if found is None or found.team_id != self.world.organization_id:
            message = f"IsMembershipInOrg - Membership ({number}) not found."
            raise Refused(404, "NotFoundException", message)
        return found

    def _member(self, request: web.Request, state: State) -> Membership:
        team = self._team(request, state)
        found = state.memberships.get(number_in(request, "membership"))
        if found is None or found.team_id != team:
            raise Refused(404, "NotFoundException", "Organization's Team membership not found")
        return found
