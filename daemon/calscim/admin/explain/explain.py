"""Why a person is or is not on a team: both sides of this moment, the sources, the ledger, the last actions.

Cal.com may be away: then the answer is what the database knows, and says so. Only what the database does not know
either, an account without an entry or a team that no mapping names, is an error then.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from calscim.admin import names
from calscim.admin.explain import attributes, entries
from calscim.admin.explain.entries import Entries, Subject
from calscim.admin.explain.reasons import Memory, Reasons, in_place, planned, unsettled
from calscim.admin.plan_preview import reading, the_team
from calscim.admin.waiting_mappings import waiting_mappings
from calscim.calcom.reader import Reader
from calscim.clock import SystemClock
from calscim.config import Organization, Settings
from calscim.errors import RemoteError, RemoteKind
from calscim.planner.actions import Kind
from calscim.planner.identity import People, identify
from calscim.planner.ids import CalUserId, TeamId, UserId
from calscim.planner.modes import Provision
from calscim.planner.observed_state import Incomplete, ObservedState, Team
from calscim.planner.plan import Plan, Scope
from calscim.planner.roles import Role
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql
from calscim.reconciler.approvals import Rules, decide
from calscim.reconciler.desired_now import wanted
from calscim.reconciler.from_settings import rules
from calscim.reconciler.snapshot import ObservedCache, members_wanted
from calscim.reconciler.state import build_traits, holds, retries, runs
from calscim.reconciler.state.desired_state import DesiredSnapshot

ANSWERS_WITHIN = 10.0  # seconds after which Cal.com counts as away


async def explain(
    db: Database, settings: Settings, organization: Organization, person: str, team: str | None
) -> dict[str, Any]:
    """In the form of ``calscim explain --json``.

    UsageError for a person or a team nobody knows; RemoteError for one that only Cal.com could know, and it does
    not answer.
    """
    ruled = rules(settings, organization)
    found = await entries.find(db, organization.name, person)
    async with reading(settings, organization) as reader:
        look = _Look(db, reader, ruled, organization.name)
        await look.begin()
        chosen = None if team is None else await look.team(team)
        if found.is_unknown:
            people = (look.view.people or {}).values() if look.away is None else None
            subject = entries.stranger(people, organization.name, person, look.away)
        users = None if found.is_unknown and chosen is not None else found.users
        picture = await wanted(db, ruled, SystemClock().now(), users)
        who = identify(picture.directory, look.observed(()))
        found = await entries.with_others(db, found, who)
        if not found.is_unknown:
            subject = entries.chosen(found, who)
        everybody = found.users
        sources = await _sources(db, everybody, None)
        own = [one for one in sources if one["user_id"] in subject.users]
        relevant = _relevant(own, picture.directory.ledger, chosen)
        await look.at(picture, relevant)
    if users is None and chosen is not None:  # who is wanted there decides
        scope = Scope(teams=frozenset({chosen}))
    else:
        scope = Scope(users=frozenset(everybody))
    observed = look.observed(relevant)
    plan = await decide(db, picture, observed, ruled, scope, everything=True, looks=True)
    active = frozenset(row["id"] for row in found.live if row["active"])
    memory = await _memory(db, organization)
    case = _Case(db, ruled, organization.name, look, plan, sources, active, memory)
    return await case.told(subject, found, who, picture, observed, chosen)


# -------------------------------------------------------------------- Cal.com, as far as it answers


@dataclass(slots=True)
class _Look:
    """What Cal.com says. ``away``: why it says nothing; what is known then is the database's."""

    db: Database
    reader: Reader
    ruled: Rules
    organization: str
    view: ObservedCache = field(default_factory=ObservedCache)
    away: str | None = None
    gap: str | None = None  # why the teams' names are not known
    names: dict[TeamId, str] = field(default_factory=dict)

    async def begin(self) -> None:
        """Find out whether Cal.com answers, who is in the organization, and which teams there are."""
        rows = await self.db.fetch(sql("explain.list_teams"), self.organization)
        self.names = {TeamId(row["team_id"]): row["team_name"] for row in rows}
        self.view.traits = await build_traits.load(self.db, self.organization)
        try:
            async with asyncio.timeout(ANSWERS_WITHIN):
                await self.view.read_key(self.reader)
            await self.view.read_people(self.reader)
            self.gap = await self.view.read_names(self.reader)
        except (RemoteError, TimeoutError) as error:
            self._is_away(error)
        self.names |= self.view.names

    async def team(self, wanted: str) -> TeamId:
        """The team of that name: Cal.com's, else one that a mapping names."""
        missing = self.away or self.gap
        if missing is None:
            return the_team(self.view.listed(), self.organization, wanted).id
        known = [Team(number, name, None) for number, name in self.names.items()]
        if any(wanted in (str(one.id), one.name) for one in known):
            return the_team(known, self.organization, wanted).id
        raise RemoteError(
            RemoteKind.UNREACHABLE,
            f"Cal.com's teams could not be read, and no mapping names the team {wanted!r}: {missing}",
        )

    async def at(self, picture: DesiredSnapshot, teams: Iterable[TeamId]) -> None:
        """Read the rest of what is asked about."""
        if self.away is not None:
            return
        try:
            await self.view.read_profiles(self.reader, members_wanted(picture.directory, self.view))
            await self.view.attributes.look(
                self.reader, picture.directory, self.ruled.policy, again=True
            )
            for number in sorted(teams):
                await self.view.read_team(self.reader, number)
        except RemoteError as error:
            self._is_away(error)

    def observed(self, teams: Iterable[TeamId]) -> ObservedState:
        """As the planner wants it; nothing of it is known while Cal.com is away."""
        if self.away is None:
            return self.view.observed()
        gap = Incomplete(self.away)
        return ObservedState(CalUserId(0), gap, dict.fromkeys(teams, gap), self.names)

    def gaps(self, observed: ObservedState) -> dict[TeamId | None, str]:
        """Teams (None: the organization) that are not known now, and why not."""
        gaps: dict[TeamId | None, str] = {
            team: seen.reason
            for team, seen in observed.teams.items()
            if isinstance(seen, Incomplete)
        }
        if isinstance(observed.people, Incomplete):
            reason = observed.people.reason
            prefix = "" if self.away else "the organization's members: "
            gaps[None] = f"{prefix}{reason}"
        return gaps

    def _is_away(self, error: RemoteError | TimeoutError) -> None:
        self.away = str(error) or f"Cal.com did not answer within {ANSWERS_WITHIN:.0f} seconds"
        self.view = ObservedCache()


