"""Plan the people of the organization: invite, attach, correct, and deprovision.

A person is changed only if a provider has written to the user. A person is never deprovisioned while any provider
keeps a user of the person active, or if the person is an owner, the API key's user, the last administrator, or
protected.
"""

from collections.abc import Iterable

from calscim.names import address_key
from calscim.planner.actions import (
    AttachUser,
    ChangePreferences,
    CreateUser,
    JoinAction,
    Provenance,
    ReinviteUser,
    State,
)
from calscim.planner.attributes.values import PREFERENCES
from calscim.planner.context import PlanContext
from calscim.planner.desired_state import User
from calscim.planner.identity import PersonKey
from calscim.planner.ids import CalUserId
from calscim.planner.modes import Mode
from calscim.planner.observed_state import OrgMember
from calscim.planner.people.address_moves import is_interim_address
from calscim.planner.people.addresses import AddressPlanner
from calscim.planner.people.user_preferences import PreferenceReader
from calscim.planner.plan import Additions, Plan
from calscim.planner.policy import ABSENT_AFTER
from calscim.planner.roles import Role

NOT_ACCEPTED = "has not accepted the invitation yet"


def plan_people(plan: Plan, context: PlanContext) -> Plan:
    """Invite, attach, correct, and deprovision people in the organization."""
    added = Additions()
    _PeoplePlanner(context, added).plan()
    return added.add_to(plan)


def find_joining(plan: Plan, context: PlanContext) -> dict[PersonKey, State]:
    """Return the people that the plan invites or attaches, and whose account is not known yet, with its state."""
    found: dict[PersonKey, State] = {}
    for action in plan.actions:
        if isinstance(action, JoinAction) and action.user is not None:
            key = context.people.key_of[action.user]
            if isinstance(key, str):
                found[key] = action.state
    return found


