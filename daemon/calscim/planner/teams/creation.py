"""The creation of teams that a mapping names and Cal.com does not have."""

from collections.abc import Iterable
from dataclasses import replace

from calscim.planner.actions import CreateTeam, Provenance
from calscim.planner.context import PlanContext
from calscim.planner.naming import make_slug, match_team
from calscim.planner.observed_state import Team
from calscim.planner.plan import Plan
from calscim.planner.provenance import journal_row
from calscim.planner.safeguards import action_states


def plan_new_teams(plan: Plan, context: PlanContext) -> Plan:
    """Create each pending team with a mapped group that was pushed: a mistyped group creates no team."""
    found: list[CreateTeam] = []
    for team, name in context.pending_teams.items():
        mappings = [one for one in context.grants.live.get(team, ()) if one.group is not None]
        if not mappings:
            continue
        last = max(mappings, key=lambda mapping: mapping.seq)
        groups = ", ".join(sorted({context.provenance.group(mapping) for mapping in mappings}))
        found.append(
            CreateTeam(
                "",
                f"{groups} is mapped to {name}, which Cal.com does not have ({journal_row(last.seq)})",
                team=team,
                provenance=Provenance(context.policy.stream, last.seq),
                state=action_states.of_new_team(context.desired, team, mappings),
                new_team=name,
            )
        )
    return replace(plan, actions=(*plan.actions, *found))


def match_existing_team(teams: Iterable[Team], wanted: str) -> Team | str | None:
    """Return the existing team that the name refers to, a sentence if it is ambiguous, or None."""
    every = list(teams)
    found = match_team(every, wanted)
    taken = next((team for team in every if team.slug == make_slug(wanted)), None)
    if found is not None or taken is None:
        return found
    return (
        f"the team {taken.name!r} has the address {taken.slug!r} already: map the group to it "
        f"(--team {taken.id}), or give the new team another name"
    )
