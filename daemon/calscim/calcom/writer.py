"""Performs one action: an attempt row, one call that changes Cal.com, an outcome row. Nothing else changes Cal.com."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Protocol, assert_never

from calscim.calcom.client import Client
from calscim.calcom.decode import Account
from calscim.calcom.transport import RatePermit
from calscim.errors import RemoteError, RemoteKind
from calscim.names import address_key
from calscim.planner.actions import (
    AcceptMember,
    Action,
    AddMember,
    AttachUser,
    AttributeOp,
    ChangeAddress,
    ChangeAttribute,
    ChangeOrgRole,
    ChangePreferences,
    ChangeTeamRole,
    CreateTeam,
    CreateUser,
    DeprovisionUser,
    Outcome,
    ReinviteUser,
    RemoveMember,
    RoleChange,
)
from calscim.planner.ids import CalUserId, MembershipId, TeamId
from calscim.planner.naming import make_slug
from calscim.planner.observed_state import Incomplete, OrgMember, TeamMember
from calscim.planner.people.user_preferences import Preferences
from calscim.tracing import NO_SPAN, Span

SERVER_ERROR = 500  # of Cal.com itself; 502 to 504 come from a proxy that cannot reach Cal.com
NAME_LENGTH = 50  # Cal.com refuses longer names
PREFERENCES = frozenset({"locale", "timeZone"})  # left out of a second try


@dataclass(frozen=True, slots=True)
class CallResult:
    """What one call returned, with the ids that the answer gave."""

    outcome: Outcome
    detail: str = ""
    cal_user: CalUserId | None = None
    membership: MembershipId | None = None
    accepted: bool | None = None
    team: TeamId | None = None
    option: str | None = None
    invites_by_email: bool | None = None  # what the build has shown
    served: bool = False  # UNKNOWN because of a 500 of Cal.com itself


INTERRUPTED = CallResult(Outcome.UNKNOWN, "calscim was stopped while it waited for the response")

UNKNOWN_MEMBERSHIP = CallResult(
    Outcome.UNKNOWN, "nothing was sent: the next pass has to read the membership's id first"
)
_NEEDS_MEMBERSHIP = DeprovisionUser | AcceptMember | RoleChange | RemoveMember


class ActionLog(Protocol):
    """Records attempts and their outcomes."""

    async def begin(self, action: Action, request_id: str) -> int:
        """Record an attempt and return its id. Raise if nothing may be sent."""
        ...

    async def confirm(self) -> None:
        """Raise if nothing more may be sent. The writer asks before a second call of an attempt."""
        ...

    async def finish(self, action_id: int, result: CallResult) -> None:
        """Record the outcome. It is called once for each ``begin``, also if the call was interrupted."""
        ...


_OUTCOMES = {
    RemoteKind.UNREACHABLE: Outcome.UNKNOWN,
    RemoteKind.MALFORMED: Outcome.UNKNOWN,
    RemoteKind.THROTTLED: Outcome.THROTTLED,
    RemoteKind.AUTH: Outcome.AUTH,
    RemoteKind.REJECTED: Outcome.REFUSED,
    RemoteKind.CONFLICT: Outcome.CONFLICT,
    RemoteKind.NOT_FOUND: Outcome.NOT_FOUND,
    RemoteKind.NO_PROFILE: Outcome.NO_PROFILE,
}


OpenSpan = Callable[[Action], AbstractContextManager[Span]]


def _no_span(_: Action) -> AbstractContextManager[Span]:
    return nullcontext(NO_SPAN)


class Writer:
    """Performs actions. ``invites_by_email``: POST memberships accepts an address; None: unknown yet.

    ``open_span``: opens the span of an action, for tracing.
    """

    def __init__(
        self,
        client: Client,
        log: ActionLog,
        *,
        notify_new_users: bool = True,
        invites_by_email: bool | None = None,
        open_span: OpenSpan = _no_span,
    ) -> None:
        self._client = client
        self._log = log
        self._notify = notify_new_users
        self._invites_by_email = invites_by_email
        self._open_span = open_span

    async def perform(self, action: Action, request_id: str) -> CallResult:
        """Perform an action and return the outcome. Only ``begin`` and ``confirm`` raise, never the call.

        The permit is acquired first, so that there is no wait between ``begin``, which checks that this process may
        still write, and the call.
        """
        if isinstance(action, _NEEDS_MEMBERSHIP) and not action.membership:
            return UNKNOWN_MEMBERSHIP
        permit = await self._client.acquire_permit(request_id)
        attempt_id = await self._log.begin(action, request_id)
        result = INTERRUPTED
        with self._open_span(action) as span:
            try:
                result = await self._send(action, permit)
            except RemoteError as error:
                result = _failed_outcome(action, error)
                span.fail(error.kind.value)
            finally:
                await asyncio.shield(self._log.finish(attempt_id, result))
            span.set(outcome=result.outcome.value, request_id=request_id)
        return result

    async def _next_permit(self, permit: RatePermit) -> RatePermit:
        """Return the permit of a further call of an attempt, whose wait may have outlasted the lease."""
        permit = await self._client.acquire_permit(permit.request_id)
        await self._log.confirm()
        return permit

    async def _send(self, action: Action, permit: RatePermit) -> CallResult:
        client = self._client
        match action:
            case CreateUser():
                return await self._create(action, permit)
            case AttachUser():
                return await self._attach(action, permit)
            case ReinviteUser():
                return await self._reinvite(action, permit)
            case ChangeAttribute():
                return await self._attribute(action, permit)
            case ChangeAddress() | ChangePreferences():
                return await self._update(action, permit)
            case DeprovisionUser():
                await client.end_membership(permit, _membership_id(action.membership))
                return CallResult(Outcome.DONE, cal_user=action.cal_user)
            case CreateTeam():
                assert action.new_team, "a team is created with a name"
                team = await client.create_team(permit, action.new_team, make_slug(action.new_team))
                return CallResult(Outcome.DONE, f"team {team.id}", team=team.id)
            case AddMember():
                row = await client.add_member(permit, action.team, _account(action), action.role)
                return _outcome_of(row.member)
            case AcceptMember():
                row = await client.accept_member(
                    permit, action.team, _membership_id(action.membership)
                )
                return _outcome_of(row.member)
            case ChangeOrgRole():
                changed = await client.change_membership(
                    permit, _membership_id(action.membership), action.role
                )
                return _outcome_of(changed.member)
            case ChangeTeamRole():
                row = await client.change_member(
                    permit, action.team, _membership_id(action.membership), action.role
                )
                return _outcome_of(row.member)
            case RemoveMember():
                await client.remove_member(permit, action.team, _membership_id(action.membership))
                return CallResult(Outcome.DONE, cal_user=action.cal_user)
            case _:
                assert_never(action)

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
                permit = await self._next_permit(permit)
        return None, "; ".join(left_out)

    async def _create(self, action: CreateUser, permit: RatePermit) -> CallResult:
        body = self._new_user(action)
        account, left_out = await self._with_preferences(permit, body, self._client.create_user)
        assert account is not None, "an account is created with its address"
        return CallResult(Outcome.DONE, left_out, cal_user=account.user)

    async def _attach(self, action: AttachUser, permit: RatePermit) -> CallResult:
        """Attach by address if the build supports it, which creates a Profile at once, or else by account id.

        A build that does not support it changes nothing.
        """
        invites = self._invites_by_email
        if invites is not False or action.cal_user is None:
            try:
                invited = await self._client.invite(permit, action.email, action.role)
            except RemoteError as error:
                if "userId" in error.properties:  # this build requires account ids
                    invites = self._invites_by_email = False
                impossible = error.status == 400 and error.kind is RemoteKind.REJECTED
                if action.cal_user is None or not (
                    impossible or error.kind is RemoteKind.NOT_FOUND
                ):
                    return replace(_failed_outcome(action, error), invites_by_email=invites)
                permit = await self._next_permit(permit)
            else:
                return replace(_outcome_of(invited.member), invites_by_email=True)
        attached = await self._client.attach(
            permit, _account(action), action.role, accepted=action.has_profile
        )
        return replace(_outcome_of(attached.member), invites_by_email=invites)

    async def _reinvite(self, action: ReinviteUser, permit: RatePermit) -> CallResult:
        """Make a half-member pending; a member who has a Profile after all is left alone."""
        if await self._has_profile(_account(action), permit):
            return CallResult(Outcome.ALREADY, "the person has a Profile", cal_user=action.cal_user)
        permit = await self._next_permit(permit)
        row = await self._client.make_pending(permit, action.membership)
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

    async def _update(
        self, action: ChangeAddress | ChangePreferences, permit: RatePermit
    ) -> CallResult:
        account, left_out = await self._with_preferences(
            permit,
            _changes(action),
            lambda permit, body: self._client.change_user(permit, _account(action), body),
        )
        if account is None:
            return CallResult(Outcome.DONE, left_out, cal_user=action.cal_user)
        moves = isinstance(action, ChangeAddress)
        if moves and address_key(account.email) != address_key(action.email):
            kept = f"Cal.com kept the address {account.email}; change it there by hand"
            return CallResult(Outcome.REFUSED, kept, cal_user=action.cal_user)
        return CallResult(Outcome.DONE, left_out, cal_user=action.cal_user)

    async def _attribute(self, action: ChangeAttribute, permit: RatePermit) -> CallResult:
        """Change an attribute. The outcome has the option that was created, assigned or removed."""
        change = action.change
        attribute_id = change.attribute.id
        option = change.option
        match change.op:
            case AttributeOp.OPTION:
                created = await self._client.create_option(
                    permit, attribute_id, change.value, make_slug(change.value)
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
                assert_never(change.op)
        return CallResult(Outcome.DONE, cal_user=action.cal_user, option=option)

    def _new_user(self, action: CreateUser) -> dict[str, Any]:
        """Without ``username``, which older builds cannot take; fields unknown to them they drop."""
        body: dict[str, Any] = {
            "email": action.email,
            "organizationRole": action.role.value,
            "autoAccept": True,
            **_preferences(action.preferences),
        }
        if action.name:
            body["name"] = action.name[:NAME_LENGTH]
        if not self._notify:
            body["skipNotificationEmail"] = True
        return body


def _changes(action: ChangeAddress | ChangePreferences) -> dict[str, Any]:
    """Return the changed fields. Cal.com keeps the others."""
    body = _preferences(action.preferences)
    if isinstance(action, ChangeAddress):
        body["email"] = action.email
    return body


def _preferences(preferences: Preferences | None) -> dict[str, Any]:
    if preferences is None:
        return {}
    values = {"locale": preferences.locale, "timeZone": preferences.time_zone}
    return {name: value for name, value in values.items() if value}


def _account(action: Action) -> CalUserId:
    assert action.cal_user is not None, f"{action.kind.value} needs to know the account"
    return action.cal_user


def _membership_id(membership: MembershipId | None) -> MembershipId:
    assert membership, "the membership's id is read before the call"
    return membership


def _outcome_of(member: OrgMember | TeamMember) -> CallResult:
    return CallResult(
        Outcome.DONE,
        cal_user=member.user,
        membership=member.membership,
        accepted=member.accepted,
    )


def _failed_outcome(action: Action, error: RemoteError) -> CallResult:
    outcome, detail = _OUTCOMES[error.kind], str(error)
    if outcome is Outcome.CONFLICT and isinstance(action, AddMember):
        outcome = Outcome.ALREADY
    if outcome is Outcome.CONFLICT and isinstance(action, ChangeAttribute):
        change = action.change
        if change.op is AttributeOp.ASSIGN:
            return CallResult(
                Outcome.ALREADY, detail, cal_user=action.cal_user, option=change.option
            )
    served = error.kind is RemoteKind.UNREACHABLE and error.status == SERVER_ERROR
    return CallResult(outcome, detail, served=served)
