"""The users of a simulated Cal.com's organization: the accounts that have a Profile in it."""

from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

from calscim.testing.calcom import requests, shapes
from calscim.testing.calcom.names import username
from calscim.testing.calcom.requests import body_of, cut, number_in, query_of
from calscim.testing.calcom.shapes import Refused, success
from calscim.testing.calcom.state import Account
from calscim.testing.calcom.world import World


@dataclass(slots=True)
class Users:
    world: World

    def add_to(self, app: web.Application) -> None:
        root = "/v2/organizations/{org}/users"
        app.add_routes(
            [
                web.get(root, self._list),
                web.post(root, self._create),
                web.patch(f"{root}/{{user}}", self._update),
                web.delete(f"{root}/{{user}}", self._delete),
            ]
        )

    async def _list(self, request: web.Request) -> web.Response:
        """Addresses are compared as they are written."""
        query = query_of(request, requests.LIST_USERS)
        emails, teams = query.get("emails"), query.get("teamIds")
        seen = self.world.seen()
        rows = [
            shapes.user(account, self.world.organization_id)
            for account in seen.accounts.values()
            if account.profile
            and (not emails or account.email in emails)
            and (not teams or any(seen.find(account.id, int(team)) for team in teams))
        ]
        return success(cut(rows, query, self.world.random))

    async def _create(self, request: web.Request) -> web.Response:
        """A new account, with a Profile even where ``autoAccept`` false leaves it pending."""
        body = await body_of(request, requests.create_user(self.world.can))
        if body.get("username") and not self.world.can.takes_usernames:
            message = "Bad request: Please check your request data and try again"
            raise Refused(400, "TRPCError", message)
        email = body["email"].lower()
        self._insist_on_new(email)
        account = Account(
            self.world.new_id(),
            email,
            body.get("username") or username(email),
            body.get("name"),
            locale=body.get("locale"),
            profile=True,
            invited=True,
        )
        account = replace(account, **_preferences(body))
        quiet = body.get("skipNotificationEmail", False)
        role, accepted = body["organizationRole"], body["autoAccept"]
        self.world.enrol(account, role, accepted=accepted, mail=not quiet)
        return self._shown(account, 201)

    def _insist_on_new(self, email: str) -> None:
        """Cal.com looks for the address in lower case only: an account stored in another case is not found."""
        account = self.world.stored(email)
        if account is None:
            return
        if not self.world.can.distinguishes_conflicts:
            raise Refused(400, "BadRequestException", "user_already_invited_or_member")
        if account.profile:
            raise Refused(409, "ConflictException", "A user already exists with that email")
        raise shapes.exists_already()

    async def _update(self, request: web.Request) -> web.Response:
        """What is left out is kept. ``name`` and ``weekStart`` are dropped, ``weekday`` is a server error."""
        account = self._profiled(request)
        body = await body_of(request, requests.UPDATE_USER)
        if body.get("weekday") is not None:
            raise shapes.broken()
        email = body["email"].lower() if body.get("email") else account.email
        other = self.world.stored(email)
        if other is not None and other.id != account.id:
            raise shapes.exists_already()
        changes = _preferences(body)
        if "locale" in body:
            changes["locale"] = body["locale"]
        if body.get("username"):
            changes["username"] = body["username"]
            changes["profile_username"] = account.profile_username or account.username
        changed = replace(account, email=email, **changes)
        self.world.update(changed)
        return self._shown(changed)

    async def _delete(self, request: web.Request) -> web.Response:
        """The trap: the account itself goes, with all that was ever booked."""
        account = self._profiled(request)
        self.world.delete_account(account.id)
        return self._shown(account)

    def _profiled(self, request: web.Request) -> Account:
        number = number_in(request, "user")
        account = self.world.accounts.get(number)
        if account is None or not account.profile:
            organization = self.world.organization_id
            raise Refused(
                403,
                "ForbiddenException",
                f"IsUserInOrg - user with id={number} is not part of the organization with "
                f"id={organization}.",
            )
        return account

    def _shown(self, account: Account, status: int = 200) -> web.Response:
        return success(shapes.user(account, self.world.organization_id), status)


def _preferences(body: dict[str, Any]) -> dict[str, Any]:
    names = {"timeZone": "time_zone", "timeFormat": "time_format"}
    return {kept: body[sent] for sent, kept in names.items() if body.get(sent) is not None}
