"""Updates calscim's tables with what a pass reads from Cal.com."""

from collections import Counter
from dataclasses import dataclass, field

from calscim.planner.actions import team_of
from calscim.planner.desired_state import DesiredState
from calscim.planner.ids import DirectoryId, TeamId
from calscim.planner.plan import Plan
from calscim.planner.safeguards.drift_grace import unrequested
from calscim.postgres.pool import Database
from calscim.reconciler.import_users import (
    drop_gone,
    drop_unlinked,
    follow_addresses,
    import_existing,
)
from calscim.reconciler.observed_cache import ObservedCache, relevant_teams
from calscim.reconciler.state import created_teams, drift_observations, ledger
from calscim.reconciler.state.desired_state import DesiredSnapshot


@dataclass(slots=True)
class ObservationRecord:
    """Records the observations of one organization.

    ``counted``: when each team was last read whose absent members a full pass has counted.
    """

    db: Database
    organization: str
    view: ObservedCache
    counted: dict[TeamId, float] = field(default_factory=dict)

    def newly_read(self) -> set[TeamId]:
        """Return the teams that were read completely since a full pass last counted their members."""
        read_at = self.view.read_at
        return {
            team
            for team in self.view.teams.keys() - self.view.gaps.keys()
            if team in read_at and read_at[team] != self.counted.get(team)
        }

    async def adopt_attempted(self) -> int:
        """Record memberships and roles that an attempt with an unknown outcome created; return how many.

        Otherwise a person whose group was removed in the meantime would stay on the team, or keep the role.
        """
        found = [
            (team, account)
            for team, account in await ledger.list_attempted(self.db, self.organization)
            if team not in self.view.gaps and account in self.view.teams.get(team, {})
        ]
        for team, account in found:
            await ledger.adopt(self.db, self.organization, team, account)
        people = (self.view.people or {}).values()
        return len(found) + await ledger.adopt_org_roles(self.db, self.organization, people)

    async def rename_teams(self, desired: DesiredState) -> None:
        """Update the team names of mappings to the names in Cal.com."""
        names = self.view.team_catalog.names
        mapped = {team: names[team] for team in sorted(relevant_teams(desired)) if team in names}
        await created_teams.rename(self.db, self.organization, mapped)

    async def import_people(
        self, snapshot: DesiredSnapshot, request_id: str, *, is_new_imported: bool
    ) -> Counter[DirectoryId]:
        """Update imported users, and import other members if so configured.

        Return the number of changed users, and thus of new journal rows, of each directory.
        """
        people = self.view.people
        if people is None or snapshot.desired.paused:
            return Counter()
        changed = await follow_addresses(self.db, snapshot, people, request_id)
        if is_new_imported:
            changed += await import_existing(
                self.db, self.organization, snapshot, people, request_id
            )
        return +changed

    async def count_absences(self, snapshot: DesiredSnapshot, request_id: str) -> None:
        """Count a full pass for each person and member that its lists lack; forget those that ended."""
        view = self.view
        if view.people is not None:
            await ledger.record_people(self.db, self.organization, view.people.keys())
            await self.drop_deprovisioned(request_id)
            await drop_unlinked(self.db, snapshot, view.people, request_id)
        for team in view.gone:  # the rows of a deleted team go like those of absent members
            await ledger.record_team_members(self.db, self.organization, team, ())
        for team in self.newly_read():
            await ledger.record_team_members(
                self.db, self.organization, team, view.teams[team].keys()
            )
            self.counted[team] = view.read_at[team]

    async def drop_deprovisioned(self, request_id: str) -> None:
        """Delete imported users whose account is no member any more."""
        await drop_gone(self.db, self.organization, request_id)

    async def note_drift(self, plan: Plan) -> None:
        """Record observed drift for each team that this full pass read, or for none if people were not read."""
        if self.view.people is None:
            return
        unread = (self.view.teams.keys() | self.view.gaps.keys()) - self.newly_read()
        seen = {
            key: action
            for key, action in unrequested(plan).items()
            if team_of(action) not in unread
        }
        await drift_observations.record(self.db, self.organization, seen, unread)
