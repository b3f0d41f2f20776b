"""Explain why a person is or is not on a team: desired and observed state, sources, ledger and last actions.

If Cal.com does not answer, the explanation comes from the database and says so. It fails only for an account without
a SCIM user and for a team that no mapping names, because only Cal.com knows these.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from calscim.admin.explain import entries, records
from calscim.admin.explain.attributes import explain_attributes
from calscim.admin.explain.calcom_reading import CalcomReading
from calscim.admin.explain.entries import Entries, Subject
from calscim.admin.explain.explanation import (
    Entry,
    ExplainedEntry,
    Explanation,
    Source,
    TeamExplanation,
    TeamName,
)
from calscim.admin.explain.reasons import Memory, Reasons, deferred, in_place, planned
from calscim.admin.teams import reading
from calscim.clock import SystemClock
from calscim.config import Organization, Settings
from calscim.planner.actions import AcceptMember, Removal, role_of
from calscim.planner.identity import People, identify
from calscim.planner.ids import CalUserId, TeamId, UserId
from calscim.planner.modes import Provision
from calscim.planner.observed_state import ObservedState
from calscim.planner.plan import Plan, Scope
from calscim.planner.roles import Role
from calscim.postgres.pool import Database
from calscim.reconciler.approvals import Rules, decide
from calscim.reconciler.desired_loader import load_desired_state
from calscim.reconciler.from_settings import rules
from calscim.reconciler.observed_cache import ObservedCache
from calscim.reconciler.state.desired_state import DesiredSnapshot


async def explain(
    db: Database, settings: Settings, organization: Organization, person: str, team: str | None
) -> Explanation:
    """Explain the person's place in the organization, or on one team.

    UsageError if there is no such person or team; RemoteError if only Cal.com could know them and does not answer.
    """
    ruled = rules(settings, organization)
    found = await entries.find(db, organization.name, person)
    async with reading(settings, organization) as reader:
        calcom = CalcomReading(db, reader, ruled, organization.name)
        await calcom.read_organization()
        chosen = None if team is None else await calcom.find_team(team)
        if found.is_unknown:
            people = (calcom.view.people or {}).values() if calcom.unreachable is None else None
            subject = entries.stranger(people, organization.name, person, calcom.unreachable)
        users = None if found.is_unknown and chosen is not None else found.users
        picture = await load_desired_state(db, ruled, SystemClock().now(), users)
        people_of = identify(picture.desired, calcom.observed(()))
        found = await entries.with_others(db, found, people_of)
        if not found.is_unknown:
            subject = entries.chosen(found, people_of)
        sources = await records.load_sources(db, found.users)
        relevant = _relevant(sources, subject, picture.desired.ledger, chosen)
        await calcom.read_teams(picture, relevant)
    if users is None and chosen is not None:  # who is wanted on the team decides
        scope = Scope(teams=frozenset({chosen}))
    else:
        scope = Scope(users=frozenset(found.users))
    observed = calcom.observed(relevant)
    plan = await decide(db, picture, observed, ruled, scope, everything=True, is_preview=True)
    case = _Case(
        db,
        ruled,
        organization.name,
        calcom,
        picture,
        observed,
        plan,
        sources,
        frozenset(entry.id for entry in found.live if entry.active),
        await records.load_memory(db, organization.name),
    )
    return await case.explanation(subject, found, people_of, chosen)


@dataclass(frozen=True, slots=True)
class _Case:
    """Desired and observed state, the plan, and what the database remembers."""

    db: Database
    ruled: Rules
    organization: str
    calcom: CalcomReading
    picture: DesiredSnapshot
    observed: ObservedState
    plan: Plan
    sources: Sequence[Source]  # of every entry
    active: frozenset[str | None]  # ids of the active entries
    memory: Memory

    async def explanation(
        self, subject: Subject, found: Entries, people: People, chosen: TeamId | None
    ) -> Explanation:
        directory, team_names = self.picture.desired, self.calcom.names
        shown = [
            source
            for source in self._sources_of(subject)
            if chosen is None or source.team_id == chosen
        ]
        groups = await records.load_memberships(
            self.db, self.organization, found.users if found.live else ()
        )
        own = [group for group in groups if group.user_id in subject.users]
        ledger = await records.load_ledger(self.db, self.organization, subject, chosen)
        actions = await records.load_actions(
            self.db, self.organization, subject, chosen, team_names
        )
        reasons = Reasons(
            self.plan,
            subject,
            self.calcom.gaps(self.observed),
            shown,
            ledger,
            actions,
            self.memory,
            self._is_unmapped(subject),
            records.near_misses(own),
        )
        desired, observed, because = self._both_sides(reasons, shown, chosen)
        return Explanation(
            person=found.live[0] if found.live else subject.entry,
            entries=self._entries(found, people, directory.former_accounts),
            unreachable=self.calcom.unreachable,
            team=None if chosen is None else TeamName(chosen, team_names.get(chosen, "")),
            desired=desired,
            observed=observed,
            because=because,
            groups=tuple(groups),
            sources=tuple(shown),
            ledger=tuple(ledger),
            actions=tuple(actions),
            attributes=explain_attributes(
                self.ruled.policy,
                self.observed,
                self.plan,
                None if subject.user is None else directory.users.get(subject.user),
                subject.cal_user,
                self.memory.parked,
            ),
            teams=tuple(
                TeamExplanation(
                    team, team_names.get(team, ""), *self._both_sides(reasons, shown, team)
                )
                for team in (sorted(self.observed.teams) if chosen is None else ())
            ),
        )

    def _both_sides(
        self, reasons: Reasons, sources: Sequence[Source], team: TeamId | None
    ) -> tuple[str | None, str | None, str]:
        """Return the desired role, the observed role, and why. ``team`` None: of the organization."""
        subject = reasons.subject
        observed = _observed_role(self.calcom.view, subject, team)
        is_out = team is None and reasons.unmapped
        desired = None if is_out else _desired_role(self.plan, subject, team, sources)
        return desired, observed, reasons.because(team, observed)

    def _sources_of(self, subject: Subject) -> list[Source]:
        """Return the sources of one person. If an entry is active, only active entries give memberships."""
        own = [source for source in self.sources if source.user_id in subject.users]
        if not subject.active:
            return own
        return [
            replace(source, gives=source.gives and source.user_id in self.active) for source in own
        ]

    def _is_unmapped(self, subject: Subject) -> bool:
        """Return True if only members of mapped groups belong to the organization, and the person is in none."""
        if self.ruled.policy.provision_people is not Provision.MAPPED:
            return False
        return not any(
            source.gives and source.mode != "observe" for source in self._sources_of(subject)
        )

    def _entries(
        self, found: Entries, people: People, former: Mapping[UserId, CalUserId]
    ) -> tuple[ExplainedEntry, ...]:
        """Return each entry with its account, whether calscim acts on it, and why it is as it is."""
        live = [self._live_entry(entry, found, people, former) for entry in found.live]
        deleted = [
            ExplainedEntry(
                **asdict(entry),
                account=entry.cal_user_id,
                decides=not found.live and entry is found.deleted[0],
                because=f"the provider deleted this user (journal {entry.seq})",
            )
            for entry in found.deleted
        ]
        return (*live, *deleted)

    def _live_entry(
        self, entry: Entry, found: Entries, people: People, former: Mapping[UserId, CalUserId]
    ) -> ExplainedEntry:
        subject = entries.subject_of(entry, people)
        decider = entries.ranked(found, subject.users)[0]
        if decider is entry:
            gaps, unmapped = self.calcom.gaps(self.observed), self._is_unmapped(subject)
            reasons = Reasons(self.plan, subject, gaps, (), (), (), self.memory, unmapped)
            why = reasons.because(None, _observed_role(self.calcom.view, subject, None))
        else:
            state = "not active" if decider.active and not entry.active else "the same person"
            why = f"{state}: {decider.user_name} ({decider.id}) decides for this account"
        before = None if subject.user is None else former.get(UserId(entry.id or ""))
        if before is not None and before != subject.cal_user:
            why += f"; had the Cal.com user {before} before"
        return ExplainedEntry(
            **asdict(entry),
            account=subject.cal_user,
            decides=decider is entry,
            shares_with=tuple(sorted(subject.users - {entry.id})),
            because=why,
        )


def _relevant(
    sources: Sequence[Source],
    subject: Subject,
    ledger: Iterable[tuple[TeamId, CalUserId]],
    chosen: TeamId | None,
) -> set[TeamId]:
    """Return the teams to read: the chosen one, else every team of a mapping or of the ledger."""
    if chosen is not None:
        return {chosen}
    mapped = {
        TeamId(source.team_id)
        for source in sources
        if source.team_id is not None and source.user_id in subject.users
    }
    return mapped | {team for team, _ in ledger}


def _desired_role(
    plan: Plan, subject: Subject, team: TeamId | None, sources: Sequence[Source]
) -> str | None:
    """Return the role that the person should have; None if the person should not be a member."""
    early = [unrequested.action for unrequested in deferred(plan, subject, team)]
    for action in (*planned(plan, subject, team), *early):
        if isinstance(action, Removal):
            return None
        if (role := role_of(action)) is not None and not isinstance(action, AcceptMember):
            return role.value
    edge = in_place(plan, subject, team)
    if edge is not None:
        return edge.role.value
    if not (subject.active and subject.entry.managed):
        return None
    if team is None:
        return Role.MEMBER.value
    given = [Role(source.role) for source in sources if source.team_id == team and source.gives]
    return max(given, key=lambda role: role.rank).value if given else None


def _observed_role(view: ObservedCache, subject: Subject, team: TeamId | None) -> str | None:
    """Return the role that Cal.com shows; None if the person is not a member."""
    if subject.cal_user is None:
        return None
    if team is None:
        person = (view.people or {}).get(subject.cal_user)
        return None if person is None else person.role.value
    member = view.teams.get(team, {}).get(subject.cal_user)
    return None if member is None else member.role.value
