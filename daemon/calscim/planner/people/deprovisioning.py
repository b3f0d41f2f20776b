"""Decide which people leave the organization and why, and which people never do.

A person stays unless a provider has written to the user, and while any provider keeps a user of the person active.
Owners, the API key's user, and protected people always stay, whatever the directory says.
"""

from collections.abc import Iterable, Sequence

from calscim.names import address_key
from calscim.planner.actions import DeprovisionUser, Provenance, State
from calscim.planner.desired_state import DeletedUser, DesiredState, Link, User
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
        wanted: ResolvedGrants,
        causes: ProvenanceIndex,
    ) -> None:
        self._desired = desired
        self._policy = policy
        self._me = observed.me
        self._grants = wanted
        self._people = wanted.people
        self._provenance = causes
        self._due: dict[CalUserId, DeprovisionUser | None] = {}
        self.seen = observed.people.value if isinstance(observed.people, Complete) else None

    def wanted(self, key: PersonKey) -> bool:
        """Return True if a directory wants this person in the organization."""
        user = self._people.primary_user.get(key)
        if user is None or not (user.active and user.managed):
            return False
        return self._policy.provision_people is Provision.ASSIGNED or key in self._grants.mapped

    def leaves(self, account: CalUserId) -> bool:
        """Return True if the person will be deprovisioned, so that the team memberships end as well."""
        action = self.due(account)
        return action is not None and action.state is not State.OBSERVED

    def due(self, account: CalUserId) -> DeprovisionUser | None:
        """Return the deprovision of an account, or None, without regard to protections."""
        if account not in self._due:
            self._due[account] = self._judge(account)
        return self._due[account]

    def _judge(self, account: CalUserId) -> DeprovisionUser | None:
        seen = None if self.seen is None else self.seen.get(account)
        if seen is None or self.wanted(account):
            return None
        users = [user for user in self._people.users(account) if user.managed]
        gone = [one for one in self._people.gone.get(account, ()) if one.managed]
        if any(user.active for user in users):
            explanation = self._unprovisioned(account, users)
        else:
            explanation = self._provenance.why_inactive(users, gone)
        if explanation is None:
            return None
        who: Sequence[User | DeletedUser] = users or gone
        return DeprovisionUser(
            seen.email or who[0].email,
            explanation.reason,
            user=who[0].id,
            cal_user=account,
            membership=seen.membership,
            observed_role=seen.role,
            provenance=explanation.provenance,
            state=self.state({one.directory for one in users} | {one.directory for one in gone}),
        )

    def _unprovisioned(self, account: CalUserId, users: Sequence[User]) -> Explanation | None:
        """Explain why an active person in no mapped group leaves; None if no row and no invitation says so."""
        if account in self._grants.watched:
            return None
        left = self._provenance.why_left(
            self._desired.mappings, [user.id for user in users], deleted=True
        )
        if left is not None:
            return Explanation(left.provenance, f"is in no mapped group any more: {left.reason}")
        links = [self._desired.links.get(user.id) for user in users]
        if any(link is not None and _brought_in(link) for link in links):
            user = users[0]
            return Explanation(
                Provenance(user.directory, user.seq), "is in no mapped group any more"
            )
        return None

    def floor(self, seen: OrgMember) -> str | None:
        """Return why this person is never deprovisioned or demoted in the organization, or None."""
        floor = find_org_protection(seen, self._me, self._policy)
        if floor is None and self.protected(seen.user):
            return "on the protected list"
        return floor

    def protected(self, account: CalUserId) -> bool:
        """Return True if any known address of this account is on the protected list."""
        protected = self._policy.protected
        return bool(protected) and any(
            address_key(address) in protected for address in self.addresses(account)
        )

    def addresses(self, account: CalUserId) -> list[str]:
        """Return all known addresses of this account, the one in Cal.com first."""
        seen = None if self.seen is None else self.seen.get(account)
        users: list[User | DeletedUser] = [
            *self._people.users(account),
            *self._people.gone.get(account, ()),
        ]
        known = [] if seen is None else [seen.email]
        known += [one.email for one in users]
        known += [link.email for one in users if (link := self._desired.links.get(one.id))]
        return known

    def state(self, behind: Iterable[DirectoryId], *, adds: bool = False) -> State:
        """Return the state of an action in the organization that these directories ask for."""
        return action_states.of_org_action(self._desired, self._policy.people, behind, adds=adds)


def _brought_in(link: Link) -> bool:
    return link.origin != "found"
