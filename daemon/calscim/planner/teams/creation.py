"""Teams that a mapping wants and Cal.com does not have yet.

Such a team goes by a number below zero until Cal.com gives it one. It is planned as an empty team, so that
whoever comes onto it is in the plan beside the team itself.
"""

from collections.abc import Iterable
from collections.abc import Mapping as MappingOf
from dataclasses import replace

from calscim.planner.actions import Action, CreateTeam, Provenance, TeamAction
from calscim.planner.causes import ProvenanceIndex, row
from calscim.planner.desired import Desired
from calscim.planner.desired_state import DesiredState
from calscim.planner.ids import TeamId
from calscim.planner.naming import meant, slug
from calscim.planner.observed_state import Complete, ObservedState, Team
from calscim.planner.policy import Policy
from calscim.planner.safeguards import gates


def awaited(directory: DesiredState) -> dict[TeamId, str]:
    """The teams yet to be made, by their numbers below zero."""
    return {
        mapping.team: mapping.new_team
        for mapping in directory.mappings
        if mapping.removed_seq is None and mapping.team is not None and mapping.new_team is not None
    }


def with_awaited(observed: ObservedState, teams: MappingOf[TeamId, str]) -> ObservedState:
    """What was seen, with the teams yet to be made as empty ones."""
    if not teams:
        return observed
    return replace(
        observed,
        teams={**observed.teams, **{team: Complete({}) for team in teams}},
        team_names={**observed.team_names, **teams},
    )


def creations(
    directory: DesiredState,
    wanted: Desired,
    causes: ProvenanceIndex,
    policy: Policy,
    teams: MappingOf[TeamId, str],
) -> list[CreateTeam]:
    """One for each team of which a mapped group was pushed: a mistyped group makes no team."""
    found = []
    for team, name in teams.items():
        mappings = [one for one in wanted.live.get(team, ()) if one.group is not None]
        if not mappings:
            continue
        last = max(mappings, key=lambda mapping: mapping.seq)
        groups = ", ".join(sorted({causes.group(mapping) for mapping in mappings}))
        found.append(
            CreateTeam(
                "",
                f"{groups} is mapped to {name}, which Cal.com does not have ({row(last.seq)})",
                team=team,
                provenance=Provenance(policy.stream, last.seq),
                state=gates.of_new_team(directory, team, mappings),
                new_team=name,
            )
        )
    return found


def named(actions: Iterable[Action], teams: MappingOf[TeamId, str]) -> list[Action]:
    """The actions, with the name of the team where that is yet to be made."""
    if not teams:
        return list(actions)
    return [
        replace(action, new_team=teams[action.team])
        if isinstance(action, TeamAction) and action.team in teams
        else action
        for action in actions
    ]


def existing(teams: Iterable[Team], wanted: str) -> Team | str | None:
    """The team that is meant where Cal.com has it already; or why it is not clear; or none."""
    every = list(teams)
    found = meant(every, wanted)
    taken = next((team for team in every if team.slug == slug(wanted)), None)
    if found is not None or taken is None:
        return found
    return (
        f"the team {taken.name!r} has the address {taken.slug!r} already: map the group to it "
        f"(--team {taken.id}), or give the new team another name"
    )
