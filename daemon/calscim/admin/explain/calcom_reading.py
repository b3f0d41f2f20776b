"""Read from Cal.com what a question about a person needs, or note why Cal.com could not be read."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from calscim.admin.teams import named_team
from calscim.calcom.reader import Reader
from calscim.errors import RemoteError, RemoteKind
from calscim.planner.ids import CalUserId, TeamId
from calscim.planner.observed_state import Incomplete, ObservedState, Team
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql
from calscim.reconciler.approvals import Rules
from calscim.reconciler.observed_cache import ObservedCache, accounts_of_active_users
from calscim.reconciler.state import build_traits
from calscim.reconciler.state.desired_state import DesiredSnapshot

ANSWERS_WITHIN = 10.0  # seconds after which Cal.com counts as away


@dataclass(slots=True)
class CalcomReading:
    """What Cal.com shows. ``unreachable``: why it could not be read; then only the database is used."""

    db: Database
    reader: Reader
    ruled: Rules
    organization: str
    view: ObservedCache = field(default_factory=ObservedCache)
    unreachable: str | None = None
    gap: str | None = None  # why the teams' names are not known
    names: dict[TeamId, str] = field(default_factory=dict)

    async def read_organization(self) -> None:
        """Read the organization's members and the names of its teams, or find that Cal.com does not answer."""
        rows = await self.db.fetch(sql("explain.list_teams"), self.organization)
        self.names = {TeamId(row["team_id"]): row["team_name"] for row in rows}
        self.view.traits = await build_traits.load(self.db, self.organization)
        try:
            async with asyncio.timeout(ANSWERS_WITHIN):
                await self.view.read_key(self.reader)
            await self.view.read_people(self.reader)
            self.gap = await self.view.team_catalog.read(self.reader)
        except (RemoteError, TimeoutError) as error:
            self._note_away(error)
        self.names |= self.view.team_catalog.names

    async def find_team(self, wanted: str) -> TeamId:
        """Return the team of that id, slug or name: one of Cal.com, else one that a mapping names."""
        missing = self.unreachable or self.gap
        if missing is None:
            return named_team(self.view.team_catalog.known(), self.organization, wanted).id
        known = [Team(number, name, None) for number, name in self.names.items()]
        if any(wanted in (str(team.id), team.name) for team in known):
            return named_team(known, self.organization, wanted).id
        raise RemoteError(
            RemoteKind.UNREACHABLE,
            f"Cal.com's teams could not be read, and no mapping names the team {wanted!r}: {missing}",
        )

    async def read_teams(self, picture: DesiredSnapshot, teams: Iterable[TeamId]) -> None:
        """Read the profiles, attributes and teams that the question needs."""
        if self.unreachable is not None:
            return
        try:
            await self.view.read_profiles(
                self.reader, accounts_of_active_users(picture.desired, self.view)
            )
            await self.view.attributes.look(
                self.reader, picture.desired, self.ruled.policy, again=True
            )
            for team in sorted(teams):
                await self.view.read_team(self.reader, team)
        except RemoteError as error:
            self._note_away(error)

    def observed(self, teams: Iterable[TeamId]) -> ObservedState:
        """Return the observed state; every part is incomplete if Cal.com could not be read."""
        if self.unreachable is None:
            return self.view.observed()
        gap = Incomplete(self.unreachable)
        return ObservedState(CalUserId(0), gap, dict.fromkeys(teams, gap), self.names)

    def gaps(self, observed: ObservedState) -> dict[TeamId | None, str]:
        """Return why each team (None: the organization) could not be read."""
        gaps: dict[TeamId | None, str] = {
            team: seen.reason
            for team, seen in observed.teams.items()
            if isinstance(seen, Incomplete)
        }
        if isinstance(observed.people, Incomplete):
            reason = observed.people.reason
            prefix = "" if self.unreachable else "the organization's members: "
            gaps[None] = f"{prefix}{reason}"
        return gaps

    def _note_away(self, error: RemoteError | TimeoutError) -> None:
        self.unreachable = (
            str(error) or f"Cal.com did not answer within {ANSWERS_WITHIN:.0f} seconds"
        )
        self.view = ObservedCache()
