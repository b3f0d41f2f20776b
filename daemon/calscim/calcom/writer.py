"""Performs one action: an attempt row, one call that changes Cal.com, an outcome row. Nothing else changes Cal.com."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Protocol, assert_never

from calscim.calcom.client import Client
from calscim.calcom.decode import Account
from calscim.calcom.transport import RatePermit
from calscim.errors import RemoteError, RemoteKind
from calscim.names import address_key
from calscim.planner.actions import Action, AttributeChange, AttributeOp, Kind
from calscim.planner.ids import CalUserId, MembershipId, TeamId
from calscim.planner.naming import slug
from calscim.planner.observed_state import Incomplete, OrgMember, TeamMember
from calscim.planner.roles import Role

SERVER_ERROR = 500  # of Cal.com itself; 502 to 504 come from a proxy that cannot reach Cal.com
NAME_LENGTH = 50  # Cal.com refuses longer names
PREFERENCES = frozenset({"locale", "timeZone"})  # left out of a second try


class Result(Enum):
    DONE = "done"
    ALREADY = "already"  # nothing had to change
    NOT_FOUND = "gone"  # the membership, team or account does not exist
    CONFLICT = "conflict"  # the account exists: attach it instead
    NO_PROFILE = "no_profile"  # the person has no Profile in the organization
    REFUSED = "refused"
    THROTTLED = "throttled"
    AUTH = "auth"
    UNKNOWN = "unknown"  # it may have happened


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one call, with the ids of its response."""

    result: Result
    detail: str = ""
    cal_user: CalUserId | None = None
    membership: MembershipId | None = None
    accepted: bool | None = None
    retry_after: float | None = None
    team: TeamId | None = None
    option: str | None = None
    invites_by_email: bool | None = None  # what the build has shown
    served: bool = False  # UNKNOWN because of a 500 of Cal.com itself


INTERRUPTED = Outcome(Result.UNKNOWN, "calscim was stopped while it waited for the response")

UNKNOWN_MEMBERSHIP = Outcome(
    Result.UNKNOWN, "nothing was sent: the next pass has to read the membership's id first"
)
_ON_A_MEMBERSHIP = (Kind.DEPROVISION, Kind.ACCEPT, Kind.ROLE, Kind.REMOVE)


class ActionLog(Protocol):
    """Records attempts and their outcomes."""

    async def begin(self, action: Action, request_id: str) -> int:
        """Record an attempt and return its id. Raise if nothing may be sent."""
        ...

    async def finish(self, action_id: int, outcome: Outcome) -> None:
        """Record the outcome. It is called once for each ``begin``, also if the call was interrupted."""
        ...


_RESULTS = {
    RemoteKind.UNREACHABLE: Result.UNKNOWN,
    RemoteKind.MALFORMED: Result.UNKNOWN,
    RemoteKind.THROTTLED: Result.THROTTLED,
    RemoteKind.AUTH: Result.AUTH,
    RemoteKind.REJECTED: Result.REFUSED,
    RemoteKind.CONFLICT: Result.CONFLICT,
    RemoteKind.NOT_FOUND: Result.NOT_FOUND,
    RemoteKind.NO_PROFILE: Result.NO_PROFILE,
}


