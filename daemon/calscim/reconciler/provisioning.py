"""Adds a person to the organization: looks for an account first, and attaches it instead of creating one.

Cal.com keeps the accounts of members who leave, refuses a second account for an address, and compares addresses
exactly. Therefore the reconciler looks up the account first, and attaches an account that exists by its id.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TypeGuard, TypeVar

from calscim.calcom.decode import Account
from calscim.calcom.reader import Reader
from calscim.calcom.writer import CallResult, Writer
from calscim.names import address_key
from calscim.planner.actions import Action, AttachUser, CreateUser, JoinAction, Outcome
from calscim.planner.desired_state import Link
from calscim.planner.ids import CalUserId
from calscim.planner.observed_state import Incomplete
from calscim.reconciler.observed_cache import ObservedCache
from calscim.reconciler.recorder import Recorder

Join = TypeVar("Join", CreateUser, AttachUser)

LOOKED_UP = 25  # people that one call looks up, with two spellings each


@dataclass(slots=True)
class Joiner:
    """The steps around user.create and user.attach, for one pass."""

    reader: Reader
    writer: Writer
    view: ObservedCache
    record: Recorder
    _looked_up: dict[str, Account | None] = field(default_factory=dict)

    # -------------------------------------------------------------- before the call

    async def prepare(
        self, action: JoinAction, upcoming: Iterable[Action], request_id: str
    ) -> JoinAction | Link | Incomplete:
        """Return the action to perform, or the link to a member who needs neither.

        ``upcoming``: later actions of the plan, which are looked up with the same call.
        """
        found = await self._account(action, upcoming)
        if isinstance(found, Incomplete):
            return found
        if found is not None:
            action = attach(action, found.user)
        if isinstance(action, CreateUser):
            return action
        return action if action.cal_user is None else await self._checked(action, request_id)

    async def _checked(self, action: AttachUser, request_id: str) -> AttachUser | Link | Incomplete:
        """Check whether the account to attach has a Profile, as members have.

        Attaching an account replaces the role and state of an existing membership, so a member added by hand would
        become pending. Builds before 2025-08-18 keep the Profile of a member who left. This method reads the account
        from Cal.com, because lists may lag.
        """
        assert action.cal_user is not None, "an account is attached by its id"
        has_profile = await self.writer.has_profile(action.cal_user, request_id)
        if isinstance(has_profile, Incomplete):
            return has_profile
        if has_profile is False:
            return action
        recognised = await self.recognize(action)
        return recognised or replace(action, has_profile=has_profile is True)

    async def recognize(self, action: Action) -> Link | Incomplete | None:
        """Return the link to the member with the action's address or else its account, or None without one."""
        people = await self.reader.people()
        if isinstance(people, Incomplete):
            return people
        there = [one for one in people.value.values() if one.membership not in self.view.deleted]
        address = address_key(action.email)
        member = next(
            (one for one in there if address_key(one.email) == address),
            next((one for one in there if one.user == action.cal_user), None),
        )
        if member is None:
            return None
        self.view.apply_joined(member)
        return _link(action, member.user)

    async def _account(
        self, action: Action, upcoming: Iterable[Action]
    ) -> Account | Incomplete | None:
        """Return the account with a Profile that has the action's address, in a likely spelling."""
        spellings = _spellings(action.email)
        if not all(one in self._looked_up for one in spellings):
            wanted = dict.fromkeys(spellings)
            for other in upcoming:
                if len(wanted) > 2 * LOOKED_UP - 2:
                    break
                wanted.update(dict.fromkeys(_spellings(other.email)))
            found = await self.reader.profiles(list(wanted))
            if isinstance(found, Incomplete):
                return found
            self._looked_up.update(wanted)
            if found is not None:  # else the key may not list users
                self._looked_up.update({account.email: account for account in found.values()})
        return next(filter(None, (self._looked_up.get(one) for one in spellings)), None)

    # -------------------------------------------------------------- after the call

    async def attach_existing(
        self, action: CreateUser, request_id: str
    ) -> AttachUser | Link | Incomplete:
        """Return the action that attaches the account that Cal.com refused to create again, by its id or its address.

        If a member has the account already, return the link to that member.
        """
        assert action.user is not None, "accounts are created for users"
        number = await self.record.former_account(action.user, action.email)
        attached = attach(action, number, f"{action.reason}; the account exists already")
        return attached if number is None else await self._checked(attached, request_id)


def attach(action: JoinAction, account: CalUserId | None, reason: str | None = None) -> AttachUser:
    """Return the action that attaches an account: by its id, or by the address for None."""
    return _join(AttachUser, action, account, action.reason if reason is None else reason)


def create_anew(action: AttachUser) -> CreateUser:
    """Return the action that creates another account for one that Cal.com no longer has."""
    reason = f"{action.reason}; account {action.cal_user} was deleted in Cal.com"
    return _join(CreateUser, action, None, reason)


def _join(kind: type[Join], action: JoinAction, account: CalUserId | None, reason: str) -> Join:
    """Return an action of another kind that brings the same person into the organization."""
    return kind(
        action.email,
        reason,
        user=action.user,
        cal_user=account,
        provenance=action.provenance,
        drift=action.drift,
        state=action.state,
        approved=action.approved,
        role=action.role,
        name=action.name,
        mode=action.mode,
        mappings=action.mappings,
        preferences=action.preferences,
    )


def is_deleted(action: Action, result: CallResult) -> TypeGuard[AttachUser]:
    """Return True if Cal.com answered that the account to attach does not exist."""
    return (
        result.outcome is Outcome.NOT_FOUND
        and isinstance(action, AttachUser)
        and action.cal_user is not None
    )


def _spellings(email: str) -> list[str]:
    """Return the spellings to look up: Cal.com compares exactly, and stores addresses in lower case."""
    return list(dict.fromkeys((email, email.lower()))) if email else []


def _link(action: Action, cal_user: CalUserId) -> Link:
    assert action.user is not None, "accounts are created and attached for users"
    return Link(action.user, cal_user, "found", action.email)
