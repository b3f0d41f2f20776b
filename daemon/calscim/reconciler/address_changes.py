"""Makes the address changes of one pass in an order in which each new address is free.

No account stays on an interim address. An exchange begins only if each of its changes may be made now. Newer changes
do not interrupt it, and the pass reverts it if it cannot go on. A pass after a crash plans the rest (see
calscim.planner).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeGuard

from calscim.names import address_key
from calscim.planner.actions import Action, ChangeAddress, State
from calscim.planner.ids import CalUserId
from calscim.reconciler.observed_cache import ObservedCache
from calscim.reconciler.retry_queue import RetryQueue


@dataclass(slots=True)
class AddressExchanges:
    """Address changes of one pass. ``actions``: all of the plan, also those that do not run."""

    view: ObservedCache
    retry_queue: RetryQueue
    actions: Sequence[Action]
    _old: dict[CalUserId, str] = field(default_factory=dict)  # of accounts on interim addresses

    def is_under_way(self, upcoming: Action) -> bool:
        """Return True if an account has an interim address and the next action is part of an exchange."""
        return bool(self._old) and is_part_of_exchange(upcoming)

    def prepare(self, action: Action) -> Action | None:
        """Return the action if it can run now, or one that reverts an exchange; None if it has to wait."""
        if not is_part_of_exchange(action):
            return action
        if not self._is_free(action.email, action.cal_user):
            return self._back(action)
        if action.is_interim and not self._can_all_go(action.exchange):
            return None
        return action

    def note_done(self, action: ChangeAddress) -> None:
        """Remember the old address of an account that gets an interim one. Call this before the cache changes."""
        if action.cal_user is None:
            return
        self._old.pop(action.cal_user, None)
        person = (self.view.people or {}).get(action.cal_user)
        if action.is_interim and person is not None:
            self._old[action.cal_user] = person.email

    def _is_free(self, address: str, account: CalUserId | None) -> bool:
        """Return True if no other account of the organization has the address, False if unknown."""
        wanted, people = address_key(address), self.view.people
        return people is not None and not any(
            person.user != account and address_key(person.email) == wanted
            for person in people.values()
        )

    def _can_all_go(self, together: str) -> bool:
        return all(
            one.state is State.RUN and not self.retry_queue.is_waiting(one)
            for one in self.actions
            if isinstance(one, ChangeAddress) and one.exchange == together
        )

    def _back(self, action: ChangeAddress) -> ChangeAddress | None:
        """Return the action that gives an account its old address back, or None if that address is taken."""
        old = None if action.cal_user is None else self._old.get(action.cal_user)
        if old is None or not self._is_free(old, action.cal_user):
            return None
        reason = f"{action.reason}; the exchange cannot go on, so it is taken back"
        return replace(action, email=old, reason=reason, preferences=None)


def is_part_of_exchange(action: Action) -> TypeGuard[ChangeAddress]:
    """Return True for a change of an address that has to wait for other ones."""
    return isinstance(action, ChangeAddress) and bool(action.exchange)
