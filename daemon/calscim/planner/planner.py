"""From what is wanted and what is seen to what is to be done. Decides nothing about limits: see guards.

The plan is a value. The same world gives the same plan, in whatever order it was read; when one of its
actions is done, planning again gives exactly the rest.
"""

from collections.abc import Mapping as MappingOf

from calscim.names import address_key
from calscim.planner.actions import (
    Action,
    AttributeOp,
    ChangeAddress,
    ChangeAttribute,
    Kind,
    team_of,
)
from calscim.planner.attributes.diff import AttributesPlanner
from calscim.planner.causes import ProvenanceIndex
from calscim.planner.desired import desired
from calscim.planner.desired_state import DesiredState
from calscim.planner.identity import PersonKey, identify
from calscim.planner.ids import UserId
from calscim.planner.observed_state import Incomplete, ObservedState
from calscim.planner.people.deprovisioning import Deprovisioning
from calscim.planner.people.membership import PeoplePlanner
from calscim.planner.plan import Plan, Scope, Waiting
from calscim.planner.policy import Policy
from calscim.planner.teams import creation
from calscim.planner.teams.creator_owner import BootstrapOwnersPlanner
from calscim.planner.teams.membership import TeamsPlanner
from calscim.planner.teams.protection import TeamProtections

_EVERYTHING = Scope()
_ORDER = {kind: number for number, kind in enumerate(Kind)}
_LAST = len(_ORDER)
_OPS = {op: number for number, op in enumerate(AttributeOp)}


def plan(
    directory: DesiredState,
    observed: ObservedState,
    policy: Policy,
    scope: Scope = _EVERYTHING,
    missed: MappingOf[UserId, int] | None = None,
) -> Plan:
    """Everything to do within ``scope``, in canonical order.

    Without a hash: guards give it one, for it names what they hold. ``missed``: in how many complete passes
    in a row a user's account was not in the organization.
    """
    awaited = creation.awaited(directory)
    observed = creation.with_awaited(observed, awaited)
    people = identify(directory, observed)
    teams = {team for team in observed.teams if scope.teams is None or team in scope.teams}
    wanted = desired(directory, policy, people, teams)
    causes = ProvenanceIndex(directory, wanted, policy)
    chosen = _chosen(directory, people.of, scope)
    departures = Deprovisioning(directory, observed, policy, wanted, causes)
    accounts = PeoplePlanner(directory, policy, wanted, causes, departures, missed or {})
    accounts.walk(chosen, scope.users)
    attributes = AttributesPlanner(directory, observed, policy, departures, accounts, people)
    attributes.walk(chosen)
    roster = TeamProtections(directory, observed, policy, departures)
    lists = TeamsPlanner(directory, observed, wanted, causes, departures, roster, accounts.coming)
    lists.walk(teams, chosen)
    owners = BootstrapOwnersPlanner(
        directory, observed, policy, wanted, departures, roster, lists.actions
    )
    if chosen is None:  # of part of the people it cannot be told who wants to be an owner
        owners.walk(teams)
    new = creation.creations(directory, wanted, causes, policy, awaited)
    incomplete = list(lists.incomplete)
    if isinstance(observed.people, Incomplete):
        incomplete.insert(0, f"the organization's members: {observed.people.reason}")
    found = (*accounts.actions, *creation.named(lists.actions, awaited), *owners.actions, *new)
    found = (*found, *attributes.actions)
    actions = tuple(sorted(found, key=order))
    told = tuple(sorted((*accounts.told, *attributes.told)))
    return Plan(
        organization=policy.name,
        actions=actions,
        waiting=tuple(sorted(accounts.waiting.values(), key=_place)),
        incomplete=tuple(incomplete),
        in_place=tuple(lists.in_place),
        members=None if isinstance(observed.people, Incomplete) else len(observed.people.value),
        told=told,
        links=tuple(sorted(people.found, key=lambda link: link.user)),
        notes=tuple(sorted((*accounts.notes, *lists.notes, *owners.notes, *attributes.notes))),
    )


def order(action: Action) -> tuple[int, bool, int, str, int, str, str, int, str]:
    """Return the key of the canonical order: by kind, drift last, then by team, address, and ids.

    Attributes come after everything else: memberships matter more. Changes of addresses that make room for each other
    stand together, in their turn; an account that leaves on an interim address gets its own one before.
    """
    kind = _ORDER[action.kind]
    together, turn, attribute = "", 0, ""
    if isinstance(action, ChangeAttribute):
        change = action.change
        kind = _LAST + _OPS[change.op]
        attribute = f"{change.attribute.slug} {change.value}"
    elif isinstance(action, ChangeAddress):
        together, turn = action.exchange, action.turn
        kind = kind if turn >= 0 else -1
    return (
        kind,
        action.kind is Kind.REMOVE and action.drift,
        team_of(action) or 0,
        together or address_key(action.email),
        turn,
        address_key(action.email),
        action.user or "",
        action.cal_user or 0,
        attribute,
    )


def _place(waiting: Waiting) -> tuple[str, str, str]:
    """The canonical order of who waits: by address, without one by userName, then by id."""
    return waiting.email, waiting.user_name, waiting.user


def _chosen(
    directory: DesiredState, of: MappingOf[UserId, PersonKey], scope: Scope
) -> frozenset[PersonKey] | None:
    """The people in scope: by their users, by the links of deleted ones, by what the ledger gave them."""
    if scope.users is None:
        return None
    chosen: set[PersonKey] = {of[user] for user in scope.users if user in of}
    chosen |= {directory.links[user].cal_user for user in scope.users if user in directory.links}
    chosen |= {edge.cal_user for edge in directory.ledger.values() if edge.user in scope.users}
    chosen |= {one.cal_user for one in directory.offices.values() if one.user in scope.users}
    return frozenset(chosen)