# -------------------------------------------------------------------- the answer


@dataclass(frozen=True, slots=True)
class _Case:
    """Both sides, and what the database remembers."""

    db: Database
    ruled: Rules
    organization: str
    look: _Look
    plan: Plan
    sources: Sequence[dict[str, Any]]  # of every entry that was meant
    active: frozenset[str]  # those of the entries that are
    memory: Memory

    async def told(
        self,
        subject: Subject,
        found: Entries,
        who: People,
        picture: DesiredSnapshot,
        observed: ObservedState,
        chosen: TeamId | None,
    ) -> dict[str, Any]:
        view, directory = self.look.view, picture.directory
        sources = self._of(subject)
        shown = [one for one in sources if chosen is None or one["team_id"] == chosen]
        groups = await _groups(self.db, self.organization, found.users if found.live else ())
        own = [one for one in groups if one["user_id"] in subject.users]
        given = await _ledger(self.db, self.organization, subject, chosen)
        actions = await _actions(self.db, self.organization, subject, chosen, self.look.names)
        gaps = self.look.gaps(observed)
        reasons = Reasons(
            self.plan,
            subject,
            gaps,
            shown,
            given,
            actions,
            self.memory,
            self._is_unmapped(subject),
            _near(own),
        )

        def both_sides(number: TeamId | None) -> dict[str, Any]:
            seen = _seen(view, subject, number)
            is_out = number is None and self._is_unmapped(subject)
            return {
                "desired": None if is_out else _wanted(self.plan, subject, number, shown),
                "observed": seen,
                "because": reasons.because(number, seen),
            }

        return {
            "person": subject.row if not found.live else found.live[0],
            "entries": self._entries(found, who, gaps, directory.former_accounts),
            "away": self.look.away,
            "team": None
            if chosen is None
            else {"id": chosen, "name": self.look.names.get(chosen, "")},
            **both_sides(chosen),
            "groups": groups,
            "sources": shown,
            "ledger": given,
            "actions": actions,
            "attributes": attributes.shown(
                self.ruled.policy,
                observed,
                self.plan,
                None if subject.user is None else directory.users.get(subject.user),
                subject.cal_user,
                self.memory.parked,
            ),
            "teams": []
            if chosen is not None
            else [
                {"id": number, "name": self.look.names.get(number, ""), **both_sides(number)}
                for number in sorted(observed.teams)
            ],
        }

    def _of(self, subject: Subject) -> list[dict[str, Any]]:
        """The sources of one person. Only an active entry gives, where there is one."""
        own = [one for one in self.sources if one["user_id"] in subject.users]
        if not subject.active:
            return own
        return [{**one, "gives": one["gives"] and one["user_id"] in self.active} for one in own]

    def _is_unmapped(self, subject: Subject) -> bool:
        """Whether the person is in no mapped group, where only those belong to the organization."""
        if self.ruled.policy.provision_people is not Provision.MAPPED:
            return False
        return not any(one["gives"] and one["mode"] != "observe" for one in self._of(subject))

    def _entries(
        self,
        found: Entries,
        who: People,
        gaps: dict[TeamId | None, str],
        former: Mapping[UserId, CalUserId],
    ) -> list[dict[str, Any]]:
        """Each entry with the account it stands for, whether it decides for that, and why it is as it is."""
        shown = []
        for row in found.live:
            subject = entries.subject_of(row, who)
            decides = entries.ranked(found, subject.users)[0]
            if decides is row:
                seen = _seen(self.look.view, subject, None)
                reasons = Reasons(
                    self.plan, subject, gaps, (), (), (), self.memory, self._is_unmapped(subject)
                )
                why = reasons.because(None, seen)
            else:
                state = (
                    "not active" if decides["active"] and not row["active"] else "the same person"
                )
                why = f"{state}: {decides['user_name']} ({decides['id']}) decides for this account"
            before = former.get(UserId(row["id"]))
            if before is not None and before != subject.cal_user:
                why += f"; had the Cal.com user {before} before"
            shown.append(
                {
                    **row,
                    "account": subject.cal_user,
                    "decides": decides is row,
                    "shares_with": sorted(subject.users - {row["id"]}),
                    "because": why,
                }
            )
        deleted = [
            {
                **row,
                "account": row.get("cal_user_id"),
                "decides": not found.live and row is found.deleted[0],
                "shares_with": [],
                "because": f"the provider deleted this user (journal {row['seq']})",
            }
            for row in found.deleted
        ]
        return [*shown, *deleted]


