"""Teams that a mapping names and that Cal.com does not have yet.

Such a team has a negative id until Cal.com assigns one. The planner treats it as an empty team, so that its members
are in the plan together with the team itself.
"""

from collections.abc import Mapping as MappingOf
from dataclasses import replace

from calscim.planner.desired_state import DesiredState
from calscim.planner.ids import TeamId
from calscim.planner.observed_state import Complete, ObservedState


def pending_teams(desired: DesiredState) -> dict[TeamId, str]:
    """Return the teams that do not exist yet, by their negative ids."""
    return {
        mapping.team: mapping.new_team
        for mapping in desired.mappings
        if mapping.removed_seq is None and mapping.team is not None and mapping.new_team is not None
    }


def with_pending_teams(observed: ObservedState, teams: MappingOf[TeamId, str]) -> ObservedState:
    """Return the observed teams, with the teams that do not exist yet as empty ones."""
    if not teams:
        return observed
    return replace(
        observed,
        teams={**observed.teams, **{team: Complete({}) for team in teams}},
        team_names={**observed.team_names, **teams},
    )
