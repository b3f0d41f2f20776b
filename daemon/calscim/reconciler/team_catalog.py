"""Caches the names of the organization's teams, and reads them with few calls."""

from collections.abc import Collection
from dataclasses import dataclass, field

from calscim.calcom.reader import Reader
from calscim.errors import RemoteError, RemoteKind
from calscim.planner.ids import TeamId
from calscim.planner.observed_state import Incomplete, Team


@dataclass(slots=True)
class TeamCatalog:
    """The teams of the organization, as last read."""

    names: dict[TeamId, str] = field(default_factory=dict)
    _slugs: dict[TeamId, str | None] = field(default_factory=dict)

    def known(self) -> list[Team]:
        """Return the teams with their names and slugs."""
        return [Team(team, name, self._slugs.get(team)) for team, name in self.names.items()]

    async def read(
        self, reader: Reader, wanted: Collection[TeamId] | None = None, *, whole: bool = False
    ) -> str | None:
        """Read the names of teams; return the reason if they could not be read.

        The ``wanted`` teams are read one by one if that takes fewer calls than the list of teams. The names of other
        teams then stay as last read. The list is read in any case if ``wanted`` is None or ``whole`` is set.
        """
        calls = reader.calls_for_teams
        if wanted is not None and not whole and calls is not None and len(wanted) < calls:
            try:
                return await self._read_each(reader, wanted)
            except RemoteError as error:
                if error.kind is not RemoteKind.AUTH:
                    raise
        # A key may be allowed to list teams but not to read one. A refused key fails here too.
        answer = await reader.teams(expected=self.names.keys())
        if isinstance(answer, Incomplete):
            return answer.reason
        self.names = {team_id: team.name for team_id, team in answer.value.items()}
        self._slugs = {team_id: team.slug for team_id, team in answer.value.items()}
        return None

    async def _read_each(self, reader: Reader, wanted: Collection[TeamId]) -> str | None:
        for team_id in sorted(wanted):
            team = await reader.team(team_id)
            if isinstance(team, Incomplete):
                return team.reason
            if team is None:
                self.names.pop(team_id, None)
                self._slugs.pop(team_id, None)
            else:
                self.names[team_id], self._slugs[team_id] = team.name, team.slug
        return None