class Writer:
    """Performs actions. ``invites_by_email``: POST memberships accepts an address; None: unknown yet."""

    def __init__(
        self,
        client: Client,
        log: ActionLog,
        *,
        notify_new_users: bool = True,
        invites_by_email: bool | None = None,
    ) -> None:
        self._client = client
        self._log = log
        self._notify = notify_new_users
        self._invites_by_email = invites_by_email

    async def perform(self, action: Action, request_id: str) -> Outcome:
        """Perform an action and return the outcome. Only ``begin`` raises, never the call.

        The permit is acquired first, so that there is no wait between ``begin``, which checks that this process may
        still write, and the call.
        """
        if action.kind in _ON_A_MEMBERSHIP and not action.membership:
            return UNKNOWN_MEMBERSHIP
        permit = await self._client.acquire_permit(request_id)
        attempt_id = await self._log.begin(action, request_id)
        outcome = INTERRUPTED
        try:
            outcome = await self._send(action, permit)
        except RemoteError as error:
            outcome = _failed_outcome(action, error)
        finally:
            await asyncio.shield(self._log.finish(attempt_id, outcome))
        return outcome

    async def _send(self, action: Action, permit: RatePermit) -> Outcome:
        role = action.role or Role.MEMBER
        match action.kind:
            case Kind.CREATE:
                return await self._create(action, permit, role)
            case Kind.ATTACH:
                return await self._attach(action, permit, role)
            case Kind.UPDATE if action.change is not None:
                return await self._attribute(action, action.change, permit)
            case Kind.UPDATE:
                return await self._update(action, permit)
            case Kind.DEPROVISION:
                await self._client.end_membership(permit, _membership(action))
                return Outcome(Result.DONE, cal_user=action.cal_user)
            case Kind.TEAM:
                assert action.new_team, "a team is made with a name"
                team = await self._client.create_team(
                    permit, action.new_team, slug(action.new_team)
                )
                return Outcome(Result.DONE, f"team {team.id}", team=team.id)
            case Kind.ADD:
                assert action.team is not None, "a member is added to a team"
                row = await self._client.add_member(permit, action.team, _account(action), role)
                return _outcome_of(row.member)
            case Kind.ACCEPT:
                assert action.team is not None, "a team membership is accepted"
                row = await self._client.accept_member(permit, action.team, _membership(action))
                return _outcome_of(row.member)
            case Kind.ROLE:
                return await self._change_role(action, permit, role)
            case Kind.REMOVE:
                assert action.team is not None, "a member is taken off a team"
                await self._client.remove_member(permit, action.team, _membership(action))
                return Outcome(Result.DONE, cal_user=action.cal_user)
            case _:
                assert_never(action.kind)

    async def _with_preferences(
        self,
        permit: RatePermit,
        body: dict[str, Any],
        call: Callable[[RatePermit, dict[str, Any]], Awaitable[Account]],
    ) -> tuple[Account | None, str]:
        """Make the call, and repeat it without the locale or the time zone if Cal.com refuses only these.

        Return the account, or None if nothing else was to be sent, and a note about what was left out.
        """
        left_out: list[str] = []
        while body:
            try:
                return await call(permit, body), "; ".join(left_out)
            except RemoteError as error:
                refused = sorted(PREFERENCES & body.keys() & set(error.properties))
                if error.kind is not RemoteKind.REJECTED or not refused:
                    raise
            left_out += [f"Cal.com refused the {name} {body[name]}: left out" for name in refused]
            body = {name: value for name, value in body.items() if name not in refused}
            if body:
                permit = await self._client.acquire_permit(permit.request_id)
        return None, "; ".join(left_out)

    async def _create(self, action: Action, permit: RatePermit, role: Role) -> Outcome:
        body = self._new_user(action, role)
        account, left_out = await self._with_preferences(permit, body, self._client.create_user)
        assert account is not None, "an account is created with its address"
        return Outcome(Result.DONE, left_out, cal_user=account.user)

    async def _attach(self, action: Action, permit: RatePermit, role: Role) -> Outcome:
        """Attach by address if the build supports it, which creates a Profile at once, or else by account id.

        A build that does not support it changes nothing.
        """
        if action.membership is not None:
            return await self._repair(action, permit)
        invites = self._invites_by_email
        if invites is not False or action.cal_user is None:
            try:
                invited = await self._client.invite(permit, action.email, role)
            except RemoteError as error:
                if "userId" in error.properties:  # this build requires account ids
                    invites = self._invites_by_email = False
                impossible = error.status == 400 and error.kind is RemoteKind.REJECTED
                if action.cal_user is None or not (
                    impossible or error.kind is RemoteKind.NOT_FOUND
                ):
                    return replace(_failed_outcome(action, error), invites_by_email=invites)
                permit = await self._client.acquire_permit(permit.request_id)
            else:
                return replace(_outcome_of(invited.member), invites_by_email=True)
        attached = await self._client.attach(
            permit, _account(action), role, accepted=action.has_profile
        )
        return replace(_outcome_of(attached.member), invites_by_email=invites)

    async def _repair(self, action: Action, permit: RatePermit) -> Outcome:
        """Make a half-member pending. A member who has a Profile by now stays as they are."""
        if await self._has_profile(_account(action), permit):
            return Outcome(Result.ALREADY, "the person has a Profile", cal_user=action.cal_user)
        permit = await self._client.acquire_permit(permit.request_id)
        row = await self._client.make_pending(permit, _membership(action))
        return _outcome_of(row.member)

    async def has_profile(self, user: CalUserId, request_id: str) -> bool | Incomplete | None:
        """Return True if an account has a Profile in the organization, or None if the key may not change users.

        The call changes nothing, so it is not recorded as an attempt.
        """
        permit = await self._client.acquire_permit(request_id)
        try:
            return await self._has_profile(user, permit)
        except RemoteError as error:
            return None if error.kind is RemoteKind.REJECTED else Incomplete(str(error))

    async def _has_profile(self, user: CalUserId, permit: RatePermit) -> bool:
        """Return True if Cal.com accepts an empty change of the account. Unlike a list, this does not lag."""
        try:
            await self._client.change_user(permit, user, {})
        except RemoteError as error:
            if error.kind is RemoteKind.NO_PROFILE:
                return False
            raise
        return True

    async def _update(self, action: Action, permit: RatePermit) -> Outcome:
        account, left_out = await self._with_preferences(
            permit,
            _changes(action),
            lambda permit, body: self._client.change_user(permit, _account(action), body),
        )
        if account is None:
            return Outcome(Result.DONE, left_out, cal_user=action.cal_user)
        if not action.profile and address_key(account.email) != address_key(action.email):
            kept = f"Cal.com kept the address {account.email}; change it there by hand"
            return Outcome(Result.REFUSED, kept, cal_user=action.cal_user)
        return Outcome(Result.DONE, left_out, cal_user=action.cal_user)

    async def _attribute(
        self, action: Action, change: AttributeChange, permit: RatePermit
    ) -> Outcome:
        """Change an attribute. The outcome has the option that was created, assigned or removed."""
        attribute_id = change.attribute.id
        option = change.option
        match change.step:
            case AttributeOp.OPTION:
                created = await self._client.create_option(
                    permit, attribute_id, change.value, slug(change.value)
                )
                option = created.id
            case AttributeOp.UNASSIGN:
                assert option is not None, "what is taken away was seen"
                await self._client.unassign(permit, _account(action), option)
            case AttributeOp.ASSIGN if change.attribute.type.selects:
                assert option is not None, "a selection is created of known options"
                await self._client.assign_option(permit, _account(action), attribute_id, option)
            case AttributeOp.ASSIGN:
                option = await self._client.assign_value(
                    permit, _account(action), attribute_id, change.value
                )
            case _:
                assert_never(change.step)
        return Outcome(Result.DONE, cal_user=action.cal_user, option=option)

    async def _change_role(self, action: Action, permit: RatePermit, role: Role) -> Outcome:
        membership_id = _membership(action)
        if action.team is None:
            return _outcome_of(
                (await self._client.change_membership(permit, membership_id, role)).member
            )
        return _outcome_of(
            (await self._client.change_member(permit, action.team, membership_id, role)).member
        )

    def _new_user(self, action: Action, role: Role) -> dict[str, Any]:
        """Return the body for a new user, without ``username``, which older builds refuse."""
        body: dict[str, Any] = {
            "email": action.email,
            "organizationRole": role.value,
            "autoAccept": True,
            **_preferences(action),
        }
        if action.name:
            body["name"] = action.name[:NAME_LENGTH]
        if not self._notify:
            body["skipNotificationEmail"] = True
        return body


