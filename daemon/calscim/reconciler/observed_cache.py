"""Caches the observed state of one organization: the last reads, plus what calscim wrote since.

The cache ignores a membership that calscim deleted, if a lagging replica of Cal.com still shows it. For the stale read
window, it also ignores a role or an address from before a change by calscim. A member that calscim just added and a
fresh list lacks is added again, because adding is idempotent.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace

from calscim.calcom.reader import Reader
from calscim.names import address_key
from calscim.planner.action_key import ActionKey
from calscim.planner.actions import Action, AttributeOp, ChangeAttribute, team_of
from calscim.planner.build import BuildTraits
from calscim.planner.desired_state import DesiredState
from calscim.planner.ids import CalUserId, MembershipId, TeamId
from calscim.planner.observed_state import (
    AttributeValue,
    Complete,
    Incomplete,
    ObservedState,
    OrgMember,
    TeamMember,
)
from calscim.planner.roles import Role
from calscim.planner.teams.pending import pending_teams
from calscim.reconciler.attribute_cache import AssignedOptions, AttributeCatalog, option_keys
from calscim.reconciler.stale_reads import StaleReadFilter
from calscim.reconciler.team_catalog import TeamCatalog

LOOKED_UP = 50  # addresses in one call
PAGE = 250  # entries that one read of a list returns at most
UNKNOWN = MembershipId(0)  # the id of a membership that exists and whose id calscim does not know


@dataclass(slots=True)
class ObservedCache:
    """The cache. It lives as long as the lease, and starts empty."""

    me: CalUserId | None = None
    people: dict[CalUserId, OrgMember] | None = None  # None: never read completely
    people_gap: str = "nothing was read yet"
    teams: dict[TeamId, dict[CalUserId, TeamMember]] = field(default_factory=dict)
    gaps: dict[TeamId, str] = field(default_factory=dict)
    team_catalog: TeamCatalog = field(default_factory=TeamCatalog)
    stale: set[TeamId] = field(default_factory=set)  # teams after a write with an unknown outcome
    deleted: set[MembershipId] = field(default_factory=set)  # of the organization
    deleted_on_teams: set[MembershipId] = field(default_factory=set)
    attributes: AttributeCatalog = field(default_factory=AttributeCatalog)
    recent: StaleReadFilter = field(default_factory=lambda: StaleReadFilter(lambda: 0.0))
    now: Callable[[], float] = lambda: 0.0
    # When each team was last read completely.
    read_at: dict[TeamId, float] = field(default_factory=dict)
    # Relevant teams that the organization no longer has.
    gone: set[TeamId] = field(default_factory=set)
    traits: BuildTraits = field(default_factory=BuildTraits)
    profiles: dict[MembershipId, bool] = field(
        default_factory=dict
    )  # True if the member has a Profile
    options: AssignedOptions = field(default_factory=AssignedOptions)
    # Addresses that users want and other accounts had, when a plan last covered all people.
    contested: set[str] = field(default_factory=set)
    # In how many passes in a row Cal.com left each action unanswered: see outage.
    unanswered: dict[ActionKey, int] = field(default_factory=dict)
    # Accounts that calscim created, until a list shows the ids of their memberships.
    _with_profile: set[CalUserId] = field(default_factory=set)

    def observed(self, teams: Iterable[TeamId] | None = None) -> ObservedState:
        """Return the observed state for the planner; ``teams`` None: all teams that were read."""
        wanted = self.teams.keys() | self.gaps.keys() if teams is None else set(teams)
        seen: dict[TeamId, Complete[dict[CalUserId, TeamMember]] | Incomplete] = {}
        for team in wanted:
            if team in self.gaps or team not in self.teams:
                seen[team] = Incomplete(self.gaps.get(team, "it was not read yet"))
            else:
                seen[team] = Complete(self.teams[team])
        assert self.me is not None, "read_key runs before a plan is made"
        return ObservedState(
            me=self.me,
            people=Incomplete(self.people_gap) if self.people is None else Complete(self.people),
            teams=seen,  # type: ignore[arg-type] # Complete is invariant; nothing writes to it
            team_names=self.team_catalog.names,
            attributes=self.attributes.observed(),
            clears_teams=self.traits.clears_teams,
        )

    # -------------------------------------------------------------- reading

    async def read_key(self, reader: Reader) -> None:
        """Read the API key's user. Raise RemoteError if Cal.com refuses the key or does not answer."""
        self.me = (await reader.me()).user

    async def read_everything(
        self, reader: Reader, directory: DesiredState, since: float | None = None
    ) -> None:
        """Read all people and all relevant teams, except teams that were read after ``since``."""
        await self.read_people(reader)
        wanted = relevant_teams(directory)
        gap = await self.team_catalog.read(reader, wanted, whole=bool(pending_teams(directory)))
        self.teams = {team: members for team, members in self.teams.items() if team in wanted}
        fresh = {team for team in wanted if self._is_fresh(team, since)}
        self.gaps.clear()
        self.gone = set() if gap is not None else wanted - self.team_catalog.names.keys()
        for team in sorted(wanted):
            if team in self.gone:
                self.gaps[team] = "this organization has no such team any more"
            elif team not in fresh:
                await self.read_team(reader, team)

    def _is_fresh(self, team: TeamId, since: float | None) -> bool:
        if since is None or team not in self.teams or team in self.gaps or team in self.stale:
            return False
        return self.read_at.get(team, since - 1) >= since

    async def read_people(self, reader: Reader) -> None:
        """Read all people. On failure the cached people are dropped."""
        answer = await reader.people(expected=(self.people or {}).keys())
        if isinstance(answer, Incomplete):
            self.people, self.people_gap = None, answer.reason
        else:
            self.people = {
                number: self._filter_stale_person(person)
                for number, person in answer.value.items()
                if person.membership not in self.deleted
            }

    async def read_profiles(self, reader: Reader, users: Collection[CalUserId]) -> None:
        """Read which accepted members have a Profile, unless a Profile was found before.

        A membership keeps its Profile, so a Profile that was found once is not read again. If the API key may not list
        users, calscim assumes that no Profile is missing.
        """
        people = self.people or {}
        unseen = [
            people[user]
            for user in sorted(users)
            if user in people and people[user].accepted and people[user].has_profile is not True
        ]
        if not unseen:
            return
        found: Collection[CalUserId] = ()
        if len(unseen) <= LOOKED_UP * self.pages_of_people():
            some = await reader.profiles([person.email for person in unseen])
            if some is None:
                return
            found = () if isinstance(some, Incomplete) else some
        if any(person.user not in found for person in unseen):
            # The list may have the person under another address, so only the whole list proves an absence.
            everyone = await reader.all_profiles()
            if not isinstance(everyone, Complete):
                return
            found = everyone.value
        for person in unseen:
            self.profiles[person.membership] = person.user in found
            people[person.user] = replace(person, has_profile=person.user in found)

    def apply_profile_found(self, membership: MembershipId) -> None:
        """Note that a member has a Profile."""
        self._note_profile(membership, has_profile=True)

    def apply_profile_missing(self, user: CalUserId) -> None:
        """Note that Cal.com refused a call because the member has no Profile."""
        if self.people is not None and (person := self.people.get(user)) is not None:
            self._note_profile(person.membership, has_profile=False)

    def apply_pending(self, user: CalUserId) -> None:
        """Note that the member has to accept the invitation again, which creates a Profile."""
        if self.people is not None and (person := self.people.get(user)) is not None:
            self.profiles.pop(person.membership, None)
            self.people[user] = replace(person, accepted=False, has_profile=None)

    def _note_profile(self, membership: MembershipId, *, has_profile: bool) -> None:
        self.profiles[membership] = has_profile
        people = self.people or {}
        for user, person in people.items():
            if person.membership == membership:
                people[user] = replace(person, has_profile=has_profile)
                return

    async def read_options(self, reader: Reader, user: CalUserId) -> bool | Incomplete:
        """Read every option that a person has; return True if the cache had the same options."""
        fresh = await self.options.read(reader, user, self.now())
        if isinstance(fresh, Incomplete):
            return fresh
        known = self.attributes_of(user)
        if known is not None and option_keys(known) == option_keys(fresh):
            return True
        if self.people is not None and user in self.people:
            self.people[user] = replace(self.people[user], attributes=fresh)
        return False

    async def read_team(self, reader: Reader, team: TeamId) -> None:
        answer = await reader.team_members(team, expected=self.teams.get(team, {}).keys())
        if isinstance(answer, Incomplete):
            self.gaps[team] = answer.reason
            return
        self.gaps.pop(team, None)
        self.stale.discard(team)
        self.read_at[team] = self.now()
        self.teams[team] = {
            number: self._filter_stale_member(team, member)
            for number, member in answer.value.items()
            if member.membership not in self.deleted_on_teams
        }

    def _filter_stale_person(self, person: OrgMember) -> OrgMember:
        role = self.recent.current_value(("role", None, person.user), person.role)
        email = self.recent.current_value(("email", person.user), person.email)
        shown = self.recent.current_value(("attributes", person.user), person.attributes)
        attributes = self.options.complete(person.user, shown)
        if person.user in self._with_profile:
            self._with_profile.discard(person.user)
            self.profiles[person.membership] = True
        has_profile = self.profiles.get(person.membership)
        if (role, email, attributes, has_profile) == (
            person.role,
            person.email,
            person.attributes,
            None,
        ):
            return person
        return replace(
            person, role=role, email=email, attributes=attributes, has_profile=has_profile
        )

    def _filter_stale_member(self, team: TeamId, member: TeamMember) -> TeamMember:
        role = self.recent.current_value(("role", team, member.user), member.role)
        accepted = self.recent.current_value(("accepted", team, member.user), member.accepted)
        if (role, accepted) == (member.role, member.accepted):
            return member
        return replace(member, role=role, accepted=accepted)

    def memberships_of(self, user: CalUserId) -> dict[TeamId, TeamMember]:
        """Return the person's memberships of the teams that were read."""
        return {team: members[user] for team, members in self.teams.items() if user in members}

    def pages(self, team: TeamId) -> int:
        """Return the number of calls that a read of the team takes."""
        return len(self.teams.get(team, ())) // PAGE + 1

    def pages_of_people(self) -> int:
        return len(self.people or ()) // PAGE + 1

    # -------------------------------------------------------------- own writes

    def apply_joined(self, person: OrgMember) -> None:
        if person.has_profile:
            self._with_profile.add(person.user)
        if self.people is not None:
            self.people[person.user] = person

    def apply_left(self, user: CalUserId, membership: MembershipId) -> None:
        """Remove a person from the organization and from all teams.

        A later list that still shows a team membership is ignored only if the build is known to end team memberships.
        """
        self.deleted.add(membership)
        if self.people is not None:
            self.people.pop(user, None)
        for members in self.teams.values():
            member = members.pop(user, None)
            if member is not None and self.traits.clears_teams:
                self.deleted_on_teams.add(member.membership)

    def apply_change(
        self,
        user: CalUserId,
        *,
        email: str | None = None,
        role: Role | None = None,
    ) -> None:
        if self.people is not None and (person := self.people.get(user)) is not None:
            self.recent.record_change(("role", None, user), person.role, role or person.role)
            self.recent.record_change(("email", user), person.email, email or person.email)
            self.people[user] = replace(
                person,
                email=email or person.email,
                role=role or person.role,
            )

    def attributes_of(self, user: CalUserId) -> tuple[AttributeValue, ...] | None:
        """Return a person's attribute values, or None if unknown."""
        person = None if self.people is None else self.people.get(user)
        return None if person is None else person.attributes

    def apply_attributes(self, user: CalUserId, held: tuple[AttributeValue, ...]) -> None:
        if self.people is not None and (person := self.people.get(user)) is not None:
            self.recent.record_change(("attributes", user), person.attributes, held)
            self.people[user] = replace(person, attributes=held)
            self.options.replace(user, held)

    def apply_member(self, team: TeamId, member: TeamMember) -> None:
        members = self.teams.setdefault(team, {})
        if (before := members.get(member.user)) is not None:
            self.recent.record_change(("role", team, member.user), before.role, member.role)
        members[member.user] = member
        if member.membership == UNKNOWN:
            self.stale.add(team)

    def apply_acceptance(self, team: TeamId, user: CalUserId) -> None:
        members = self.teams.get(team, {})
        if (member := members.get(user)) is not None:
            self.recent.record_change(("accepted", team, user), member.accepted, after=True)
            members[user] = replace(member, accepted=True)

    def apply_removal(self, team: TeamId, user: CalUserId, membership: MembershipId) -> None:
        self.deleted_on_teams.add(membership)
        self.teams.get(team, {}).pop(user, None)

    def invalidate(self, team: TeamId | None) -> None:
        """Mark the team, or the organization for None, to be read again after a write with an unknown outcome."""
        if team is None:
            self.people, self.people_gap = None, "a write to the organization had no clear outcome"
        else:
            self.stale.add(team)

    def invalidate_after(self, action: Action, *, gone: bool) -> None:
        """Invalidate what an action may have changed: a team, the organization, or one person's attributes.

        ``gone``: the object that the action changes does not exist.
        """
        if not isinstance(action, ChangeAttribute):
            self.invalidate(team_of(action))
            return
        change = action.change
        if change.op is AttributeOp.OPTION or gone:
            self.attributes.forget(change)
        user = action.cal_user
        if self.people is not None and user is not None and user in self.people:
            self.people[user] = replace(self.people[user], attributes=None)
            self.options.forget(user)


def relevant_teams(directory: DesiredState) -> set[TeamId]:
    """Return the teams that mappings or the ledger name, except teams that do not exist yet."""
    mapped = {
        mapping.team
        for mapping in directory.mappings
        if mapping.team is not None and mapping.new_team is None
    }
    return mapped | {team for team, _ in directory.ledger}


def accounts_of_active_users(directory: DesiredState, view: ObservedCache) -> set[CalUserId]:
    """Return the accounts of active users, by their links or else by their addresses."""
    wanted = [user for user in directory.users.values() if user.active and user.managed]
    links = directory.links
    addresses = {address_key(user.email) for user in wanted if user.id not in links}
    linked = {links[user.id].cal_user for user in wanted if user.id in links}
    people = view.people or {}
    return linked | {one.user for one in people.values() if address_key(one.email) in addresses}
