"""What the stages of the planner read: the inputs of a plan, and what is derived from them once."""

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field

from calscim.planner.desired_state import DesiredState
from calscim.planner.grants import ResolvedGrants, resolve_grants
from calscim.planner.identity import People, PersonKey, identify
from calscim.planner.ids import TeamId, UserId
from calscim.planner.observed_state import ObservedState
from calscim.planner.people.deprovisioning import Deprovisioning
from calscim.planner.plan import DriftObservation, Scope
from calscim.planner.policy import DriftGrace, Policy
from calscim.planner.provenance import ProvenanceIndex
from calscim.planner.safeguards.limits import Guards, WindowUsage
from calscim.planner.teams.pending import pending_teams, with_pending_teams
from calscim.planner.teams.protection import TeamProtections

EVERYTHING = Scope()


@dataclass(frozen=True, slots=True)
class PlanInputs:
    """Everything that a plan depends on.

    ``absences``: in how many complete passes in a row a user's account was not in the organization. ``is_full``: the
    pass looks at the whole organization, and so is one of the passes that drift must last. ``is_preview``: no pass,
    but the question what the next full one will do. ``approved``: hashes of sets that operators approved;
    ``released``: digests of actions of such sets that an earlier pass began; ``held``: the limit that holds an
    action, by the action's key.
    """

    desired: DesiredState
    observed: ObservedState
    policy: Policy
    scope: Scope = EVERYTHING
    absences: MappingOf[UserId, int] = field(default_factory=dict)
    grace: DriftGrace = field(default_factory=DriftGrace)
    drift: MappingOf[str, DriftObservation] = field(default_factory=dict)
    is_full: bool = True
    is_preview: bool = False
    guards: Guards = field(default_factory=Guards)
    usage: WindowUsage = field(default_factory=WindowUsage)
    approved: frozenset[str] = frozenset()
    released: frozenset[str] = frozenset()
    held: MappingOf[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlanContext:
    """The inputs of a plan, and what several stages derive from them.

    ``observed``: with the teams that do not exist yet as empty ones. ``chosen``: the people in scope, None for all.
    """

    inputs: PlanInputs
    desired: DesiredState
    observed: ObservedState
    policy: Policy
    people: People
    grants: ResolvedGrants
    provenance: ProvenanceIndex
    deprovisioning: Deprovisioning
    protections: TeamProtections
    pending_teams: MappingOf[TeamId, str]
    teams: frozenset[TeamId]
    chosen: frozenset[PersonKey] | None


def make_context(inputs: PlanInputs) -> PlanContext:
    """Identify people, resolve mappings to grants, and prepare the look-ups that stages share."""
    state, policy, scope = inputs.desired, inputs.policy, inputs.scope
    pending = pending_teams(state)
    observed = with_pending_teams(inputs.observed, pending)
    people = identify(state, observed)
    teams = frozenset(team for team in observed.teams if scope.teams is None or team in scope.teams)
    grants = resolve_grants(state, policy, people, teams)
    provenance = ProvenanceIndex(state, grants, policy)
    deprovisioning = Deprovisioning(state, observed, policy, grants, provenance)
    return PlanContext(
        inputs=inputs,
        desired=state,
        observed=observed,
        policy=policy,
        people=people,
        grants=grants,
        provenance=provenance,
        deprovisioning=deprovisioning,
        protections=TeamProtections(state, observed, policy, deprovisioning),
        pending_teams=pending,
        teams=teams,
        chosen=_chosen(state, people.of, scope),
    )


def _chosen(
    state: DesiredState, of: MappingOf[UserId, PersonKey], scope: Scope
) -> frozenset[PersonKey] | None:
    """Return the people in scope: by their users, by the links of deleted ones, by what the ledger gave them."""
    if scope.users is None:
        return None
    chosen: set[PersonKey] = {of[user] for user in scope.users if user in of}
    chosen |= {state.links[user].cal_user for user in scope.users if user in state.links}
    chosen |= {record.cal_user for record in state.ledger.values() if record.user in scope.users}
    chosen |= {one.cal_user for one in state.org_role_grants.values() if one.user in scope.users}
    return frozenset(chosen)
