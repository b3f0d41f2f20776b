"""The calls of Cal.com's API v2 that calscim makes: one method each, typed both ways.

Raises RemoteError, whose kind says what the answer means. The call that deletes a whole account
(DELETE /users/{id}) does not exist here. Source: Cal.com's OpenAPI document for /v2/organizations/{orgId}.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp

from calscim.calcom import decode
from calscim.calcom.decode import (
    Account,
    Attribute,
    Me,
    Option,
    OrgMembership,
    TeamMembership,
    rows_of,
)
from calscim.calcom.lists import Paging
from calscim.calcom.metrics import Metrics
from calscim.calcom.rate_budget import Budget
from calscim.calcom.transport import Turn, Waiting, Wire
from calscim.clock import Clock
from calscim.planner.ids import CalUserId, MembershipId, TeamId
from calscim.planner.observed_state import Team
from calscim.planner.roles import Role

PAGE = 250  # rows, the most that a list gives at once
USERS_PAGE = 1000  # rows, the most that the list of users gives at once
T = TypeVar("T")


class Client:
    """One organization's calls with one key. Reads find their turn themselves, writes are handed one.

    ``paging`` is what reads found out about the lists; it lives here, as readers come and go.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        organization: str,
        api_url: str,
        organization_id: int,
        api_key: str,
        budget: Budget,
        clock: Clock,
        timeout: float,
        metrics: Metrics | None = None,
        waiting: Waiting = nullcontext,
    ) -> None:
        self.organization_id = organization_id
        self.paging = Paging(organization)
        self._wire = Wire(
            session,
            organization=organization,
            api_url=api_url,
            api_key=api_key,
            budget=budget,
            clock=clock,
            timeout=timeout,
            metrics=metrics,
            waiting=waiting,
        )
        self._root = f"/v2/organizations/{organization_id}"

    def __repr__(self) -> str:
        return f"Client({self.organization_id}, {self._wire!r})"

    def use(self, *, api_key: str, timeout: float) -> None:
        """Call with another key, or wait otherwise for answers, from the next call on."""
        self._wire.use(api_key=api_key, timeout=timeout)

    @property
    def budget(self) -> Budget:
        return self._wire.budget

    @property
    def calls(self) -> int:
        """How many were sent so far."""
        return self._wire.calls

    def tell_waits(self, told: Callable[[float], Awaitable[None]]) -> None:
        """Call ``told`` with the seconds whenever a call has to wait for the rate limit, before it waits."""
        self._wire.on_wait = told

    async def turn(self, request_id: str) -> Turn:
        """Wait until one more call may be sent. To be had before a write is announced anywhere."""
        return await self._wire.turn(request_id)

    async def me(self) -> Me:
        return await self._wire.send(await self._wire.turn(), "GET", "/v2/me", decode.me)

    # -------------------------------------------------------------- the organization's memberships

    async def memberships(self, skip: int, take: int = PAGE) -> list[OrgMembership]:
        """One page, in no order: everybody, accepted or not."""
        return await self._page("/memberships", decode.org_membership, skip, take)

    async def membership(self, number: MembershipId) -> OrgMembership:
        return await self._get(f"/memberships/{number}", decode.org_membership)

    async def attach(
        self, turn: Turn, user: CalUserId, role: Role, *, accepted: bool
    ) -> OrgMembership:
        """Create the account's membership, or replace the role and state of the one that it has.

        Cal.com makes no Profile here: the person gets one by accepting a pending membership. ``accepted`` True
        is only right for an account that has its Profile. GONE: there is no such account.
        """
        body = {"userId": user, "role": role.value, "accepted": accepted}
        return await self._post(turn, "/memberships", body, decode.org_membership)

    async def invite(self, turn: Turn, email: str, role: Role) -> OrgMembership:
        """Bring the account with that address in; pending, unless its domain is accepted by itself.

        Only hosted Cal.com has it: older builds miss ``userId`` and answer 400.
        """
        body = {"email": email, "role": role.value}
        return await self._post(turn, "/memberships", body, decode.org_membership)

    async def change_membership(
        self, turn: Turn, number: MembershipId, role: Role
    ) -> OrgMembership:
        body = {"role": role.value}
        return await self._patch(turn, f"/memberships/{number}", body, decode.org_membership)

    async def make_pending(self, turn: Turn, number: MembershipId) -> OrgMembership:
        """Let the person accept the membership again; the role stays."""
        body = {"accepted": False}
        return await self._patch(turn, f"/memberships/{number}", body, decode.org_membership)

    async def end_membership(self, turn: Turn, number: MembershipId) -> None:
        """Out of the organization and its teams; the account survives."""
        await self._delete(turn, f"/memberships/{number}")

    # -------------------------------------------------------------- users

    async def users(self, emails: list[str]) -> list[Account]:
        """Those of the addresses, exactly as written, that have a profile in the organization.

        Cal.com compares an address with its case, and stores the addresses it creates in lower case. The
        parameter is repeated for each address; several in one, with commas, are refused with a 400.
        """
        query = [("take", "1000"), ("skip", "0"), *(("emails", email) for email in emails)]
        return await self._get("/users", _list(decode.account), query)

    async def all_users(self, skip: int, take: int = USERS_PAGE) -> list[Account]:
        """One page of everyone who has a Profile in the organization."""
        return await self._page("/users", decode.account, skip, take)

    async def create_user(self, turn: Turn, body: Mapping[str, Any]) -> Account:
        return await self._post(turn, "/users", body, decode.account)

    async def change_user(self, turn: Turn, user: CalUserId, body: Mapping[str, Any]) -> Account:
        return await self._patch(turn, f"/users/{user}", body, decode.account)

    # -------------------------------------------------------------- teams

    async def teams(self, skip: int, take: int = PAGE) -> list[Team]:
        """One page, or every team: builds from 2025-09-11 on ignore ``skip`` and ``take`` here."""
        return await self._page("/teams", decode.team, skip, take)

    async def team(self, team: TeamId) -> Team:
        """GONE: the organization has no such team."""
        return await self._get(f"/teams/{team}", decode.team)

    async def create_team(self, turn: Turn, name: str, slug: str) -> Team:
        """The key's own user becomes its owner. CONFLICT when the slug is taken."""
        return await self._post(turn, "/teams", {"name": name, "slug": slug}, decode.team)

    async def team_memberships(
        self, team: TeamId, skip: int, take: int = PAGE
    ) -> list[TeamMembership]:
        return await self._page(f"/teams/{team}/memberships", decode.team_membership, skip, take)

    async def add_member(
        self, turn: Turn, team: TeamId, user: CalUserId, role: Role
    ) -> TeamMembership:
        body = {"userId": user, "role": role.value, "accepted": True}
        path = f"/teams/{team}/memberships"
        return await self._post(turn, path, body, decode.team_membership)

    async def change_member(
        self, turn: Turn, team: TeamId, number: MembershipId, role: Role
    ) -> TeamMembership:
        path = f"/teams/{team}/memberships/{number}"
        return await self._patch(turn, path, {"role": role.value}, decode.team_membership)

    async def accept_member(self, turn: Turn, team: TeamId, number: MembershipId) -> TeamMembership:
        path = f"/teams/{team}/memberships/{number}"
        return await self._patch(turn, path, {"accepted": True}, decode.team_membership)

    async def remove_member(self, turn: Turn, team: TeamId, number: MembershipId) -> None:
        await self._delete(turn, f"/teams/{team}/memberships/{number}")

    # -------------------------------------------------------------- attributes

    async def attributes(self, skip: int, take: int = PAGE) -> list[Attribute]:
        return await self._page("/attributes", decode.attribute, skip, take)

    async def options(self, attribute: str) -> list[Option]:
        """Every value of a selection; not paged."""
        return await self._get(f"/attributes/{_quoted(attribute)}/options", _list(decode.option))

    async def create_option(self, turn: Turn, attribute: str, value: str, slug: str) -> Option:
        path = f"/attributes/{_quoted(attribute)}/options"
        return await self._post(turn, path, {"value": value, "slug": slug}, decode.option)

    async def assigned(self, user: CalUserId) -> list[Option]:
        """What a person's attributes are."""
        return await self._get(f"/attributes/options/{user}", _list(decode.option))

    async def assign_option(self, turn: Turn, user: CalUserId, attribute: str, option: str) -> None:
        body = {"attributeId": attribute, "attributeOptionId": option}
        await self._post(turn, f"/attributes/options/{user}", body, decode.nothing)

    async def assign_value(self, turn: Turn, user: CalUserId, attribute: str, value: str) -> str:
        """For TEXT and NUMBER; returns the id of the option that the value is kept as."""
        body = {"attributeId": attribute, "value": value}
        return await self._post(turn, f"/attributes/options/{user}", body, decode.assigned)

    async def unassign(self, turn: Turn, user: CalUserId, option: str) -> None:
        await self._delete(turn, f"/attributes/options/{user}/{_quoted(option)}")

    # -------------------------------------------------------------- methods

    async def _page(self, path: str, parse: Callable[[Any], T], skip: int, take: int) -> list[T]:
        return await self._get(path, _list(parse), [("take", str(take)), ("skip", str(skip))])

    async def _get(
        self, path: str, parse: Callable[[Any], T], query: Sequence[tuple[str, str]] = ()
    ) -> T:
        turn = await self._wire.turn()
        return await self._wire.send(turn, "GET", self._root + path, parse, query=query)

    async def _post(
        self, turn: Turn, path: str, body: Mapping[str, Any], parse: Callable[[Any], T]
    ) -> T:
        return await self._wire.send(turn, "POST", self._root + path, parse, body=body)

    async def _patch(
        self, turn: Turn, path: str, body: Mapping[str, Any], parse: Callable[[Any], T]
    ) -> T:
        return await self._wire.send(turn, "PATCH", self._root + path, parse, body=body)

    async def _delete(self, turn: Turn, path: str) -> None:
        await self._wire.send(turn, "DELETE", self._root + path, decode.nothing)


def _list(parse: Callable[[Any], T]) -> Callable[[Any], list[T]]:
    return lambda data: rows_of(data, parse)


def _quoted(part: str) -> str:
    return quote(part, safe="")
