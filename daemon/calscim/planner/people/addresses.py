"""Plan the changes of people's addresses. Cal.com's API cannot change a name."""

from collections.abc import Mapping as MappingOf
from functools import cached_property

from calscim.names import address_key
from calscim.planner.actions import ChangeAddress, DeprovisionUser, Provenance
from calscim.planner.attributes.values import PREFERENCES
from calscim.planner.context import PlanContext
from calscim.planner.desired_state import User
from calscim.planner.ids import CalUserId
from calscim.planner.observed_state import OrgMember
from calscim.planner.people.address_moves import (
    AddressStep,
    Move,
    interim_address,
    is_interim_address,
    order_moves,
)
from calscim.planner.people.user_preferences import PreferenceReader
from calscim.planner.plan import Additions


class AddressPlanner:
    """Collects the people whose address differs, and then plans all changes together."""

    def __init__(
        self, context: PlanContext, added: Additions, preferences: PreferenceReader
    ) -> None:
        self._context = context
        self._added = added
        self._preferences = preferences
        self._moves: list[Move] = []

    @cached_property
    def accounts(self) -> MappingOf[str, CalUserId]:
        """Which account has an address now."""
        members = self._context.deprovisioning.members or {}
        every = sorted(members.items(), reverse=True)
        return {address_key(member.email): account for account, member in every}

    def compare(self, user: User, member: OrgMember) -> None:
        """Note a person whose address in the directory is not the one in Cal.com."""
        address = address_key(user.email)
        if not address:
            self._added.wait(
                user,
                "the directory has no e-mail address for this user; the account keeps its address",
            )
        elif address != address_key(member.email):
            deprovisioning = self._context.deprovisioning
            is_kept = (
                deprovisioning.find_protection(member) is not None
                or address in self._context.policy.protected
            )
            state = deprovisioning.state_of_wanted(member.user)
            may_go_aside = not is_kept and "@" in address
            self._moves.append(Move(user, member, state, may_go_aside))

    def plan(self) -> None:
        """Plan the changes in an order in which each new address is free."""
        if not self._moves:
            return
        found = order_moves(self._moves, self.accounts)
        for move in found.blocked:
            reason = f"another account already has the address {move.user.email}"
            if is_interim_address(move.member.user, move.member.email):
                reason += f"; until then the account has the interim address {move.member.email}"
            self._added.wait(move.user, reason)
        for step in found.steps:
            self._change(step)

    def _change(self, step: AddressStep) -> None:
        user, member = step.move.user, step.move.member
        before = self._context.desired.attributes.get((member.user, PREFERENCES))
        exchange, turn = step.place
        self._added.actions.append(
            ChangeAddress(
                interim_address(member.user, user.email) if step.is_interim else user.email,
                _reason(step),
                user=user.id,
                cal_user=member.user,
                membership=member.membership,
                observed_role=member.role,
                provenance=Provenance(user.directory, user.seq),
                state=step.move.state,
                preferences=None if step.is_interim else self._preferences.read(user, before),
                exchange=exchange,
                turn=turn,
                is_interim=step.is_interim,
            )
        )

    def give_back(self, leaving: DeprovisionUser, account: CalUserId) -> None:
        """Give an account that leaves on an interim address its own address back, if it is free."""
        entries = self._context.people.entries(account)
        address = next((one.email for one in entries if one.managed and one.email), "")
        if not address or address_key(address) in self.accounts:
            return
        self._added.actions.append(
            ChangeAddress(
                address,
                f"leaves the organization on the interim address {leaving.email}",
                user=leaving.user,
                cal_user=leaving.cal_user,
                membership=leaving.membership,
                observed_role=leaving.observed_role,
                provenance=leaving.provenance,
                state=leaving.state,
                exchange=address_key(address),
                turn=-1,
            )
        )


def _reason(step: AddressStep) -> str:
    user, member = step.move.user, step.move.member
    reason = f"the directory has another address than {member.email} (journal {user.seq})"
    if step.circle:
        reason += f"; {step.circle} accounts exchange their addresses"
    if step.is_interim:
        reason += ", and this one goes to an interim address first"
    if step.is_stuck:
        reason += (
            ", and each is an owner's, the key's own user's, or protected: give one of them another address in "
            "Cal.com by hand"
        )
    return reason
