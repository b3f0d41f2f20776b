"""Compare a team of Cal.com with the groups that are mapped to it, and adopt memberships that others made.

In ``managed``, calscim removes only memberships that it added. Memberships that existed before, such as those of
Cal.com's own directory sync, stay when the person leaves the group, until an operator has calscim adopt them.
"""

from collections.abc import Iterator
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

from calscim.admin.teams import named_team, reading
from calscim.clock import SystemClock
from calscim.config import Organization, Settings
from calscim.errors import RemoteError, RemoteKind, UsageError
from calscim.journal.audit import Editor, transaction
from calscim.names import address_key
from calscim.planner.desired_state import DesiredState
from calscim.planner.grants import EffectiveGrant, resolve_grants
from calscim.planner.identity import People, PersonKey, identify
from calscim.planner.ids import CalUserId, TeamId
from calscim.planner.observed_state import Complete, Incomplete, ObservedState
from calscim.planner.policy import Policy
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql
from calscim.reconciler.desired_loader import load_desired_state
from calscim.reconciler.from_settings import rules
from calscim.reconciler.observed_cache import ObservedCache
from calscim.reconciler.state import build_traits

Seen = TypeVar("Seen")
Maker: TypeAlias = Literal["calscim", "adopted", "others"]
_AGAIN = "try again, and run `calscim doctor` if it lasts"
_MAKERS: MappingOf[str, Maker] = {"added": "calscim", "adopted": "adopted"}


@dataclass(frozen=True, slots=True)
class ComparedMember:
    """A person on the team, or wanted there. ``role`` and ``wanted``: in Cal.com, and by the mapped groups."""

    email: str
    cal_user_id: int | None
    role: str | None
    wanted: str | None
    groups: tuple[str, ...]  # the mapped groups that put the person on the team
    added_by: Maker | None  # None: not on the team

    @property
    def can_be_adopted(self) -> bool:
        """Return True if a mapped group wants the membership, and calscim neither added nor adopted it."""
        return self.added_by == "others" and self.wanted is not None


@dataclass(frozen=True, slots=True)
class TeamComparison:
    """The members of a team of Cal.com, beside what its mapped groups want."""

    team_id: int
    team: str
    members: tuple[ComparedMember, ...]

    @property
    def adoptable(self) -> tuple[ComparedMember, ...]:
        return tuple(member for member in self.members if member.can_be_adopted)


@dataclass(frozen=True, slots=True)
class AdoptedMembers:
    """The memberships that `calscim team adopt` adopted, or would adopt."""

    team_id: int
    team: str
    members: tuple[ComparedMember, ...]
    adopted: bool


async def compare_team(
    db: Database, settings: Settings, organization: Organization, wanted: str
) -> TeamComparison:
    """Read one team of Cal.com and compare it. UsageError if it is not exactly one; RemoteError if Cal.com fails."""
    ruled = rules(settings, organization)
    async with reading(settings, organization) as reader:
        view = ObservedCache(traits=await build_traits.load(db, organization.name))
        await view.read_key(reader)
        await view.read_people(reader)
        gap = await view.team_catalog.read(reader)
        if gap is not None:
            raise RemoteError(
                RemoteKind.UNREACHABLE, f"Cal.com's teams could not be read: {gap}; {_AGAIN}"
            )
        team = named_team(view.team_catalog.known(), organization.name, wanted)
        await view.read_team(reader, team.id)
    snapshot = await load_desired_state(db, ruled, SystemClock().now())
    compared = _compare(snapshot.desired, view.observed([team.id]), ruled.policy, team.id)
    return TeamComparison(team.id, team.name, tuple(sorted(compared, key=_order)))


def _order(member: ComparedMember) -> tuple[str, int]:
    return address_key(member.email), member.cal_user_id or 0


def _compare(
    desired: DesiredState, observed: ObservedState, policy: Policy, team: TeamId
) -> Iterator[ComparedMember]:
    """Yield everyone who is on the team or wanted there."""
    accounts = _complete(observed.people, "the organization's members")
    members = _complete(observed.teams[team], "the team's members")
    people = identify(desired, observed)
    grants = resolve_grants(desired, policy, people, {team}).teams.get(team, {})
    for key in [*members, *(key for key in grants if key not in members)]:
        grant, user = grants.get(key), people.primary_user.get(key)
        member = None if isinstance(key, str) else members.get(key)
        account = None if isinstance(key, str) else accounts.get(key)
        email = account.email if account is not None else "" if user is None else user.email
        yield ComparedMember(
            email=email or f"account {key}",
            cal_user_id=None if isinstance(key, str) else key,
            role=None if member is None else member.role.value,
            wanted=None if grant is None else grant.role.value,
            groups=() if grant is None else _groups_of(desired, people, key, grant),
            added_by=None if member is None else _maker(desired, team, member.user),
        )


def _complete(
    seen: "Complete[MappingOf[CalUserId, Seen]] | Incomplete", what: str
) -> MappingOf[CalUserId, Seen]:
    """Return what was read. Raise RemoteError if it is not complete."""
    if isinstance(seen, Incomplete):
        raise RemoteError(
            RemoteKind.UNREACHABLE, f"{what} could not be read: {seen.reason}; {_AGAIN}"
        )
    return seen.value


def _groups_of(
    desired: DesiredState, people: People, key: PersonKey, grant: EffectiveGrant
) -> tuple[str, ...]:
    """Return the names of the person's groups among the mappings of the grant."""
    users = [user.id for user in people.users(key) if user.active]
    names = {
        desired.groups.get(mapping.group, mapping.group_name)
        for mapping in grant.mappings
        if mapping.group is not None
        and any(user in desired.members.get(mapping.group, {}) for user in users)
    }
    return tuple(sorted(names))


def _maker(desired: DesiredState, team: TeamId, account: CalUserId) -> Maker:
    record = desired.ledger.get((team, account))
    return "others" if record is None else _MAKERS.get(record.origin, "others")


async def adopt_members(
    db: Database, editor: Editor, organization: str, comparison: TeamComparison
) -> int:
    """Adopt the memberships that can be adopted, in one journal row. Return how many were adopted.

    UsageError, and nothing is adopted, if the daemon did not record all of them yet.
    """
    accounts = [member.cal_user_id for member in comparison.adoptable]
    async with transaction(db) as connection:
        arguments = (organization, comparison.team_id, accounts)
        adopted = await connection.fetch(sql("ledger.adopt_found"), *arguments)
        if len(adopted) < len(accounts):
            raise UsageError(
                f"calscim has not recorded every member of {comparison.team} yet: run `calscim sync`, then try again"
            )
        if accounts:
            edit = {
                "team_id": comparison.team_id,
                "team": comparison.team,
                "cal_user_ids": accounts,
            }
            await editor.write_and_ask(
                connection, organization, "team.adopt", ("Team", str(comparison.team_id)), edit
            )
    return len(accounts)
