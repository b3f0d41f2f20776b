"""Offices in the organization: those calscim gave that end, and the last one, which stays."""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Mapping as MappingOf

from calscim.planner.actions import Action, ChangeOrgRole, DeprovisionUser
from calscim.planner.causes import ProvenanceIndex
from calscim.planner.desired import STRENGTH, Desired
from calscim.planner.desired_state import DesiredState
from calscim.planner.identity import PersonKey
from calscim.planner.ids import CalUserId
from calscim.planner.modes import Mode
from calscim.planner.observed_state import OrgMember
from calscim.planner.people.deprovisioning import Deprovisioning
from calscim.planner.roles import Role


def ended(
    directory: DesiredState,
    wanted: Desired,
    causes: ProvenanceIndex,
    departures: Deprovisioning,
    keys: Iterable[PersonKey] | None,
) -> Iterator[ChangeOrgRole]:
    """Who has a role in the organization from calscim, and is in no group any more that gives one, is a member."""
    chosen = None if keys is None else set(keys)
    for account, office in sorted(directory.offices.items()):
        seen = None if departures.seen is None else departures.seen.get(account)
        named = account in wanted.roles or (chosen is not None and account not in chosen)
        if seen is None or named or seen.role is not office.role or seen.role is Role.MEMBER:
            continue  # or somebody has given them another role by hand since
        if departures.leaves(account) or departures.floor(seen) is not None:
            continue
        given = [causes.mappings[number] for number in office.mappings if number in causes.mappings]
        if not given:
            continue  # of a directory that was deleted: it stays, as memberships of teams do
        strongest = max((mapping.mode for mapping in given), key=lambda mode: STRENGTH[mode])
        if strongest not in (Mode.MANAGED, Mode.EXCLUSIVE):
            continue
        users = wanted.people.users(account)
        explanation = causes.out_of_office(given, [*(user.id for user in users), office.user])
        yield ChangeOrgRole(
            seen.email,
            "is in no group any more that gives a role in the organization"
            if explanation is None
            else f"{explanation.reason}, which gave a role in the organization",
            user=users[0].id if users else office.user,
            cal_user=account,
            membership=seen.membership,
            role=Role.MEMBER,
            observed_role=seen.role,
            mode=strongest,
            mappings=office.mappings,
            provenance=None if explanation is None else explanation.provenance,
            drift=explanation is None,
            state=departures.state(mapping.directory for mapping in given),
        )


def last(actions: Sequence[Action], seen: MappingOf[CalUserId, OrgMember]) -> Action | None:
    """What not to do, if all administrators would go at once: the one with the lowest number stays."""
    losing = [action for action in actions if _loses_office(action)]
    if not losing:
        return None
    administrators = {
        account for account, one in seen.items() if one.accepted and one.role is not Role.MEMBER
    }
    if administrators - {action.cal_user for action in losing}:
        return None
    return min(losing, key=lambda one: (one.cal_user not in administrators, one.cal_user or 0))


def _loses_office(action: Action) -> bool:
    if not isinstance(action, DeprovisionUser | ChangeOrgRole):
        return False
    if action.observed_role in (None, Role.MEMBER):
        return False
    return isinstance(action, DeprovisionUser) or action.role is Role.MEMBER