async def _memory(db: Database, organization: Organization) -> Memory:
    name = organization.name
    latest = await runs.latest(db, name)
    waiting = (
        []
        if latest is None
        else [*latest.report.get("waiting", []), *latest.full.get("waiting", [])]
    )
    return Memory(await retries.parked(db, name), await holds.current(db, name), waiting)


def _relevant(sources: Sequence[dict[str, Any]], ledger: Any, chosen: TeamId | None) -> set[TeamId]:
    if chosen is not None:
        return {chosen}
    mapped = {TeamId(source["team_id"]) for source in sources if source["team_id"] is not None}
    return mapped | {team for team, _ in ledger}


async def _sources(
    db: Database, users: Sequence[UserId], team: TeamId | None
) -> list[dict[str, Any]]:
    if not users:
        return []
    rows = await db.fetch(sql("explain.list_mapped_groups"), users, team)
    return [
        {
            "mapping": row["mapping"],
            "group": row["display_name"] or row["group_name"],
            "group_id": row["group_id"],
            "user_id": row["user_id"],
            "team_id": row["team_id"] if (row["team_id"] or 0) > 0 else None,
            "team": row["team_name"],
            "create_team": row["team_id"] is not None and row["team_id"] < 0,
            "role": row["role"],
            "mode": row["mode"],
            "directory": row["directory_id"],
            "member_since_seq": row["added_seq"],
            "left_seq": row["removed_seq"],
            "unmapped_seq": row["unmapped_seq"],
            "gives": row["added_seq"] is not None and row["unmapped_seq"] is None,
        }
        for row in rows
    ]


