"""Prepares actions for their calls: fills in the accounts, teams, and options that earlier actions created."""

from dataclasses import dataclass, field, replace

from calscim.planner.actions import Action, AddMember, AttributeOp, ChangeAttribute
from calscim.planner.ids import CalUserId, UserId
from calscim.planner.observed_state import Incomplete
from calscim.reconciler.address_changes import AddressExchanges
from calscim.reconciler.attribute_cache import AttributeSync
from calscim.reconciler.observed_cache import ObservedCache
from calscim.reconciler.team_creation import TeamCreator


@dataclass(slots=True)
class ActionResolver:
    """Resolves the actions of one pass. ``accounts``: the accounts that this pass created or found."""

    view: ObservedCache
    exchanges: AddressExchanges
    attribute_sync: AttributeSync
    new_teams: TeamCreator
    accounts: dict[UserId, CalUserId] = field(default_factory=dict)

    def resolve(self, action: Action) -> Action | None:
        """Return the action with every id that its call needs, or None while one of them does not exist."""
        if not isinstance(action, AddMember | ChangeAttribute):
            return self.exchanges.prepare(action)
        account = self._account_of(action)
        if account is None:
            return None
        if isinstance(action, ChangeAttribute):
            ready = replace(action, cal_user=account)
            return self.attribute_sync.prepare(ready, self.view.attributes_of(account))
        team = action.team if action.new_team is None else self.new_teams.made.get(action.team)
        return None if team is None else replace(action, cal_user=account, team=team, new_team=None)

    def awaits_acceptance(self, action: Action) -> bool:
        """Return True if the person has to accept the invitation before the action can run."""
        if action.user is None or not isinstance(action, AddMember | ChangeAttribute):
            return False
        account = self._account_of(action)
        person = None if account is None else (self.view.people or {}).get(account)
        return person is not None and not person.has_joined

    async def is_outdated(self, action: Action) -> bool | Incomplete:
        """Return True if the person has other options than the plan was made for. Reads them once a pass."""
        if not isinstance(action, ChangeAttribute) or action.change.op is AttributeOp.OPTION:
            return False
        account = self._account_of(action)
        return account is not None and await self.attribute_sync.is_outdated(account)

    def _account_of(self, action: Action) -> CalUserId | None:
        if action.cal_user is None and action.user is not None:
            return self.accounts.get(action.user)
        return action.cal_user
