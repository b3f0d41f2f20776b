"""Plan the people of the organization: invite, attach, correct, and deprovision.

A person is changed only if a provider has written to the user. A person is never deprovisioned while any provider
keeps a user of the person active, or if the person is an owner, the API key's user, the last administrator, or
protected.
"""

from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Mapping as MappingOf
from dataclasses import replace

from calscim.names import address_key
from calscim.planner.actions import (
    Action,
    AttachUser,
    ChangeAddress,
    ChangeOrgRole,
    ChangePreferences,
    CreateUser,
    DeprovisionUser,
    JoinAction,
    Provenance,
    ReinviteUser,
    State,
)
from calscim.planner.attributes.values import PREFERENCES
from calscim.planner.context import PlanContext
from calscim.planner.desired_state import DeletedUser, User
from calscim.planner.grants import EffectiveGrant
from calscim.planner.identity import PersonKey
from calscim.planner.ids import CalUserId, DirectoryId, UserId
from calscim.planner.modes import Mode
from calscim.planner.observed_state import OrgMember
from calscim.planner.people.address_moves import (
    AddressStep,
    Move,
    interim_address,
    is_interim_address,
    order_moves,
)
from calscim.planner.people.user_preferences import Preferences, preferences
from calscim.planner.people.waiting import note_protected, note_waiting
from calscim.planner.plan import Plan, Waiting, merge_waiting
from calscim.planner.policy import ABSENT_AFTER
from calscim.planner.roles import Role

NOT_ACCEPTED = "has not accepted the invitation yet"


def plan_people(plan: Plan, context: PlanContext) -> Plan:
    """Invite, attach, correct, and deprovision people in the organization."""
    planner = PeoplePlanner(context)
    planner.walk(context.chosen, context.inputs.scope.users)
    return replace(
        plan,
        actions=(*plan.actions, *planner.actions),
        waiting=merge_waiting((*plan.waiting, *planner.waiting)),
        applied_attributes=(*plan.applied_attributes, *planner.applied_attributes),
        notes=(*plan.notes, *planner.notes),
    )


def joining(plan: Plan, context: PlanContext) -> dict[PersonKey, State]:
    """Return the people whom the plan invites or attaches, and whose account is not known yet, with its state."""
    of = context.people.of
    found: dict[PersonKey, State] = {}
    for action in plan.actions:
        if isinstance(action, JoinAction) and action.user is not None:
            key = of[action.user]
            if isinstance(key, str):
                found[key] = action.state
    return found