async def _groups(db: Database, organization: str, users: Sequence[UserId]) -> list[dict[str, Any]]:
    """Every group, mapped or not. ``near``: mappings that wait for a group of nearly that name."""
    rows = await db.fetch(sql("explain.list_groups"), users) if users else []
    waiting = await waiting_mappings(db, organization) if rows else []
    shown = []
    for row in rows:
        mappings = orjson.loads(row["mappings"])
        here = [one for one in waiting if one["directory"] == row["directory"]]
        near = [] if mappings else names.near(row["group"], {one["group"]: None for one in here})
        meant = [one for one in here if one["group"] in near]
        shown.append({**row, "mappings": mappings, "near": meant})
    return shown


def _near(groups: Sequence[dict[str, Any]]) -> dict[TeamId | None, str]:
    """For each team the mapping that waits for a group of nearly the name of one of these."""
    return {
        one["team_id"]: f"mapping {one['id']} waits for a group called {one['group']!r}, "
        f"and this person is in {group['group']!r}"
        for group in groups
        for one in group["near"]
    }


async def _ledger(
    db: Database, organization: str, subject: Subject, team: TeamId | None
) -> list[dict[str, Any]]:
    if subject.cal_user is None:
        return []
    rows = await db.fetch(sql("explain.list_ledger"), organization, subject.cal_user, team)
    return [dict(row) for row in rows]


async def _actions(
    db: Database,
    organization: str,
    subject: Subject,
    team: TeamId | None,
    team_names: dict[TeamId, str],
) -> list[dict[str, Any]]:
    """The latest first."""
    rows = await db.fetch(
        sql("actions.list_of_person"),
        organization,
        subject.user,
        subject.cal_user,
        subject.email,
        team,
    )
    return [{**row, "team": team_names.get(row["team_id"])} for row in rows]


def _wanted(
    plan: Plan, subject: Subject, team: TeamId | None, sources: Sequence[dict[str, Any]]
) -> str | None:
    """The role that is wanted; None: not wanted. Without a team: of the organization."""
    early = [one.action for one in unsettled(plan, subject, team)]
    for action in (*planned(plan, subject, team), *early):
        if action.kind in (Kind.REMOVE, Kind.DEPROVISION):
            return None
        if action.role is not None and action.kind is not Kind.ACCEPT:  # which keeps the role
            return action.role.value
    edge = in_place(plan, subject, team)
    if edge is not None:
        return edge.role.value
    if not (subject.active and subject.row.get("managed")):
        return None
    if team is None:
        return Role.MEMBER.value
    given = [Role(one["role"]) for one in sources if one["team_id"] == team and one["gives"]]
    return max(given, key=lambda role: role.rank).value if given else None


def _seen(view: ObservedCache, subject: Subject, team: TeamId | None) -> str | None:
    if subject.cal_user is None:
        return None
    if team is None:
        person = (view.people or {}).get(subject.cal_user)
        return None if person is None else person.role.value
    member = view.teams.get(team, {}).get(subject.cal_user)
    return None if member is None else member.role.value
