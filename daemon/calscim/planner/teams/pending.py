"""Teams that a mapping names and Cal.com does not have yet.

Such a team goes by an id below zero until Cal.com gives it one. It is planned as an empty team, so that its members are
in the plan beside the team itself.
"""

from collections.abc import Mapping as MappingOf
from dataclasses import replace

from calscim.planner.desired_state import DesiredState
from calscim.planner.ids import TeamId
from calscim.planner.observed_state import Complete, ObservedState


def pending_teams(directory: DesiredState) -> dict[TeamId, str]:
    """The teams yet to be made, by their numbers below zero."""
    return {
        mapping.team: mapping.new_team
        for mapping in directory.mappings
        if mapping.removed_seq is None and mapping.team is not None and mapping.new_team is not None
    }


def with_pending_teams(observed: ObservedState, teams: MappingOf[TeamId, str]) -> ObservedState:
    """What was seen, with the teams yet to be made as empty ones."""
    if not teams:
        return observed
    return replace(
        observed,
        teams={**observed.teams, **{team: Complete({}) for team in teams}},
        team_names={**observed.team_names, **teams},
    )
