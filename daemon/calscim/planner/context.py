"""What the stages of the planner read: the inputs of a plan, and what is derived from them once."""

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field

from calscim.planner.desired_state import DesiredState
from calscim.planner.grants import ResolvedGrants, resolve_grants
from calscim.planner.identity import People, PersonKey, identify
from calscim.planner.ids import CalUserId, TeamId, UserId
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

    ``observed``: with the teams that do not exist yet as empty ones. ``teams``: the teams in scope.
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
    former_users: MappingOf[
        CalUserId, UserId
    ]  # of accounts that calscim removed from the organization
    pending_teams: MappingOf[TeamId, str]
    teams: frozenset[TeamId]
    people_in_scope: frozenset[PersonKey] | None  # None: all

    def team_name(self, team: TeamId) -> str:
        return self.observed.team_names.get(team) or f"team {team}"


def make_context(inputs: PlanInputs) -> PlanContext:
    """Identify people, resolve mappings to grants, and prepare the look-ups that stages share."""
    desired, policy, scope = inputs.desired, inputs.policy, inputs.scope
    pending = pending_teams(desired)
    observed = with_pending_teams(inputs.observed, pending)
    people = identify(desired, observed)
    teams = frozenset(team for team in observed.teams if scope.teams is None or team in scope.teams)
    grants = resolve_grants(desired, policy, people, teams)
    provenance = ProvenanceIndex(desired, grants, policy)
    deprovisioning = Deprovisioning(desired, observed, policy, grants, provenance)
    return PlanContext(
        inputs=inputs,
        desired=desired,
        observed=observed,
        policy=policy,
        people=people,
        grants=grants,
        provenance=provenance,
        deprovisioning=deprovisioning,
        protections=TeamProtections(desired, observed, policy, deprovisioning),
        former_users={
            account: user for user, account in sorted(desired.former_accounts.items(), reverse=True)
        },
        pending_teams=pending,
        teams=teams,
        people_in_scope=_people_in_scope(desired, people, scope),
    )


def _people_in_scope(
    desired: DesiredState, people: People, scope: Scope
) -> frozenset[PersonKey] | None:
    """Return the people of the users in scope, and the accounts that those users had."""
    if scope.users is None:
        return None
    users = scope.users
    found: set[PersonKey] = {people.key_of[user] for user in users if user in people.key_of}
    found |= {desired.links[user].cal_user for user in users if user in desired.links}
    found |= {one.cal_user for one in desired.ledger.values() if one.user in users}
    found |= {one.cal_user for one in desired.org_role_grants.values() if one.user in users}
    return frozenset(found)
