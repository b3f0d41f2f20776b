"""The users of a simulated Cal.com's organization: the accounts that have a Profile in it."""

from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

from calscim.testing.calcom import requests, shapes
from calscim.testing.calcom.names import username
from calscim.testing.calcom.requests import page_of, path_number, read_body, read_query
from calscim.testing.calcom.shapes import Refused, success
from calscim.testing.calcom.state import Account
from calscim.testing.calcom.world import World


@dataclass(slots=True)
class Users:
    """The calls of users."""

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
        """List the users. Cal.com compares addresses by case."""
        query = read_query(request, requests.LIST_USERS)
        emails, teams = query.get("emails"), query.get("teamIds")
        seen = self.world.seen()
        found = [
            account
            for account in seen.accounts.values()
            if account.profile
            and (not emails or account.email in emails)
            and (not teams or any(seen.find(account.id, int(team)) for team in teams))
        ]
        rows = page_of(found, query, self.world.random)
        return success([shapes.user(account, self.world.organization_id) for account in rows])

    async def _create(self, request: web.Request) -> web.Response:
        """Create an account. It has a Profile even if ``autoAccept`` false leaves it pending."""
        body = await read_body(request, requests.create_user(self.world.can))
        if body.get("username") and not self.world.can.takes_usernames:
            message = "Bad request: Please check your request data and try again"
            raise Refused(400, "TRPCError", message)
        email = body["email"].lower()
        self._check_new(email)
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
        return self._response(account, 201)

    def _check_new(self, email: str) -> None:
        """Raise Refused if the account exists. Cal.com searches for the address in lower case only."""
        account = self.world.stored(email)
        if account is None:
            return
        if not self.world.can.distinguishes_conflicts:
            raise Refused(400, "BadRequestException", "user_already_invited_or_member")
        if account.profile:
            raise Refused(409, "ConflictException", "A user already exists with that email")
        raise shapes.already_exists()

    async def _update(self, request: web.Request) -> web.Response:
        """Update an account. ``name`` and ``weekStart`` are ignored, and ``weekday`` is a server error."""
        account = self._account_with_profile(request)
        body = await read_body(request, requests.UPDATE_USER)
        if body.get("weekday") is not None:
            raise shapes.server_error()
        email = body["email"].lower() if body.get("email") else account.email
        other = self.world.stored(email)
        if other is not None and other.id != account.id:
            raise shapes.already_exists()
        changes = _preferences(body)
        if "locale" in body:
            changes["locale"] = body["locale"]
        if body.get("username"):
            changes["username"] = body["username"]
            changes["profile_username"] = account.profile_username or account.username
        changed = replace(account, email=email, **changes)
        self.world.update(changed)
        return self._response(changed)

    async def _delete(self, request: web.Request) -> web.Response:
        """Delete the account itself with all its bookings: the trap of this API."""
        account = self._account_with_profile(request)
        self.world.delete_account(account.id)
        return self._response(account)

    def _account_with_profile(self, request: web.Request) -> Account:
        user_id = path_number(request, "user")
        account = self.world.accounts.get(user_id)
        if account is None or not account.profile:
            organization = self.world.organization_id
            raise Refused(
                403,
                "ForbiddenException",
                f"IsUserInOrg - user with id={user_id} is not part of the organization with "
                f"id={organization}.",
            )
        return account

    def _response(self, account: Account, status: int = 200) -> web.Response:
        return success(shapes.user(account, self.world.organization_id), status)


def _preferences(body: dict[str, Any]) -> dict[str, Any]:
    names = {"timeZone": "time_zone", "timeFormat": "time_format"}
    return {kept: body[sent] for sent, kept in names.items() if body.get(sent) is not None}
