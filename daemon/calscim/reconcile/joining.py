"""Brings a person into the organization: looks before creating, and attaches an account that exists.

Cal.com keeps accounts when their members leave, refuses a second account for an address, and compares addresses
in one spelling only. So the reconciler looks first, and attaches by number what cannot be created.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from calscim.calcom.reader import Reader
from calscim.calcom.rows import Account
from calscim.calcom.writer import Outcome, Result, Writer
from calscim.core.model import Action, CalUserId, Incomplete, Kind, Link, OrgMember
from calscim.errors import RemoteError
from calscim.reconcile.parking import Parking
from calscim.reconcile.record import Recorder
from calscim.reconcile.view import View

LOOKED_UP = 25  # people whom one call looks up before they are created


@dataclass(slots=True)
class Joining:
    """The steps around user.create and user.attach, for one pass."""

    reader: Reader
    writer: Writer
    view: View
    record: Recorder
    parking: Parking
    _looked_up: dict[str, Account | None] = field(default_factory=dict)

    # -------------------------------------------------------------- before the call

    async def prepare(self, action: Action, upcoming: Iterable[Action]) -> Action | Link | None:
        """Return the action to perform, or the link to a member who needs neither; None: parked.

        ``upcoming``: later actions of the plan, which are looked up with the same call.
        """
        if action.membership is not None:  # a half-member, whom only the call itself can judge
            return action
        found = await self._account(action, upcoming)
        if isinstance(found, Incomplete):
            await self.parking.park(action, found.reason, refused=False)
            return None
        if found is None:
            return action
        recognised = await self.recognise(action)
        if isinstance(recognised, Incomplete):
            await self.parking.park(action, recognised.reason, refused=False)
            return None
        if recognised is not None:
            return recognised
        # Builds before 2025-08-18 keep the Profile of a member who left.
        return replace(action, kind=Kind.ATTACH, cal_user=found.user, has_profile=True)

    async def recognise(self, action: Action) -> Link | Incomplete | None:
        """Return the link to the member with the action's address; None: there is no such member."""
        member = await self.reader.person_by_email(action.email)
        if not isinstance(member, OrgMember):
            return member
        self.view.joined(member)
        return _link(action, member.user)

    async def _account(
        self, action: Action, upcoming: Iterable[Action]
    ) -> Account | Incomplete | None:
        """The account with a Profile that has the action's address, in a spelling that is likely."""
        spellings = _spellings(action.email)
        if not all(one in self._looked_up for one in spellings):
            wanted = dict.fromkeys(spellings)
            for other in upcoming:
                if len(wanted) >= 2 * LOOKED_UP:
                    break
                wanted.update(dict.fromkeys(_spellings(other.email)))
            found = await self._profiles(list(wanted))
            if isinstance(found, Incomplete):
                return found
            self._looked_up.update(wanted)
            self._looked_up.update({account.email: account for account in found.values()})
        return next(filter(None, (self._looked_up.get(one) for one in spellings)), None)

    async def _profiles(self, emails: list[str]) -> dict[CalUserId, Account] | Incomplete:
        """As the reader; a key that may not list users leaves the look to Cal.com's own check."""
        try:
            return await self.reader.profiles(emails)
        except RemoteError as error:
            if error.status != 403:
                raise
            return {}

    # -------------------------------------------------------------- after the call

    async def attach_existing(self, action: Action, request_id: str) -> tuple[Action, Outcome]:
        """Attach the account that Cal.com refused to create again, by address or by the number it had."""
        assert action.user is not None, "accounts are created for users"
        number = await self.record.former_account(action.user, action.email)
        attach = replace(
            action,
            kind=Kind.ATTACH,
            cal_user=number,
            because=f"{action.because}; the account exists already",
        )
        return attach, await self.writer.perform(attach, request_id)

    async def replace_deleted(self, action: Action) -> Action:
        """Forget an account that Cal.com does not have any more; returns the action that creates another."""
        assert action.cal_user is not None, "an account that is gone had a number"
        await self.record.forget_account(action.cal_user)
        return replace(
            action,
            kind=Kind.CREATE,
            cal_user=None,
            membership=None,
            because=f"{action.because}; account {action.cal_user} was deleted in Cal.com",
        )


def is_deleted(action: Action, outcome: Outcome) -> bool:
    """Return True if Cal.com answered that the account to attach does not exist."""
    return (
        outcome.result is Result.GONE
        and action.kind is Kind.ATTACH
        and action.cal_user is not None
        and action.membership is None
    )


def _spellings(email: str) -> list[str]:
    """The spellings of an address that Cal.com is asked for: it compares exactly, and stores in lower case."""
    return list(dict.fromkeys((email, email.lower())))


def _link(action: Action, cal_user: CalUserId) -> Link:
    assert action.user is not None, "accounts are created and attached for users"
    return Link(action.user, cal_user, "found", action.email)
