"""A simulated Cal.com over HTTP, as its API v2 is documented: envelope, traps, rate limit, faults on request."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from calscim.sim.world import ROLES, Account, Membership, SimTeam, World

__all__ = ["Fault", "Simulation", "World", "run", "serve"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Refused(Exception):  # noqa: N818 - an answer, not a fault of the simulation
    def __init__(self, status: int, code: str, message: str) -> None:
        self.status, self.code, self.message = status, code, message
        super().__init__(message)


@dataclass(slots=True)
class Fault:
    """What goes wrong, for calls whose method and path contain these, ``times`` times (-1: always)."""

    method: str = ""
    path: str = ""
    kind: str = "status"  # status, drop, hang, malformed, short, status-after, drop-after
    status: int = 500
    times: int = 1
    probability: float = 1.0
    seconds: float = 3600.0


@dataclass(slots=True)
class Simulation:
    """A world behind HTTP. ``calls`` counts by method and path with numbers replaced."""

    world: World
    limit: int | None = None  # calls a minute; None: none
    faults: list[Fault] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    shuffle: bool = True
    clock: Callable[[], float] = time.monotonic
    throttled: int = 0
    _window: float = 0.0
    _used: int = 0
    _blocked: float = 0.0

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._answer], client_max_size=2**22)
        org = "/v2/organizations/{org}"
        app.router.add_get("/v2/me", self._me)
        app.router.add_get(f"{org}/memberships", self._list_people)
        app.router.add_post(f"{org}/memberships", self._add_person)
        app.router.add_get(f"{org}/memberships/{{membership}}", self._one_person)
        app.router.add_patch(f"{org}/memberships/{{membership}}", self._change)
        app.router.add_delete(f"{org}/memberships/{{membership}}", self._remove_person)
        app.router.add_get(f"{org}/users", self._list_users)
        app.router.add_post(f"{org}/users", self._create_user)
        app.router.add_patch(f"{org}/users/{{user}}", self._update_user)
        app.router.add_delete(f"{org}/users/{{user}}", self._delete_user)
        app.router.add_get(f"{org}/teams", self._list_teams)
        app.router.add_post(f"{org}/teams", self._create_team)
        team = f"{org}/teams/{{team}}/memberships"
        app.router.add_get(team, self._list_members)
        app.router.add_post(team, self._add_member)
        app.router.add_get(f"{team}/{{membership}}", self._one_member)
        app.router.add_patch(f"{team}/{{membership}}", self._change)
        app.router.add_delete(f"{team}/{{membership}}", self._remove_member)
        self._by_hand(app)
        return app

    # ---------------------------------------------------------------- around every call

    @web.middleware
    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/_sim/"):
            return await handler(request)
        template = "/".join("#" if part.isdecimal() else part for part in request.path.split("/"))
        self.calls[f"{request.method} {template}"] += 1
        headers, over = self._throttle()
        if over:
            return self._error(
                request, Refused(429, "ThrottlerException", "Too Many Requests"), headers
            )
        fault = self._fault(request)
        if fault is not None and (early := await self._early(fault, request)) is not None:
            return early
        try:
            self._authorize(request)
            response = await handler(request)
        except Refused as refused:
            return self._error(request, refused, headers)
        except web.HTTPException as error:
            return self._error(request, Refused(error.status, "NOT_FOUND", error.reason), headers)
        self.world.save()
        if fault is not None:
            await self._late(fault, request)
            if fault.kind == "status-after":
                return self._plain(fault.status)
        response.headers.update(headers)
        return response

    def _throttle(self) -> tuple[dict[str, str], bool]:
        if self.limit is None:
            return {}, False
        now = self.clock()
        if now < self._blocked:
            self.throttled += 1
            return self._rate(0, self._blocked - now), True
        if now >= self._window + 60:
            self._window, self._used = now, 0
        self._used += 1
        left = self._window + 60 - now
        if self._used > self.limit:
            self._blocked, self._window = now + 60, now
            self._used = 0
            self.throttled += 1
            return self._rate(0, 60), True
        return self._rate(self.limit - self._used, left), False

    def _rate(self, remaining: int, reset: float) -> dict[str, str]:
        return {
            "X-RateLimit-Limit-Default": str(self.limit),
            "X-RateLimit-Remaining-Default": str(remaining),
            "X-RateLimit-Reset-Default": str(int(reset + 0.999)),
        }

    def _fault(self, request: web.Request) -> Fault | None:
        for fault in self.faults:
            if fault.times == 0 or fault.method not in ("", request.method):
                continue
            if fault.path not in request.path or self.world.random.random() >= fault.probability:
                continue
            fault.times -= 1
            return fault
        return None

    async def _early(self, fault: Fault, request: web.Request) -> web.Response | None:
        match fault.kind:
            case "status":
                return self._plain(fault.status)
            case "malformed":
                return web.Response(text="<html>oops</html>", content_type="text/html")
            case "short":
                return _ok([])
            case "drop":
                self._cut(request)
                return web.Response()
            case "hang":
                await asyncio.sleep(fault.seconds)
        return None

    async def _late(self, fault: Fault, request: web.Request) -> None:
        if fault.kind == "drop-after":
            self._cut(request)

    @staticmethod
    def _cut(request: web.Request) -> None:
        if request.transport is not None:
            request.transport.abort()

    @staticmethod
    def _plain(status: int) -> web.Response:
        return web.json_response(
            {"statusCode": status, "message": "Internal server error"}, status=status
        )

    @staticmethod
    def _error(request: web.Request, refused: Refused, headers: dict[str, str]) -> web.Response:
        return web.json_response(
            {
                "status": "error",
                "timestamp": "2026-11-01T00:00:00.000Z",
                "path": request.path,
                "error": {"code": refused.code, "message": refused.message, "details": {}},
            },
            status=refused.status,
            headers=headers,
        )

    def _authorize(self, request: web.Request) -> None:
        if request.headers.get("Authorization") != f"Bearer {self.world.api_key}":
            raise Refused(401, "UnauthorizedException", "Invalid API Key")
        org = request.match_info.get("org")
        if org is not None and org != str(self.world.organization_id):
            raise Refused(403, "ForbiddenException", "No organization with this id")
        mine = self.world.find(self.world.me, self.world.organization_id)
        if org is not None and (mine is None or mine.role == "MEMBER"):
            raise Refused(403, "ForbiddenException", "Insufficient role in the organization")

    # ---------------------------------------------------------------- the organization

    async def _me(self, _: web.Request) -> web.Response:
        me = self.world.accounts[self.world.me]
        return _ok(
            {
                "id": me.id,
                "username": me.username,
                "email": me.email,
                "name": me.name,
                "avatarUrl": None,
                "bio": None,
                "timeFormat": 12,
                "defaultScheduleId": None,
                "weekStart": "Sunday",
                "timeZone": me.time_zone,
                "organizationId": self.world.organization_id,
            }
        )

    async def _list_people(self, request: web.Request) -> web.Response:
        found = self.world.of_team(self.world.organization_id)
        return self._page(request, [self._shown(one) for one in found], 250)

    async def _one_person(self, request: web.Request) -> web.Response:
        return _ok(self._shown(self._membership(request, self.world.organization_id)))

    async def _add_person(self, request: web.Request) -> web.Response:
        body = await _body(request)
        role = _role(body.get("role"))
        if "userId" in body:
            account = self.world.accounts.get(_number(body["userId"]))
            if account is None:
                raise Refused(400, "BadRequestException", "Unknown user")
            accepted = bool(body.get("accepted", False))
        else:
            account = self._by_email(body)
            accepted = self._auto_accepted(account.email)
            account.profile = accepted
        membership = self.world.join(
            account.id, self.world.organization_id, role, accepted=accepted
        )
        return _ok(self._shown(membership), 201)

    def _by_email(self, body: dict[str, Any]) -> Account:
        if self.world.dialect != "hosted":
            raise Refused(400, "BadRequestException", "userId must be a number")
        account = self.world.account(str(body.get("email", "")))
        if account is None:
            raise Refused(404, "NotFoundException", "No user with this email")
        return account

    def _auto_accepted(self, email: str) -> bool:
        domains = self.world.auto_accept_domains
        return domains is None or email.rpartition("@")[2].casefold() in domains

    async def _remove_person(self, request: web.Request) -> web.Response:
        membership = self._membership(request, self.world.organization_id)
        shown = self._shown(membership)
        self.world.leave(membership.user_id)
        return _ok(shown)

    async def _change(self, request: web.Request) -> web.Response:
        team = int(request.match_info.get("team", self.world.organization_id))
        membership = self._membership(request, team)
        body = await _body(request)
        if "role" in body:
            membership.role = _role(body["role"])
        if isinstance(body.get("accepted"), bool):
            membership.accepted = body["accepted"]
        return _ok(self._shown(membership))

    async def _list_users(self, request: web.Request) -> web.Response:
        wanted = {one for text in request.query.getall("emails", []) for one in text.split(",")}
        found = [
            self._user(account)
            for account in self.world.accounts.values()
            if account.profile and (not wanted or account.email in wanted)
        ]
        return self._page(request, found, 1000)

    async def _create_user(self, request: web.Request) -> web.Response:
        body = await _body(request)
        email = body.get("email")
        if not isinstance(email, str) or "@" not in email:
            raise Refused(400, "BadRequestException", "email must be an email")
        if len(str(body.get("name", ""))) > 50:
            raise Refused(400, "BadRequestException", "name must be shorter than 50 characters")
        if self.world.account(email) is not None:
            if self.world.dialect == "hosted":
                raise Refused(400, "user_already_invited_or_member", "Already a member")
            raise Refused(409, "ConflictException", "A user already exists with this email")
        role = _role(body.get("organizationRole", "MEMBER"))
        account = Account(self.world._id(), email, email.partition("@")[0])  # noqa: SLF001
        account.name = body.get("name") if self.world.dialect == "hosted" else None
        account.locale = body.get("locale") or "en"
        account.time_zone = body.get("timeZone") or account.time_zone
        self.world.accounts[account.id] = account
        accepted = bool(body.get("autoAccept", True))
        account.profile = accepted
        self.world.join(account.id, self.world.organization_id, role, accepted=accepted)
        if not body.get("skipNotificationEmail"):
            self.world.mails.append(email)
        return _ok(self._user(account), 201)

    async def _update_user(self, request: web.Request) -> web.Response:
        account = self.world.accounts.get(int(request.match_info["user"]))
        if account is None or not account.profile:
            raise Refused(404, "NotFoundException", "No such user in the organization")
        body = await _body(request)
        email = body.get("email", account.email)
        other = self.world.account(email)
        if other is not None and other.id != account.id:
            raise Refused(409, "ConflictException", "A user already exists with this email")
        account.email = email
        account.locale = body.get("locale") or "en"
        account.time_zone = body.get("timeZone") or account.time_zone
        return _ok(self._user(account))

    async def _delete_user(self, request: web.Request) -> web.Response:
        account = self.world.accounts[int(request.match_info["user"])]
        self.world.delete_account(account.id)
        return _ok(self._user(account))

    # ---------------------------------------------------------------- teams

    async def _list_teams(self, request: web.Request) -> web.Response:
        return self._page(request, [self._team(team) for team in self.world.teams.values()], 250)

    async def _create_team(self, request: web.Request) -> web.Response:
        body = await _body(request)
        slug = body.get("slug") or str(body.get("name", "")).lower().replace(" ", "-")
        if any(team.slug == slug for team in self.world.teams.values()):
            raise Refused(409, "ConflictException", "A team with this slug exists")
        number = self.world.add_team(body["name"], slug)
        self.world.join(self.world.me, number, "OWNER", accepted=True)
        return _ok(self._team(self.world.teams[number]), 201)

    async def _list_members(self, request: web.Request) -> web.Response:
        team = self._the_team(request)
        found = [self._shown(one) for one in self.world.of_team(team)]
        return self._page(request, found, 250)

    async def _one_member(self, request: web.Request) -> web.Response:
        return _ok(self._shown(self._membership(request, self._the_team(request))))

    async def _add_member(self, request: web.Request) -> web.Response:
        team = self._the_team(request)
        body = await _body(request)
        user = _number(body.get("userId"))
        account = self.world.accounts.get(user)
        if account is None:
            raise Refused(400, "BadRequestException", "Unknown user")
        if not account.profile:
            raise Refused(
                422, "UnprocessableEntityException", "User is not part of the Organization"
            )
        if self.world.find(user, team) is not None:
            raise Refused(409, "ConflictException", "The user is a member of this team already")
        accepted = bool(body.get("accepted", False))
        membership = self.world.join(user, team, _role(body.get("role")), accepted=accepted)
        return _ok(self._shown(membership), 201)

    async def _remove_member(self, request: web.Request) -> web.Response:
        membership = self._membership(request, self._the_team(request))
        self.world.drop(membership.id)
        return _ok(self._shown(membership))

    # ---------------------------------------------------------------- shapes

    def _the_team(self, request: web.Request) -> int:
        team = int(request.match_info["team"])
        if team not in self.world.teams:
            raise Refused(404, "NotFoundException", "No team with this id")
        return team

    def _membership(self, request: web.Request, team: int) -> Membership:
        membership = self.world.memberships.get(int(request.match_info["membership"]))
        if membership is None or membership.team_id != team:
            raise Refused(404, "NotFoundException", "No membership with this id")
        return membership

    def _page(self, request: web.Request, rows: list[Any], most: int) -> web.Response:
        take = min(max(int(request.query.get("take", most)), 1), most)
        skip = int(request.query.get("skip", 0))
        if self.shuffle and len(rows) <= take:
            self.world.random.shuffle(rows)  # no ORDER BY
        return _ok(rows[skip : skip + take])

    def _shown(self, one: Membership) -> dict[str, Any]:
        account = self.world.accounts[one.user_id]
        shown: dict[str, Any] = {
            "id": one.id,
            "userId": one.user_id,
            "teamId": one.team_id,
            "accepted": one.accepted,
            "role": one.role,
            "disableImpersonation": False,
            "user": {
                "avatarUrl": None,
                "username": account.username,
                "name": account.name,
                "email": account.email,
                "bio": None,
            },
        }
        if one.team_id == self.world.organization_id:
            shown["attributes"] = []
        return shown

    def _user(self, account: Account) -> dict[str, Any]:
        return {
            "id": account.id,
            "username": account.username,
            "name": account.name,
            "email": account.email,
            "timeZone": account.time_zone,
            "weekStart": "Sunday",
            "locale": account.locale,
            "hideBranding": False,
            "createdDate": "2026-11-01T00:00:00.000Z",
            "profile": {
                "id": account.id,
                "organizationId": self.world.organization_id,
                "userId": account.id,
                "username": account.username,
            },
        }

    def _team(self, team: SimTeam) -> dict[str, Any]:
        return {
            "id": team.id,
            "parentId": self.world.organization_id,
            "name": team.name,
            "slug": team.slug,
            "isOrganization": False,
        }

    # ---------------------------------------------------------------- by hand, over HTTP

    def _by_hand(self, app: web.Application) -> None:
        async def state(_: web.Request) -> web.Response:
            return web.json_response({**self.world.snapshot(), "calls": dict(self.calls)})

        async def act(request: web.Request) -> web.Response:
            body = await request.json() if request.can_read_body else {}
            try:
                self._act(request.match_info["what"], body)
            except (StopIteration, AssertionError, KeyError, TypeError) as error:
                return web.json_response({"error": f"{error!r}"}, status=400)
            return await state(request)

        app.router.add_get("/_sim/state", state)
        app.router.add_post("/_sim/{what}", act)

    def _act(self, what: str, body: dict[str, Any]) -> None:
        """people, teams, members (``remove`` true takes off), leave, accept, faults."""
        match what:
            case "people":
                self.world.add_person(**body)
            case "teams":
                self.world.add_team(**body)
            case "members" if body.pop("remove", False):
                self.world.take_off_team(**body)
            case "members":
                self.world.put_on_team(**body)
            case "leave":
                self.world.remove_from_org(**body)
            case "accept":
                self.world.accept(**body)
            case "faults":
                self.faults = [Fault(**one) for one in body.get("faults", [])]
            case _:
                raise KeyError(what)


def _ok(data: Any, status: int = 200) -> web.Response:
    return web.json_response({"status": "success", "data": data}, status=status)


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError as error:
        raise Refused(400, "BadRequestException", "Invalid JSON") from error
    if not isinstance(body, dict):
        raise Refused(400, "BadRequestException", "An object is expected")
    return body


def _role(value: Any) -> str:
    if value not in ROLES:
        raise Refused(400, "BadRequestException", f"role must be one of {', '.join(ROLES)}")
    return str(value)


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise Refused(400, "BadRequestException", "userId must be a number")
    return value


@asynccontextmanager
async def serve(
    world: World, host: str = "127.0.0.1", port: int = 0, simulation: Simulation | None = None
) -> AsyncIterator[str]:
    """The world's address, for as long as it is needed."""
    runner = web.AppRunner((simulation or Simulation(world)).application(), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        bound = runner.addresses[0]
        yield f"http://{bound[0]}:{bound[1]}"
    finally:
        await runner.cleanup()


async def run(listen: str, world: World, limit: int | None = 120) -> None:
    """Serve until cancelled."""
    host, _, port = listen.rpartition(":")
    async with serve(world, host, int(port), Simulation(world, limit=limit)):
        await asyncio.Event().wait()
