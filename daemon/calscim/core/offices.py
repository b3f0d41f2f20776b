"""Offices in the organization: administrators whom no exclusive mapping names, and the last one of all."""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Mapping as MappingOf

from calscim.core.causes import Causes
from calscim.core.departures import Departures
from calscim.core.identity import Key
from calscim.core.mapping import Desired
from calscim.core.model import Action, CalUserId, Directory, Kind, Mapping, Mode, OrgMember, Role


def unnamed(
    directory: Directory,
    wanted: Desired,
    causes: Causes,
    departures: Departures,
    keys: Iterable[Key] | None,
) -> Iterator[Action]:
    """Administrators become members whom an exclusive mapping of the organization's roles does not name."""
    live = _exclusive(directory)
    if not live or departures.seen is None or any(mapping.group is None for mapping in live):
        return
    chosen = None if keys is None else set(keys)
    for account, seen in sorted(departures.seen.items()):
        named = account in wanted.roles or (chosen is not None and account not in chosen)
        if named or seen.role is not Role.ADMIN or departures.leaves(account):
            continue
        if departures.floor(seen) is not None:
            continue
        users = wanted.people.users(account)
        reason = causes.leaving(live, [user.id for user in users])
        yield Action(
            Kind.ROLE,
            seen.email,
            "is in no group that gives a role in the organization, and these are exclusive"
            if reason is None
            else f"{reason.because}, which gave a role in the organization",
            user=users[0].id if users else None,
            cal_user=account,
            membership=seen.membership,
            role=Role.MEMBER,
            observed_role=seen.role,
            mode=Mode.EXCLUSIVE,
            mappings=tuple(mapping.id for mapping in live),
            cause=None if reason is None else reason.cause,
            drift=reason is None,
            state=departures.state(mapping.directory for mapping in live),
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


def _exclusive(directory: Directory) -> list[Mapping]:
    live = [
        mapping
        for mapping in directory.mappings
        if mapping.team is None and mapping.mode is Mode.EXCLUSIVE and mapping.removed_seq is None
    ]
    return sorted(live, key=lambda mapping: mapping.id)


def _loses_office(action: Action) -> bool:
    if action.observed_role in (None, Role.MEMBER):
        return False
    return action.kind is Kind.DEPROVISION or action.role is Role.MEMBER
