"""Decide which people leave the organization and why, and which people never do.

A person stays unless a provider has written to the user, and while any provider keeps a user of the person active.
Owners, the API key's user, and protected people always stay, whatever the directory says.
"""

from collections.abc import Iterable, Sequence

from calscim.names import address_key
from calscim.planner.actions import DeprovisionUser, Provenance, State
from calscim.planner.desired_state import DeletedUser, DesiredState, User
from calscim.planner.grants import ResolvedGrants
from calscim.planner.identity import PersonKey
from calscim.planner.ids import CalUserId, DirectoryId
from calscim.planner.modes import Provision
from calscim.planner.observed_state import Complete, ObservedState, OrgMember
from calscim.planner.policy import Policy, find_org_protection
from calscim.planner.provenance import Explanation, ProvenanceIndex
from calscim.planner.safeguards import action_states


class Deprovisioning:
    """Computes the deprovision of each account on first use."""

    def __init__(
        self,
        desired: DesiredState,
        observed: ObservedState,
        policy: Policy,
        grants: ResolvedGrants,
        provenance: ProvenanceIndex,
    ) -> None:
        self._desired = desired
        self._policy = policy
        self._me = observed.me
        self._grants = grants
        self._people = grants.people
        self._provenance = provenance
        self._actions: dict[CalUserId, DeprovisionUser | None] = {}
        self.members = observed.people.value if isinstance(observed.people, Complete) else None

    def member(self, account: CalUserId) -> OrgMember | None:
        """Return the member of the organization, or None if the account is none or nothing was read."""
        return None if self.members is None else self.members.get(account)

    def is_wanted(self, key: PersonKey) -> bool:
        """Return True if a directory wants this person in the organization."""
        user = self._people.primary_user.get(key)
        if user is None or not (user.active and user.managed):
            return False
        return self._policy.provision_people is Provision.ASSIGNED or key in self._grants.mapped

    def is_leaving(self, account: CalUserId) -> bool:
        """Return True if the person will be deprovisioned, so that the team memberships end as well."""
        action = self.find(account)
        return action is not None and action.state is not State.OBSERVED

    def find(self, account: CalUserId) -> DeprovisionUser | None:
        """Return the deprovision of an account, or None, without regard to protections."""
        if account not in self._actions:
            self._actions[account] = self._compute(account)
        return self._actions[account]

    def _compute(self, account: CalUserId) -> DeprovisionUser | None:
        member = self.member(account)
        if member is None or self.is_wanted(account):
            return None
        users = [user for user in self._people.users(account) if user.managed]
        deleted = [one for one in self._people.deleted.get(account, ()) if one.managed]
        if any(user.active for user in users):
            explanation = self._why_unprovisioned(account, users)
        else:
            explanation = self._provenance.why_inactive(users, deleted)
        if explanation is None:
            return None
        entries: Sequence[User | DeletedUser] = (*users, *deleted)
        return DeprovisionUser(
            member.email or entries[0].email,
            explanation.reason,
            user=entries[0].id,
            cal_user=account,
            membership=member.membership,
            observed_role=member.role,
            provenance=explanation.provenance,
            state=self.state_for(one.directory for one in entries),
        )

    def _why_unprovisioned(self, account: CalUserId, users: Sequence[User]) -> Explanation | None:
        """Explain why an active person in no mapped group leaves; None if no row and no invitation says so."""
        if account in self._grants.watched:
            return None
        left = self._provenance.why_left(
            self._desired.mappings, [user.id for user in users], deleted=True
        )
        if left is not None:
            return Explanation(left.provenance, f"is no longer in a mapped group: {left.reason}")
        links = [self._desired.links.get(user.id) for user in users]
        if any(link is not None and link.origin != "found" for link in links):
            provenance = Provenance(users[0].directory, users[0].seq)
            return Explanation(provenance, "is no longer in a mapped group")
        return None

    def find_protection(self, member: OrgMember) -> str | None:
        """Return why this person is never deprovisioned or demoted in the organization, or None."""
        protection = find_org_protection(member, self._me, self._policy)
        if protection is None and self.is_on_protected_list(member.user):
            return "on the protected list"
        return protection

    def is_on_protected_list(self, account: CalUserId) -> bool:
        """Return True if any known address of this account is on the protected list."""
        protected = self._policy.protected
        return bool(protected) and any(
            address_key(address) in protected for address in self.addresses(account)
        )

    def addresses(self, account: CalUserId) -> list[str]:
        """Return all known addresses of this account, the one in Cal.com first."""
        member, entries = self.member(account), self._people.entries(account)
        known = [] if member is None else [member.email]
        known += [one.email for one in entries]
        known += [link.email for one in entries if (link := self._desired.links.get(one.id))]
        return known

    def state_for(self, directories: Iterable[DirectoryId], *, adds: bool = False) -> State:
        """Return the state of an action in the organization that these directories ask for."""
        return action_states.of_org_action(
            self._desired, self._policy.people, directories, adds=adds
        )

    def state_of_wanted(self, key: PersonKey, *, adds: bool = False) -> State:
        """Return the state of an action for a person that directories want in the organization."""
        users = self._people.users(key)
        return self.state_for(
            (one.directory for one in users if one.managed and one.active), adds=adds
        )
