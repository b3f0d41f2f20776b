"""What is known of one organization in Cal.com: the last reads, and what calscim wrote since.

Ids of memberships that calscim deleted are remembered: a lagging replica that still shows one is not
believed. Nor is one that shows a role or an address as it was before calscim changed it, for the settle time.
That a list lacks somebody calscim just added is believed: doing it again does no harm.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace

from calscim.calcom.reader import Reader
from calscim.core.model import (
    Action,
    CalUserId,
    Complete,
    Directory,
    Held,
    Incomplete,
    MembershipId,
    Observed,
    OrgMember,
    Role,
    Step,
    Team,
    TeamId,
    TeamMember,
)
from calscim.reconcile.attributes import Catalogue
from calscim.reconcile.recent import Recent

PAGE = 250  # what one read of a list brings at most
UNKNOWN = MembershipId(0)  # a membership calscim knows to exist, but not under which id


@dataclass(slots=True)
class View:
    """Kept between passes by whoever holds the lease, and started empty with every lease."""

    me: CalUserId | None = None
    people: dict[CalUserId, OrgMember] | None = None  # None: never read completely
    people_gap: str = "nothing was read yet"
    teams: dict[TeamId, dict[CalUserId, TeamMember]] = field(default_factory=dict)
    gaps: dict[TeamId, str] = field(default_factory=dict)
    names: dict[TeamId, str] = field(default_factory=dict)
    slugs: dict[TeamId, str | None] = field(default_factory=dict)
    stale: set[TeamId] = field(default_factory=set)  # written to without knowing the result
    deleted: set[MembershipId] = field(default_factory=set)  # of the organization
    deleted_on_teams: set[MembershipId] = field(default_factory=set)
    attributes: Catalogue = field(default_factory=Catalogue)
    recent: Recent = field(default_factory=lambda: Recent(lambda: 0.0))
    now: Callable[[], float] = lambda: 0.0
    # When a team was last read to its end.
    read_at: dict[TeamId, float] = field(default_factory=dict)
    # Wanted, and no team of the organization any more.
    gone: set[TeamId] = field(default_factory=set)

    def observed(self, teams: Iterable[TeamId] | None = None) -> Observed:
        """The view as the planner wants it; ``teams`` None: all that were looked at."""
        wanted = self.teams.keys() | self.gaps.keys() if teams is None else set(teams)
        seen: dict[TeamId, Complete[dict[CalUserId, TeamMember]] | Incomplete] = {}
        for team in wanted:
            if team in self.gaps or team not in self.teams:
                seen[team] = Incomplete(self.gaps.get(team, "it was not read yet"))
            else:
                seen[team] = Complete(self.teams[team])
        assert self.me is not None, "the key's own user is asked for before anything is planned"
        return Observed(
            me=self.me,
            people=Incomplete(self.people_gap) if self.people is None else Complete(self.people),
            teams=seen,  # type: ignore[arg-type] # dict is the Mapping it is read as
            team_names=self.names,
            attributes=self.attributes.observed(),
        )

    # -------------------------------------------------------------- reading

    async def read_key(self, reader: Reader) -> None:
        """Whose key it is. RemoteError when it is not taken, or when Cal.com is away."""
        self.me = (await reader.me()).user

    async def read_everything(
        self, reader: Reader, directory: Directory, since: float | None = None
    ) -> None:
        """Everybody, and every team that matters. ``since``: teams read since then are not read again."""
        await self.read_people(reader)
        gap = await self.read_names(reader)
        wanted = teams_of(directory)
        self.teams = {team: members for team, members in self.teams.items() if team in wanted}
        fresh = {team for team in wanted if self._is_fresh(team, since)}
        self.gaps.clear()
        self.gone = set() if gap is not None else wanted - self.names.keys()
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
        """Everybody in the organization. What was known before is dropped when that fails."""
        answer = await reader.people(expected=(self.people or {}).keys())
        if isinstance(answer, Incomplete):
            self.people, self.people_gap = None, answer.reason
        else:
            self.people = {
                number: self._settled(person)
                for number, person in answer.value.items()
                if person.membership not in self.deleted
            }

    async def read_again(self, reader: Reader, users: Collection[CalUserId]) -> None:
        """A few of the people that are known, or everybody where that takes fewer reads."""
        people = self.people or {}
        numbers = {user: people[user].membership for user in sorted(users) if user in people}
        if UNKNOWN in numbers.values() or len(numbers) > self.pages_of_people():
            await self.read_people(reader)
            return
        for user, number in numbers.items():
            fresh = await reader.person(number)
            if isinstance(fresh, OrgMember):
                people[user] = self._settled(fresh)
            else:
                people[user] = replace(people[user], attributes=None)

    async def read_names(self, reader: Reader) -> str | None:
        """The teams of the organization; returns why not when that fails."""
        answer = await reader.teams()
        if isinstance(answer, Incomplete):
            return answer.reason
        self.names = {number: team.name for number, team in answer.value.items()}
        self.slugs = {number: team.slug for number, team in answer.value.items()}
        return None

    def listed(self) -> list[Team]:
        """The teams of the organization, as last read."""
        return [Team(team, name, self.slugs.get(team)) for team, name in self.names.items()]

    async def read_team(self, reader: Reader, team: TeamId) -> None:
        answer = await reader.team_members(team, expected=self.teams.get(team, {}).keys())
        if isinstance(answer, Incomplete):
            self.gaps[team] = answer.reason
            return
        self.gaps.pop(team, None)
        self.stale.discard(team)
        self.read_at[team] = self.now()
        self.teams[team] = {
            number: self._settled_on(team, member)
            for number, member in answer.value.items()
            if member.membership not in self.deleted_on_teams
        }

    def _settled(self, person: OrgMember) -> OrgMember:
        role = self.recent.believed(("role", None, person.user), person.role)
        email = self.recent.believed(("email", person.user), person.email)
        told = self.recent.believed(("attributes", person.user), person.attributes)
        if role is person.role and email == person.email and told == person.attributes:
            return person
        return replace(person, role=role, email=email, attributes=told)

    def _settled_on(self, team: TeamId, member: TeamMember) -> TeamMember:
        role = self.recent.believed(("role", team, member.user), member.role)
        return member if role is member.role else replace(member, role=role)

    def pages(self, team: TeamId) -> int:
        """How many reads that team takes, as far as is known."""
        return len(self.teams.get(team, ())) // PAGE + 1

    def pages_of_people(self) -> int:
        return len(self.people or ()) // PAGE + 1

    # -------------------------------------------------------------- own writes

    def joined(self, person: OrgMember) -> None:
        if self.people is not None:
            self.people[person.user] = person

    def left(self, user: CalUserId, membership: MembershipId) -> None:
        """Somebody lost the organization, and every team with it."""
        self.deleted.add(membership)
        if self.people is not None:
            self.people.pop(user, None)
        for members in self.teams.values():
            if (member := members.pop(user, None)) is not None:
                self.deleted_on_teams.add(member.membership)

    def changed(
        self,
        user: CalUserId,
        *,
        email: str | None = None,
        name: str | None = None,
        role: Role | None = None,
    ) -> None:
        if self.people is not None and (person := self.people.get(user)) is not None:
            self.recent.changed(("role", None, user), person.role, role or person.role)
            self.recent.changed(("email", user), person.email, email or person.email)
            self.people[user] = replace(
                person,
                email=email or person.email,
                name=name or person.name,
                role=role or person.role,
            )

    def held(self, user: CalUserId) -> tuple[Held, ...] | None:
        """Somebody's attributes; None when they are not known."""
        person = None if self.people is None else self.people.get(user)
        return None if person is None else person.attributes

    def told(self, user: CalUserId, held: tuple[Held, ...]) -> None:
        if self.people is not None and (person := self.people.get(user)) is not None:
            self.recent.changed(("attributes", user), person.attributes, held)
            self.people[user] = replace(person, attributes=held)

    def put(self, team: TeamId, member: TeamMember) -> None:
        members = self.teams.setdefault(team, {})
        if (before := members.get(member.user)) is not None:
            self.recent.changed(("role", team, member.user), before.role, member.role)
        members[member.user] = member
        if member.membership == UNKNOWN:
            self.stale.add(team)

    def took(self, team: TeamId, user: CalUserId, membership: MembershipId) -> None:
        self.deleted_on_teams.add(membership)
        self.teams.get(team, {}).pop(user, None)

    def doubt(self, team: TeamId | None) -> None:
        """The outcome of a write is not known: read again before judging."""
        if team is None:
            self.people, self.people_gap = None, "a write to the organization had no clear outcome"
        else:
            self.stale.add(team)

    def doubt_after(self, action: Action, *, gone: bool) -> None:
        """As ``doubt``; of an attribute only that person's are not known any more, or its options.

        ``gone``: what the action was about does not exist.
        """
        change = action.change
        if change is None:
            self.doubt(action.team)
            return
        if change.step is Step.OPTION or gone:
            self.attributes.forget(change)
        user = action.cal_user
        if self.people is not None and user is not None and user in self.people:
            self.people[user] = replace(self.people[user], attributes=None)


def teams_of(directory: Directory) -> set[TeamId]:
    """Every team that a mapping or the ledger names, but those that are yet to be made."""
    mapped = {
        mapping.team
        for mapping in directory.mappings
        if mapping.team is not None and mapping.new_team is None
    }
    return mapped | {team for team, _ in directory.ledger}
