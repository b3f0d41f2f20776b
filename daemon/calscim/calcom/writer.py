"""Performs one action: a row before, exactly one call, a row after. The only way to change Cal.com."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, assert_never

from calscim.calcom.client import Client
from calscim.core.model import Action, CalUserId, Kind, MembershipId, Role
from calscim.errors import RemoteError, RemoteKind

NAME_LENGTH = 50  # Cal.com refuses longer names


class Result(Enum):
    DONE = "done"
    ALREADY = "already"  # it was so before
    GONE = "gone"  # what was to be changed does not exist any more
    CONFLICT = "conflict"  # the account exists: attach it instead
    REFUSED = "refused"
    THROTTLED = "throttled"
    AUTH = "auth"
    UNKNOWN = "unknown"  # it may have happened


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one call came to; ids where the answer had them."""

    result: Result
    detail: str = ""
    cal_user: CalUserId | None = None
    membership: MembershipId | None = None
    accepted: bool | None = None
    retry_after: float | None = None


class ActionLog(Protocol):
    """Where attempts are written down."""

    async def begin(self, action: Action, request_id: str) -> int:
        """The attempt's number. Raises when nothing may be sent."""
        ...

    async def finish(self, action_id: int, outcome: Outcome) -> None:
        """Called once for each ``begin`` whose call came to an end."""
        ...


_KINDS = {
    RemoteKind.UNREACHABLE: Result.UNKNOWN,
    RemoteKind.MALFORMED: Result.UNKNOWN,
    RemoteKind.THROTTLED: Result.THROTTLED,
    RemoteKind.AUTH: Result.AUTH,
    RemoteKind.REJECTED: Result.REFUSED,
    RemoteKind.CONFLICT: Result.CONFLICT,
    RemoteKind.GONE: Result.GONE,
}


class Writer:
    def __init__(self, client: Client, log: ActionLog, *, notify_new_users: bool = True) -> None:
        self._client = client
        self._log = log
        self._notify = notify_new_users

    async def perform(self, action: Action, request_id: str) -> Outcome:
        """Never raises for what Cal.com answers; what ``begin`` raises goes through."""
        number = await self._log.begin(action, request_id)
        try:
            outcome = _outcome(action, await self._send(action, request_id))
        except RemoteError as error:
            outcome = _failure(action, error)
        await self._log.finish(number, outcome)
        return outcome

    async def _send(self, action: Action, request_id: str) -> Any:
        client, team = self._client, action.team
        members = "/memberships" if team is None else f"/teams/{team}/memberships"
        role = (action.role or Role.MEMBER).value
        match action.kind:
            case Kind.CREATE:
                return await client.post("/users", self._new_user(action, role), request_id)
            case Kind.ATTACH:
                body: dict[str, Any] = {"email": action.email, "role": role}
                if action.cal_user is not None:
                    body = {"userId": action.cal_user, "role": role, "accepted": True}
                return await client.post("/memberships", body, request_id)
            case Kind.UPDATE:
                body = {"email": action.email, "locale": action.locale or "en"}
                if action.time_zone:
                    body["timeZone"] = action.time_zone
                return await client.patch(f"/users/{action.cal_user}", body, request_id)
            case Kind.DEPROVISION:
                return await client.delete(f"/memberships/{action.membership}", request_id)
            case Kind.ADD:
                body = {"userId": action.cal_user, "role": role, "accepted": True}
                return await client.post(members, body, request_id)
            case Kind.ROLE:
                return await client.patch(
                    f"{members}/{action.membership}", {"role": role}, request_id
                )
            case Kind.REMOVE:
                return await client.delete(f"{members}/{action.membership}", request_id)
            case _:
                assert_never(action.kind)

    def _new_user(self, action: Action, role: str) -> dict[str, Any]:
        """Without ``username``, which older builds cannot take; unknown fields are dropped by them."""
        body: dict[str, Any] = {
            "email": action.email,
            "locale": action.locale or "en",
            "organizationRole": role,
            "autoAccept": True,
        }
        if action.time_zone:
            body["timeZone"] = action.time_zone
        if action.name:
            body["name"] = action.name[:NAME_LENGTH]
        if not self._notify:
            body["skipNotificationEmail"] = True
        return body


def _outcome(action: Action, data: Any) -> Outcome:
    if not isinstance(data, dict):
        return Outcome(Result.DONE)
    number = data.get("id")
    if action.kind is Kind.CREATE:
        return Outcome(Result.DONE, cal_user=_id(number, CalUserId))
    if action.kind in (Kind.ATTACH, Kind.ADD, Kind.ROLE):
        return Outcome(
            Result.DONE,
            cal_user=_id(data.get("userId"), CalUserId),
            membership=_id(number, MembershipId),
            accepted=data.get("accepted") if isinstance(data.get("accepted"), bool) else None,
        )
    return Outcome(Result.DONE)


def _id(number: Any, make: Any) -> Any:
    return make(number) if isinstance(number, int) else None


def _failure(action: Action, error: RemoteError) -> Outcome:
    result = _KINDS[error.kind]
    if result is Result.CONFLICT and action.kind is Kind.ADD:
        result = Result.ALREADY
    return Outcome(result, str(error), retry_after=error.retry_after)