class PeoplePlanner:
    """Fills ``actions``, ``waiting`` and ``coming`` with one walk over the people in scope."""

    def __init__(self, context: PlanContext) -> None:
        self._desired = context.desired
        self._policy = context.policy
        self._grants = context.grants
        self._people = context.people
        self._provenance = context.provenance
        self._deprovisioning = context.deprovisioning
        self._missed = context.inputs.absences
        self.seen = context.deprovisioning.seen
        self._addresses: dict[str, CalUserId] | None = None
        self._renamed: list[tuple[User, OrgMember]] = []
        self.actions: list[Action] = []
        self.waiting: list[Waiting] = []
        self.applied_attributes: list[tuple[CalUserId, str, str]] = []
        self._unmatched: defaultdict[str, set[UserId]] = defaultdict(set)
        self.notes: list[str] = []

    def walk(self, keys: Iterable[PersonKey] | None, users: frozenset[UserId] | None) -> None:
        """Plan all people, or only these; ``users`` are the users of the same people."""
        for user in self._people.without_email:
            if users is None or user.id in users:
                self._nameless(user)
        primary_user = self._people.primary_user
        everybody = (*primary_user, *(set(self._people.gone) - primary_user.keys()))
        for key in everybody if keys is None else keys:
            if isinstance(key, str):
                self._stranger(key)
            elif self.seen is not None:
                self._account(key, self.seen)
        self._change_addresses()
        self.notes = [
            f"Cal.com has no {what}, which the directory has for {len(users)} "
            f"{'people' if len(users) > 1 else 'person'}: left out"
            for what, users in sorted(self._unmatched.items())
        ]

    # ---------------------------------------------------------------- one person

    def _nameless(self, user: User) -> None:
        if user.active and user.managed:
            self._wait(user, "the directory gives no e-mail address: Cal.com knows people by one")

    def _stranger(self, address: str) -> None:
        """Plan a person without an account in the organization."""
        if self.seen is None or not self._deprovisioning.wanted(address):
            return
        user = self._people.primary_user[address]
        if address in self._seen_addresses():
            self._wait(
                user,
                "an account that belongs to another user of the directory still has this address",
            )
            return
        former = self._desired.former_accounts.get(user.id)
        reason = (
            f"an active user of the directory (journal {user.seq}) who is not in the organization"
        )
        if former is not None:
            reason += f"; attaches account {former}, which left it"
        self._bring_in(user, reason, Provenance(user.directory, user.seq), former)

    def _account(self, account: CalUserId, everybody: MappingOf[CalUserId, OrgMember]) -> None:
        seen = everybody.get(account)
        if not self._deprovisioning.wanted(account):
            if seen is not None:
                self._leave(account, seen)
            return
        user = self._people.primary_user[account]
        if seen is None:
            self._absent(user, account)
            return
        if not seen.accepted:
            self._wait(user, NOT_ACCEPTED)
            if seen.has_profile is False:
                return  # Cal.com changes only users that have a Profile
        elif not seen.has_joined:
            self._half_member(user, seen)
            return
        if user.email != seen.email:
            self._renamed.append((user, seen))
        if seen.accepted:
            self._preferences(user, seen)
        if seen.accepted and self._grants.roles:
            self._organization_role(account, user, seen)

    def _half_member(self, user: User, seen: OrgMember) -> None:
        """Make an accepted membership without a Profile pending, so that the person can accept it."""
        problem = "is in the organization without a Profile, so that no team takes this person"
        floor = self._deprovisioning.floor(seen)
        if floor is not None:
            self._wait(user, f"{problem}, but is left alone: {floor}")
            return
        action = ReinviteUser(
            user.email or seen.email,
            f"{problem}: makes the membership pending, so that the person can accept the invitation",
            user=user.id,
            cal_user=seen.user,
            membership=seen.membership,
            role=seen.role,
            drift=True,
            state=self._deprovisioning.state(self._behind(user)),
        )
        self.actions.append(action)
        if action.state is State.RUN:
            self._wait(user, "has to accept the invitation in Cal.com again; teams follow")

    def _absent(self, user: User, account: CalUserId) -> None:
        """Plan a linked account that is missing from the list: only several complete passes prove it absent."""
        times = max(
            self._missed.get(one.id, 0) for one in self._people.users(account) if one.managed
        )
        if times < ABSENT_AFTER:
            self._wait(user, "the account was not in Cal.com's list; looking again before acting")
            return
        reason = (
            f"the account is not in the organization any more ({times} complete passes), "
            "and the directory wants it there"
        )
        self._bring_in(user, reason, None, account)
        self._wait(user, "is being brought back into the organization; teams follow")

    def _change_addresses(self) -> None:
        """Change the address of an account. The API cannot change a name."""
        moves = [move for one in self._renamed if (move := self._move(*one)) is not None]
        found = order_moves(moves, self._seen_addresses())
        for blocked in found.blocked:
            reason = f"another account already has the address {blocked.user.email}"
            if is_interim_address(blocked.seen.user, blocked.seen.email):
                reason += f"; until then the account has the interim address {blocked.seen.email}"
            self._wait(blocked.user, reason)
        for step in found.steps:
            self._change_address(step)

    def _move(self, user: User, seen: OrgMember) -> Move | None:
        address = address_key(user.email)
        if not address:
            self._wait(user, "the directory gives no e-mail address; the account keeps its own")
            return None
        if address == address_key(seen.email):
            return None
        is_kept = self._deprovisioning.floor(seen) is not None or address in self._policy.protected
        state = self._deprovisioning.state(self._behind(user))
        return Move(user, seen, state, may_go_aside=not is_kept and "@" in address)

    def _change_address(self, step: AddressStep) -> None:
        user, seen = step.move.user, step.move.seen
        reason = f"the directory has another address than {seen.email} (journal {user.seq})"
        if step.circle:
            reason += f"; {step.circle} accounts exchange their addresses"
        if step.is_interim:
            reason += ", and this one goes to an interim address first"
        if step.is_stuck:
            reason += (
                ", and each is an owner's, the key's own user's, or protected: give one of them another address in "
                "Cal.com by hand"
            )
        preferences = self._desired.attributes.get((seen.user, PREFERENCES))
        exchange, turn = step.place
        self.actions.append(
            ChangeAddress(
                interim_address(seen.user, user.email) if step.is_interim else user.email,
                reason,
                user=user.id,
                cal_user=seen.user,
                membership=seen.membership,
                observed_role=seen.role,
                provenance=Provenance(user.directory, user.seq),
                state=step.move.state,
                preferences=None if step.is_interim else self._preferences_of(user, preferences),
                exchange=exchange,
                turn=turn,
                is_interim=step.is_interim,
            )
        )

    def _preferences(self, user: User, seen: OrgMember) -> None:
        """Send locale and time zone when the directory's values change.

        No list of Cal.com shows them, so edits in Cal.com are never corrected. The directory's values at the first
        sight of an account are recorded and not sent, because people may have chosen others in Cal.com.
        """
        before = self._desired.attributes.get((seen.user, PREFERENCES))
        now = self._preferences_of(user, before)
        if now.record == (before or ""):
            return
        if now.is_empty:
            self.applied_attributes.append((seen.user, PREFERENCES, now.record))
        elif address_key(user.email) == address_key(seen.email):  # else sent with the address
            self.actions.append(
                ChangePreferences(
                    user.email,
                    f"the directory has another locale or time zone (journal {user.seq})",
                    user=user.id,
                    cal_user=seen.user,
                    membership=seen.membership,
                    provenance=Provenance(user.directory, user.seq),
                    state=self._deprovisioning.state(self._behind(user)),
                    preferences=now,
                )
            )

    def _preferences_of(
        self, user: User, before: str | None, *, change: bool = True
    ) -> Preferences:
        """Return what a call may carry of the user's locale and time zone, and count what is left out."""
        found = preferences(user.locale, user.time_zone, before, change=change)
        for what in found.unmatched:
            self._unmatched[what].add(user.id)
        return found

    # ---------------------------------------------------------------- leaving

    def _leave(self, account: CalUserId, seen: OrgMember) -> None:
        action = self._deprovisioning.due(account)
        if action is None:
            return
        floor = self._deprovisioning.floor(seen)
        if floor is None:
            if is_interim_address(account, seen.email) and action.state is State.RUN:
                self._give_back_address(action, account)
            self.actions.append(action)
            return
        self.waiting += note_protected(action, floor)

    def _give_back_address(self, leaving: DeprovisionUser, account: CalUserId) -> None:
        """Give an account that leaves on an interim address its own address back, if it is free."""
        users: list[User | DeletedUser] = [
            *self._people.users(account),
            *self._people.gone.get(account, ()),
        ]
        address = next((one.email for one in users if one.managed and one.email), "")
        if not address or address_key(address) in self._seen_addresses():
            return
        self.actions.append(
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

    # ---------------------------------------------------------------- roles in the organization

    def _role(self, key: PersonKey) -> EffectiveGrant | None:
        """Return the organization role that an acting mapping grants, or None."""
        grant = self._grants.roles.get(key)
        return None if grant is None or grant.mode is Mode.OBSERVE else grant

    def _organization_role(self, account: CalUserId, user: User, seen: OrgMember) -> None:
        grant = self._grants.roles.get(account)
        if grant is None or grant.role is seen.role or grant.mode is Mode.ADD_ONLY:
            return
        explanation = self._provenance.why_granted(account, grant, grant.role)
        reason = f"{explanation.reason} gives the role {grant.role.value} in the organization"
        lowers = grant.role.rank < seen.role.rank
        if lowers and (floor := self._deprovisioning.floor(seen)) is not None:
            self._wait(user, f"{reason}, but is left alone: {floor}")
            return
        state = self._deprovisioning.state(self._behind(user))
        self.actions.append(
            ChangeOrgRole(
                user.email or seen.email,
                reason,
                user=user.id,
                cal_user=seen.user,
                membership=seen.membership,
                role=grant.role,
                observed_role=seen.role,
                mode=grant.mode,
                mappings=grant.ids,
                provenance=explanation.provenance,
                state=State.OBSERVED if grant.mode is Mode.OBSERVE else state,
            )
        )

    # ---------------------------------------------------------------- collecting

    def _wait(self, user: User, reason: str) -> None:
        self.waiting.append(note_waiting(user, reason))

    def _seen_addresses(self) -> dict[str, CalUserId]:
        """Return which account has which address."""
        if self._addresses is None:
            everybody = sorted((self.seen or {}).items(), reverse=True)
            self._addresses = {address_key(one.email): account for account, one in everybody}
        return self._addresses

    def _behind(self, user: User) -> set[DirectoryId]:
        """Return the directories that want the person in the organization."""
        users = self._people.users(self._people.of[user.id])
        return {one.directory for one in users if one.managed and one.active}

    def _bring_in(
        self, user: User, reason: str, provenance: Provenance | None, account: CalUserId | None
    ) -> None:
        """Attach the account, or create one if it is None. Without provenance, the action is drift."""
        grant = self._role(self._people.of[user.id])
        join = CreateUser if account is None else AttachUser
        action = join(
            user.email,
            reason,
            user=user.id,
            cal_user=account,
            role=Role.MEMBER if grant is None else grant.role,
            name=user.name,
            mode=None if grant is None else grant.mode,
            mappings=() if grant is None else grant.ids,
            preferences=self._preferences_of(user, None, change=False),
            provenance=provenance,
            drift=provenance is None,
            state=self._deprovisioning.state(self._behind(user), adds=True),
        )
        self.actions.append(action)