class _PeoplePlanner:
    """Plans the people in scope, one after the other, and then the changes of their addresses."""

    def __init__(self, context: PlanContext, added: Additions) -> None:
        self._context = context
        self._added = added
        self._desired = context.desired
        self._people = context.people
        self._deprovisioning = context.deprovisioning
        self._preferences = PreferenceReader()
        self._addresses = AddressPlanner(context, added, self._preferences)

    def plan(self) -> None:
        users_in_scope = self._context.inputs.scope.users
        for user in self._people.without_email:
            if (
                user.active
                and user.managed
                and (users_in_scope is None or user.id in users_in_scope)
            ):
                self._added.wait(
                    user,
                    "the directory has no e-mail address for this user, and Cal.com requires one",
                )
        for key in self._keys():
            member = None if isinstance(key, str) else self._deprovisioning.member(key)
            if self._deprovisioning.is_wanted(key):
                user = self._people.primary_user[key]
                if member is not None:
                    self._correct(user, member)
                elif isinstance(key, str):
                    self._invite(user, key)
                else:
                    self._bring_back(user, key)
            elif member is not None:
                self._deprovision(member)
        self._addresses.plan()
        self._added.notes += self._preferences.notes()

    def _keys(self) -> Iterable[PersonKey]:
        """Return the people in scope, if the members were read. Those whose users were deleted may be members."""
        if self._deprovisioning.members is None:
            return ()
        if self._context.people_in_scope is not None:
            return self._context.people_in_scope
        return (
            *self._people.primary_user,
            *(self._people.deleted.keys() - self._people.primary_user.keys()),
        )

    # ---------------------------------------------------------------- not in the organization

    def _invite(self, user: User, address: str) -> None:
        """Bring in a person without an account in the organization."""
        if address in self._addresses.accounts:
            self._added.wait(
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

    def _bring_back(self, user: User, account: CalUserId) -> None:
        """Attach a linked account that is missing from the list: only several complete passes prove it absent."""
        absences = self._context.inputs.absences
        passes = max(absences.get(one.id, 0) for one in self._people.users(account) if one.managed)
        if passes < ABSENT_AFTER:
            self._added.wait(
                user,
                "the account is missing from Cal.com's list; calscim reads the list again before it acts",
            )
            return
        reason = (
            f"the account is not in the organization any more ({passes} complete passes), "
            "and the directory wants it there"
        )
        self._bring_in(user, reason, None, account)
        self._added.wait(
            user, "calscim attaches the account to the organization again; teams follow"
        )

    def _bring_in(
        self, user: User, reason: str, provenance: Provenance | None, account: CalUserId | None
    ) -> None:
        """Attach the account, or create one if it is None. Without provenance, the action is drift."""
        key = self._people.key_of[user.id]
        grant = self._context.grants.roles.get(key)
        if grant is not None and grant.mode is Mode.OBSERVE:
            grant = None
        join = CreateUser if account is None else AttachUser
        self._added.actions.append(
            join(
                user.email,
                reason,
                user=user.id,
                cal_user=account,
                role=Role.MEMBER if grant is None else grant.role,
                name=user.name,
                mode=None if grant is None else grant.mode,
                mappings=() if grant is None else grant.ids,
                preferences=self._preferences.read(user, None, change=False),
                provenance=provenance,
                drift=provenance is None,
                state=self._deprovisioning.state_of_wanted(key, adds=True),
            )
        )

    # ---------------------------------------------------------------- in the organization

    def _correct(self, user: User, member: OrgMember) -> None:
        """Correct a member that a directory wants in the organization."""
        if not member.accepted:
            self._added.wait(user, NOT_ACCEPTED)
            if member.has_profile is False:
                return  # Cal.com changes only users that have a Profile
        elif not member.has_joined:
            self._reinvite(user, member)
            return
        if user.email != member.email:
            self._addresses.compare(user, member)
        if member.accepted:
            self._change_preferences(user, member)

    def _reinvite(self, user: User, member: OrgMember) -> None:
        """Make an accepted membership without a Profile pending, so that the person can accept it."""
        problem = "has no Profile in the organization, so Cal.com adds this person to no team"
        protection = self._deprovisioning.find_protection(member)
        if protection is not None:
            self._added.wait(
                user, f"{problem}, but calscim does not change this person: {protection}"
            )
            return
        action = ReinviteUser(
            user.email or member.email,
            f"{problem}: calscim makes the membership pending, so that the person can accept the invitation",
            user=user.id,
            cal_user=member.user,
            membership=member.membership,
            role=member.role,
            drift=True,
            state=self._deprovisioning.state_of_wanted(member.user),
        )
        self._added.actions.append(action)
        if action.state is State.RUN:
            self._added.wait(user, "has to accept the invitation in Cal.com again; teams follow")

    def _change_preferences(self, user: User, member: OrgMember) -> None:
        """Send locale and time zone when the directory's values change.

        No list of Cal.com shows them, so edits in Cal.com are never corrected. The directory's values at the first
        sight of an account are recorded and not sent, because people may have chosen others in Cal.com.
        """
        before = self._desired.attributes.get((member.user, PREFERENCES))
        now = self._preferences.read(user, before)
        if now.record == (before or ""):
            return
        if now.is_empty:
            self._added.applied_attributes.append((member.user, PREFERENCES, now.record))
        elif address_key(user.email) == address_key(member.email):  # else sent with the address
            self._added.actions.append(
                ChangePreferences(
                    user.email,
                    f"the directory has another locale or time zone (journal {user.seq})",
                    user=user.id,
                    cal_user=member.user,
                    membership=member.membership,
                    provenance=Provenance(user.directory, user.seq),
                    state=self._deprovisioning.state_of_wanted(member.user),
                    preferences=now,
                )
            )

    def _deprovision(self, member: OrgMember) -> None:
        action = self._deprovisioning.find(member.user)
        if action is None:
            return
        protection = self._deprovisioning.find_protection(member)
        if protection is not None:
            self._added.leave_protected(action, protection)
            return
        if is_interim_address(member.user, member.email) and action.state is State.RUN:
            self._addresses.give_back(action, member.user)
        self._added.actions.append(action)