def _changes(action: Action) -> dict[str, Any]:
    """Return the changed fields. Cal.com keeps the others."""
    body = _preferences(action)
    if not action.profile:
        body["email"] = action.email
    return body


def _preferences(action: Action) -> dict[str, Any]:
    values = {"locale": action.locale, "timeZone": action.time_zone}
    return {name: value for name, value in values.items() if value}


def _account(action: Action) -> CalUserId:
    assert action.cal_user is not None, f"{action.kind.value} needs to know the account"
    return action.cal_user


def _membership(action: Action) -> MembershipId:
    assert action.membership, f"{action.kind.value} needs to know the membership"
    return action.membership


def _outcome_of(member: OrgMember | TeamMember) -> Outcome:
    return Outcome(
        Result.DONE,
        cal_user=member.user,
        membership=member.membership,
        accepted=member.accepted,
    )


def _failed_outcome(action: Action, error: RemoteError) -> Outcome:
    result, detail = _RESULTS[error.kind], str(error)
    if result is Result.CONFLICT and action.kind is Kind.ADD:
        result = Result.ALREADY
    change = action.change
    if result is Result.CONFLICT and change is not None and change.step is AttributeOp.ASSIGN:
        return Outcome(Result.ALREADY, detail, cal_user=action.cal_user, option=change.option)
    served = error.kind is RemoteKind.UNREACHABLE and error.status == SERVER_ERROR
    return Outcome(result, detail, retry_after=error.retry_after, served=served)
