"""What is to be done about people in the organization: invite, attach, correct, deprovision.

Nobody is touched whom no provider has written to. Nobody is deprovisioned whom any provider keeps active,
or who is an owner, the key's own user, the last administrator or protected.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Mapping as MappingOf

from calscim.core.causes import Causes, Reason
from calscim.core.identity import Key
from calscim.core.mapping import Desired, Sources
from calscim.core.model import (
    Action,
    CalUserId,
    Cause,
    Complete,
    Departed,
    Directory,
    DirectoryId,
    Kind,
    Link,
    Mode,
    Observed,
    OrgMember,
    PeopleMode,
    Provision,
    Role,
    State,
    User,
    UserId,
    Waiting,
)
from calscim.core.policy import Policy, untouchable


class Accounts:
    """Fills ``actions``, ``waiting`` and ``coming`` with one walk over the people in scope."""

    def __init__(
        self,
        directory: Directory,
        observed: Observed,
        policy: Policy,
        wanted: Desired,
        causes: Causes,
        missed: MappingOf[UserId, int],
    ) -> None:
        self._directory = directory
        self._policy = policy
        self._me = observed.me
        self._desired = wanted
        self._people = wanted.people
        self._causes = causes
        self._missed = missed
        self._leaving: dict[CalUserId, Action | None] = {}
        self._addresses: dict[str, CalUserId] | None = None
        self._renamed: list[tuple[User, OrgMember]] = []
        self.seen = observed.people.value if isinstance(observed.people, Complete) else None
        self.actions: list[Action] = []
        self.waiting: dict[UserId, Waiting] = {}
        self.coming: dict[Key, State] = {}  # people an action of this plan invites

    def walk(self, keys: Iterable[Key] | None, users: frozenset[UserId] | None) -> None:
        """Everybody, or just these people; ``users`` are the same people's users."""
        for user in self._people.nameless:
            if users is None or user.id in users:
                self._nameless(user)
        speakers = self._people.speakers
        everybody = (*speakers, *(set(self._people.gone) - speakers.keys()))
        for key in everybody if keys is None else keys:
            if isinstance(key, str):
                self._stranger(key)
            elif self.seen is not None:
                self._account(key, self.seen)
        for user, seen in sorted(self._renamed, key=lambda one: one[1].user):
            self._profile(user, seen)
        self._exclusive_roles(keys)
        self._keep_an_administrator()

    def wanted(self, key: Key) -> bool:
        """Whether a directory wants this person in the organization."""
        user = self._people.speakers.get(key)
        if user is None or not (user.active and user.managed):
            return False
        return self._policy.provision is Provision.ASSIGNED or key in self._desired.mapped

    def leaves(self, account: CalUserId) -> bool:
        """Whether a deprovision takes this person's teams along, sooner or later."""
        action = self._departure(account)
        return action is not None and action.state is not State.OBSERVED

    # ---------------------------------------------------------------- one person

    def _nameless(self, user: User) -> None:
        if user.active and user.managed:
            self._wait(user, "the directory gives no e-mail address: Cal.com knows people by one")

    def _stranger(self, address: str) -> None:
        """A person without an account in the organization."""
        if self.seen is None or not self.wanted(address):
            return
        user = self._people.speakers[address]
        if address in self._seen_addresses():
            self._wait(
                user,
                "an account that belongs to another user of the directory still has this address",
            )
            return
        sources = self._role(address)
        role = sources.role if sources is not None else Role.MEMBER
        because = (
            f"an active user of the directory (journal {user.seq}) who is not in the organization"
        )
        action = self._action(
            Kind.CREATE, user, because, Cause(user.directory, user.seq), role=role
        )
        self.coming[address] = action.state

    def _account(self, account: CalUserId, everybody: MappingOf[CalUserId, OrgMember]) -> None:
        seen = everybody.get(account)
        if not self.wanted(account):
            if seen is not None:
                self._leave(account, seen)
            return
        user = self._people.speakers[account]
        if seen is None:
            self._absent(user, account)
            return
        if not seen.accepted:
            self._wait(user, "has not accepted the invitation yet")
        if user.email != seen.email:
            self._renamed.append((user, seen))
        if seen.accepted and self._desired.roles:
            self._organization_role(account, user, seen)

    def _absent(self, user: User, account: CalUserId) -> None:
        """Linked, and not in the list: only several complete passes in a row make it true."""
        times = max(
            self._missed.get(one.id, 0) for one in self._people.users(account) if one.managed
        )
        if times < self._policy.patience:
            reason = "the account was not in Cal.com's list; looking again before acting"
            self._wait(user, reason)
            return
        sources = self._role(account)
        self._action(
            Kind.ATTACH,
            user,
            f"the account is not in the organization any more ({times} complete passes), "
            "and the directory wants it there",
            None,
            account=account,
            role=sources.role if sources is not None else Role.MEMBER,
            drift=True,
        )
        self._wait(user, "is being brought back into the organization; teams follow")

    def _profile(self, user: User, seen: OrgMember) -> None:
        """Only addresses: the API cannot change a name, and does not show locale and time zone."""
        address = user.email.casefold()
        if not address:
            self._wait(user, "the directory gives no e-mail address; the account keeps its own")
            return
        if address == seen.email.casefold():
            return
        holder = self._seen_addresses().setdefault(address, seen.user)
        if holder != seen.user:
            self._wait(user, f"another account already has the address {user.email}")
            return
        self._action(
            Kind.UPDATE,
            user,
            f"the directory has another address than {seen.email} (journal {user.seq})",
            Cause(user.directory, user.seq),
            seen=seen,
        )

    # ---------------------------------------------------------------- leaving

    def _leave(self, account: CalUserId, seen: OrgMember) -> None:
        action = self._departure(account)
        if action is None:
            return
        floor = self._floor(seen)
        if floor is None:
            self.actions.append(action)
            return
        self._leave_alone(action, floor)

    def _leave_alone(self, action: Action, floor: str) -> None:
        if action.user is not None:
            reason = f"{action.because}, but is left alone: {floor}"
            self._say(action.user, action.email, reason)

    def _departure(self, account: CalUserId) -> Action | None:
        """The deprovision that is due, floors aside; worked out once."""
        if account not in self._leaving:
            self._leaving[account] = self._judge(account)
        return self._leaving[account]

    def _judge(self, account: CalUserId) -> Action | None:
        seen = None if self.seen is None else self.seen.get(account)
        if seen is None or self.wanted(account):
            return None
        users = [user for user in self._people.users(account) if user.managed]
        gone = [one for one in self._people.gone.get(account, ()) if one.managed]
        if any(user.active for user in users):
            reason = self._unprovisioned(account, users)
        else:
            reason = self._causes.inactive(users, gone)
        if reason is None:
            return None
        who: Sequence[User | Departed] = users or gone
        return Action(
            Kind.DEPROVISION,
            seen.email or who[0].email,
            reason.because,
            user=who[0].id,
            cal_user=account,
            membership=seen.membership,
            observed_role=seen.role,
            cause=reason.cause,
            state=self._state({one.directory for one in users} | {one.directory for one in gone}),
        )

    def _unprovisioned(self, account: CalUserId, users: Sequence[User]) -> Reason | None:
        """Active, and in no mapped group: only for a row that took them out, or who calscim brought in."""
        if account in self._desired.watched:
            return None
        left = self._causes.leaving(
            self._directory.mappings, [user.id for user in users], deleted=True
        )
        if left is not None:
            return Reason(left.cause, f"is in no mapped group any more: {left.because}")
        links = [self._directory.links.get(user.id) for user in users]
        if any(link is not None and _brought_in(link) for link in links):
            user = users[0]
            return Reason(Cause(user.directory, user.seq), "is in no mapped group any more")
        return None

    def _floor(self, seen: OrgMember) -> str | None:
        floor = untouchable(seen, self._me, self._policy)
        if floor is None and self.protected(seen.user):
            return "on the protected list"
        return floor

    def _keep_an_administrator(self) -> None:
        """Of the administrators who would all go at once, the one with the lowest number stays."""
        losing = [action for action in self.actions if _loses_office(action)]
        if not losing or self.seen is None:
            return
        everybody = self.seen.items()
        administrators = {
            account for account, one in everybody if one.accepted and one.role is not Role.MEMBER
        }
        if administrators - {action.cal_user for action in losing}:
            return
        kept = min(losing, key=lambda one: (one.cal_user not in administrators, one.cal_user or 0))
        self.actions.remove(kept)
        self._leave_alone(kept, "the last administrator of the organization")

    def protected(self, account: CalUserId) -> bool:
        """Whether any address that anybody knows this account by is on the protected list."""
        protected = self._policy.protected
        return bool(protected) and any(
            address.casefold() in protected for address in self.addresses(account)
        )

    def addresses(self, account: CalUserId) -> list[str]:
        """Every address that anybody knows this account by, Cal.com's first."""
        seen = None if self.seen is None else self.seen.get(account)
        users: list[User | Departed] = [
            *self._people.users(account),
            *self._people.gone.get(account, ()),
        ]
        known = [] if seen is None else [seen.email]
        known += [one.email for one in users]
        known += [link.email for one in users if (link := self._directory.links.get(one.id))]
        return known

    # ---------------------------------------------------------------- roles in the organization

    def _role(self, key: Key) -> Sources | None:
        """The role that an acting mapping gives in the organization."""
        sources = self._desired.roles.get(key)
        return None if sources is None or sources.mode is Mode.OBSERVE else sources

    def _organization_role(self, account: CalUserId, user: User, seen: OrgMember) -> None:
        sources = self._desired.roles.get(account)
        if sources is None or sources.role is seen.role or sources.mode is Mode.ADD_ONLY:
            return
        reason = self._causes.giving(account, sources)
        because = f"{reason.because} gives the role {sources.role.value} in the organization"
        lowers = sources.role.rank < seen.role.rank
        if lowers and (floor := self._floor(seen)) is not None:
            self._wait(user, f"{because}, but is left alone: {floor}")
            return
        self._action(
            Kind.ROLE, user, because, reason.cause, seen=seen, role=sources.role, sources=sources
        )

    def _exclusive_roles(self, keys: Iterable[Key] | None) -> None:
        """Administrators whom an exclusive mapping of the organization's roles does not name."""
        exclusive = [
            mapping
            for mapping in self._directory.mappings
            if mapping.team is None and mapping.mode is Mode.EXCLUSIVE
        ]
        live = [mapping for mapping in exclusive if mapping.removed_seq is None]
        live.sort(key=lambda mapping: mapping.id)
        if not live or self.seen is None or any(mapping.group is None for mapping in live):
            return
        chosen = None if keys is None else set(keys)
        for account, seen in sorted(self.seen.items()):
            named = account in self._desired.roles or (chosen is not None and account not in chosen)
            if named or seen.role is not Role.ADMIN or self.leaves(account):
                continue
            if self._floor(seen) is not None:
                continue
            users = self._people.users(account)
            reason = self._causes.leaving(live, [user.id for user in users])
            self.actions.append(
                Action(
                    Kind.ROLE,
                    seen.email,
                    "is in no group that gives a role in the organization, and these are exclusive"
                    if reason is None
                    else f"{reason.because}, which gave a role in the organization",
                    user=users[0].id if users else None,
                    cal_user=account,
                    membership=seen.membership,
                    role=Role.MEMBER,
                    observed_role=seen.role,
                    mode=Mode.EXCLUSIVE,
                    mappings=tuple(mapping.id for mapping in live),
                    cause=reason.cause if reason is not None else None,
                    drift=reason is None,
                    state=self._state(mapping.directory for mapping in live),
                )
            )

    # ---------------------------------------------------------------- collecting

    def _wait(self, user: User, reason: str) -> None:
        self._say(user.id, user.email, reason)

    def _say(self, user: UserId, email: str, reason: str) -> None:
        before = self.waiting.get(user)
        if before is not None:
            email, reason = before.email, f"{before.reason}; {reason}"
        self.waiting[user] = Waiting(user, email, reason)

    def _seen_addresses(self) -> dict[str, CalUserId]:
        """Who has which address, with those that this plan gives out."""
        if self._addresses is None:
            everybody = sorted((self.seen or {}).items(), reverse=True)
            self._addresses = {one.email.casefold(): account for account, one in everybody}
        return self._addresses

    def _state(self, directories: Iterable[DirectoryId], kind: Kind = Kind.DEPROVISION) -> State:
        mode = self._policy.people
        adds = kind in (Kind.CREATE, Kind.ATTACH)
        if mode is PeopleMode.OBSERVE or (mode is PeopleMode.ADD_ONLY and not adds):
            return State.OBSERVED
        if self._directory.paused or set(directories) <= self._directory.paused_directories:
            return State.PAUSED
        return State.RUN

    def _action(
        self,
        kind: Kind,
        user: User,
        because: str,
        cause: Cause | None,
        *,
        seen: OrgMember | None = None,
        account: CalUserId | None = None,
        role: Role | None = None,
        sources: Sources | None = None,
        drift: bool = False,
    ) -> Action:
        key = self._people.of[user.id]
        behind = [one for one in self._people.users(key) if one.managed and one.active]
        state = self._state({one.directory for one in behind}, kind)
        if sources is not None and sources.mode is Mode.OBSERVE:
            state = State.OBSERVED
        action = Action(
            kind,
            user.email,
            because,
            user=user.id,
            cal_user=account if seen is None else seen.user,
            membership=None if seen is None else seen.membership,
            role=role,
            observed_role=None if seen is None else seen.role,
            name=user.name,
            locale=user.locale,
            time_zone=user.time_zone,
            mode=None if sources is None else sources.mode,
            mappings=() if sources is None else sources.ids,
            cause=cause,
            drift=drift,
            state=state,
        )
        self.actions.append(action)
        return action


def _brought_in(link: Link) -> bool:
    return link.origin != "found"


def _loses_office(action: Action) -> bool:
    if action.observed_role in (None, Role.MEMBER):
        return False
    return action.kind is Kind.DEPROVISION or action.role is Role.MEMBER
