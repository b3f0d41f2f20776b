"""Decide whether an action runs, is only reported, or waits for the end of a pause."""

from collections.abc import Iterable, Sequence

from calscim.planner.actions import State
from calscim.planner.desired_state import DesiredState, Mapping
from calscim.planner.grants import EffectiveGrant
from calscim.planner.ids import DirectoryId, TeamId
from calscim.planner.modes import Mode, PeopleMode


def of_org_action(
    desired: DesiredState,
    mode: PeopleMode,
    behind: Iterable[DirectoryId],
    *,
    adds: bool,
) -> State:
    """Return the state of an action in the organization that the directories ``behind`` ask for.

    ``adds``: the action changes nothing that Cal.com has, so that add-only allows it.
    """
    if mode is PeopleMode.OBSERVE or (mode is PeopleMode.ADD_ONLY and not adds):
        return State.OBSERVED
    if desired.paused or set(behind) <= desired.paused_directories:
        return State.PAUSED
    return State.RUN


def of_grant(desired: DesiredState, team: TeamId, grant: EffectiveGrant) -> State:
    """Return the state of an added membership or a corrected role."""
    if grant.mode is Mode.OBSERVE:
        return State.OBSERVED
    return of_team(desired, team, grant.mappings)


def of_new_team(desired: DesiredState, team: TeamId, mappings: Sequence[Mapping]) -> State:
    """Return the state of the creation of a team for these mappings."""
    acting = [mapping for mapping in mappings if mapping.mode is not Mode.OBSERVE]
    return of_team(desired, team, acting) if acting else State.OBSERVED


def of_removal(
    desired: DesiredState,
    team: TeamId,
    mode: Mode | None,
    given: Sequence[Mapping],
    live: Sequence[Mapping],
) -> State:
    """Return the state of a removal. ``given``: the mappings that gave the membership; ``live``: those of the team."""
    if mode is Mode.OBSERVE:
        return State.OBSERVED
    paused = desired.paused_directories
    if not given and any(mapping.directory in paused for mapping in live):
        return State.PAUSED  # no mapping gave the membership: any paused directory might ask for it
    return of_team(desired, team, given or live)


def of_team(desired: DesiredState, team: TeamId, behind: Sequence[Mapping]) -> State:
    """Return PAUSED if the organization, the team, or every directory behind it is paused; otherwise RUN."""
    if desired.paused or team in desired.paused_teams:
        return State.PAUSED
    paused = desired.paused_directories
    if paused and behind and all(mapping.directory in paused for mapping in behind):
        return State.PAUSED
    return State.RUN
