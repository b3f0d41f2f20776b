"""The calls of Cal.com's API v2 that calscim makes, one typed method for each.

Every method raises RemoteError, whose kind says what the response means. The call that deletes a whole account (DELETE
/users/{id}) is missing on purpose. Source: Cal.com's OpenAPI document for /v2/organizations/{orgId}.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

from calscim.calcom import decode
from calscim.calcom.decode import (
    Account,
    Attribute,
    Me,
    Option,
    OrgMembership,
    TeamMembership,
    parse_rows,
)
from calscim.calcom.lists import Paging
from calscim.calcom.rate_budget import Budget
from calscim.calcom.transport import RatePermit, Transport
from calscim.planner.ids import CalUserId, MembershipId, TeamId
from calscim.planner.observed_state import Team
from calscim.planner.roles import Role

PAGE = 250  # rows, the maximum of a list
USERS_PAGE = 1000  # rows, the maximum of the list of users
T = TypeVar("T")


class Client:
    """The calls of one organization with one key. A read acquires its permit itself, a write is given one.

    ``paging`` is what reads have learned about the lists. It belongs to the client, which outlives its readers.
    """

    def __init__(self, transport: Transport, organization_id: int) -> None:
        self.organization_id = organization_id
        self.paging = Paging(transport.organization)
        self._transport = transport
        self._root = f"/v2/organizations/{organization_id}"

    def __repr__(self) -> str:
        return f"Client({self.organization_id}, {self._transport!r})"

    def use(self, *, api_key: str, timeout: float, send_traceparent: bool) -> None:
        """Use another key, timeout and handling of traces from the next call on."""
        self._transport.use(api_key=api_key, timeout=timeout, send_traceparent=send_traceparent)

    @property
    def budget(self) -> Budget:
        return self._transport.budget

    @property
    def calls(self) -> int:
        """Return the number of calls sent so far."""
        return self._transport.calls

    def notify_waits(self, callback: Callable[[float], Awaitable[None]]) -> None:
        """Call ``callback`` with the seconds before a call waits for the rate limit."""
        self._transport.on_wait = callback

    async def acquire_permit(self, request_id: str) -> RatePermit:
        """Wait until one more call may be sent. A write acquires its permit before its attempt is recorded."""
        return await self._transport.acquire_permit(request_id)

    async def me(self) -> Me:
        return await self._transport.send(
            await self._transport.acquire_permit(), "GET", "/v2/me", decode.me
        )

    # -------------------------------------------------------------- the organization's memberships

    async def memberships(self, skip: int, take: int = PAGE) -> list[OrgMembership]:
        """Return one page of all members in no order, accepted or not."""
        return await self._page("/memberships", decode.org_membership, skip, take)

    async def membership(self, membership_id: MembershipId) -> OrgMembership:
        return await self._get(f"/memberships/{membership_id}", decode.org_membership)

    async def attach(
        self, permit: RatePermit, user: CalUserId, role: Role, *, accepted: bool
    ) -> OrgMembership:
        """Create the membership of an account, or replace the role and state of its membership.

        Cal.com creates no Profile here: the person gets one by accepting a pending membership. So ``accepted`` may be
        True only for an account that has its Profile. NOT_FOUND: the account does not exist.
        """
        body = {"userId": user, "role": role.value, "accepted": accepted}
        return await self._post(permit, "/memberships", body, decode.org_membership)

    async def invite(self, permit: RatePermit, email: str, role: Role) -> OrgMembership:
        """Invite the account with an address. It is pending, unless Cal.com accepts its domain automatically.

        Only hosted Cal.com has this call: older builds require ``userId`` and return 400.
        """
        body = {"email": email, "role": role.value}
        return await self._post(permit, "/memberships", body, decode.org_membership)

    async def change_membership(
        self, permit: RatePermit, membership_id: MembershipId, role: Role
    ) -> OrgMembership:
        body = {"role": role.value}
        return await self._patch(
            permit, f"/memberships/{membership_id}", body, decode.org_membership
        )

    async def make_pending(self, permit: RatePermit, membership_id: MembershipId) -> OrgMembership:
        """Make the membership pending, so that the person can accept it again. The role stays."""
        body = {"accepted": False}
        return await self._patch(
            permit, f"/memberships/{membership_id}", body, decode.org_membership
        )

    async def end_membership(self, permit: RatePermit, membership_id: MembershipId) -> None:
        """Remove the person from the organization and its teams. The account remains."""
        await self._delete(permit, f"/memberships/{membership_id}")

    # -------------------------------------------------------------- users

    async def users(self, emails: list[str]) -> list[Account]:
        """Return the accounts with these addresses, exactly as written, and a Profile in the organization.

        Cal.com compares addresses by case, and stores those that it creates in lower case. The parameter is repeated
        for each address: Cal.com refuses several addresses with commas with a 400.
        """
        query = [("take", "1000"), ("skip", "0"), *(("emails", email) for email in emails)]
        return await self._get("/users", _list(decode.account), query)

    async def all_users(self, skip: int, take: int = USERS_PAGE) -> list[Account]:
        """Return one page of all accounts with a Profile in the organization."""
        return await self._page("/users", decode.account, skip, take)

    async def create_user(self, permit: RatePermit, body: Mapping[str, Any]) -> Account:
        return await self._post(permit, "/users", body, decode.account)

    async def change_user(
        self, permit: RatePermit, user: CalUserId, body: Mapping[str, Any]
    ) -> Account:
        return await self._patch(permit, f"/users/{user}", body, decode.account)

    # -------------------------------------------------------------- teams

    async def teams(self, skip: int, take: int = PAGE) -> list[Team]:
        """Return one page, or every team: builds from 2025-09-11 on ignore ``skip`` and ``take`` here."""
        return await self._page("/teams", decode.team, skip, take)

    async def team(self, team: TeamId) -> Team:
        """Return a team. NOT_FOUND: the organization has no such team."""
        return await self._get(f"/teams/{team}", decode.team)

    async def create_team(self, permit: RatePermit, name: str, slug: str) -> Team:
        """Create a team, whose owner is the key's user. CONFLICT: another team has the slug."""
        return await self._post(permit, "/teams", {"name": name, "slug": slug}, decode.team)

    async def team_memberships(
        self, team: TeamId, skip: int, take: int = PAGE
    ) -> list[TeamMembership]:
        return await self._page(f"/teams/{team}/memberships", decode.team_membership, skip, take)

    async def add_member(
        self, permit: RatePermit, team: TeamId, user: CalUserId, role: Role
    ) -> TeamMembership:
        body = {"userId": user, "role": role.value, "accepted": True}
        path = f"/teams/{team}/memberships"
        return await self._post(permit, path, body, decode.team_membership)

    async def change_member(
        self, permit: RatePermit, team: TeamId, membership_id: MembershipId, role: Role
    ) -> TeamMembership:
        path = f"/teams/{team}/memberships/{membership_id}"
        return await self._patch(permit, path, {"role": role.value}, decode.team_membership)

    async def accept_member(
        self, permit: RatePermit, team: TeamId, membership_id: MembershipId
    ) -> TeamMembership:
        path = f"/teams/{team}/memberships/{membership_id}"
        return await self._patch(permit, path, {"accepted": True}, decode.team_membership)

    async def remove_member(
        self, permit: RatePermit, team: TeamId, membership_id: MembershipId
    ) -> None:
        await self._delete(permit, f"/teams/{team}/memberships/{membership_id}")

    # -------------------------------------------------------------- attributes

    async def attributes(self, skip: int, take: int = PAGE) -> list[Attribute]:
        return await self._page("/attributes", decode.attribute, skip, take)

    async def options(self, attribute: str) -> list[Option]:
        """Return every option of a selection. This list has no pages."""
        return await self._get(f"/attributes/{_quoted(attribute)}/options", _list(decode.option))

    async def create_option(
        self, permit: RatePermit, attribute: str, value: str, slug: str
    ) -> Option:
        path = f"/attributes/{_quoted(attribute)}/options"
        return await self._post(permit, path, {"value": value, "slug": slug}, decode.option)

    async def assigned(self, user: CalUserId) -> list[Option]:
        """Return the attribute values of a person."""
        return await self._get(f"/attributes/options/{user}", _list(decode.option))

    async def assign_option(
        self, permit: RatePermit, user: CalUserId, attribute: str, option: str
    ) -> None:
        body = {"attributeId": attribute, "attributeOptionId": option}
        await self._post(permit, f"/attributes/options/{user}", body, decode.ignore)

    async def assign_value(
        self, permit: RatePermit, user: CalUserId, attribute: str, value: str
    ) -> str:
        """Assign a value of TEXT or NUMBER, and return the id of the option that stores it."""
        body = {"attributeId": attribute, "value": value}
        return await self._post(permit, f"/attributes/options/{user}", body, decode.assigned_option)

    async def unassign(self, permit: RatePermit, user: CalUserId, option: str) -> None:
        await self._delete(permit, f"/attributes/options/{user}/{_quoted(option)}")

    # -------------------------------------------------------------- methods

    async def _page(self, path: str, parse: Callable[[Any], T], skip: int, take: int) -> list[T]:
        return await self._get(path, _list(parse), [("take", str(take)), ("skip", str(skip))])

    async def _get(
        self, path: str, parse: Callable[[Any], T], query: Sequence[tuple[str, str]] = ()
    ) -> T:
        permit = await self._transport.acquire_permit()
        return await self._transport.send(permit, "GET", self._root + path, parse, query=query)

    async def _post(
        self, permit: RatePermit, path: str, body: Mapping[str, Any], parse: Callable[[Any], T]
    ) -> T:
        return await self._transport.send(permit, "POST", self._root + path, parse, body=body)

    async def _patch(
        self, permit: RatePermit, path: str, body: Mapping[str, Any], parse: Callable[[Any], T]
    ) -> T:
        return await self._transport.send(permit, "PATCH", self._root + path, parse, body=body)

    async def _delete(self, permit: RatePermit, path: str) -> None:
        await self._transport.send(permit, "DELETE", self._root + path, decode.ignore)


def _list(parse: Callable[[Any], T]) -> Callable[[Any], list[T]]:
    return lambda data: parse_rows(data, parse)


def _quoted(part: str) -> str:
    return quote(part, safe="")
