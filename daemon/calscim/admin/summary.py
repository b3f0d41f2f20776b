"""Say in one sentence how an organization is, and what to do if it is not in sync."""

from dataclasses import dataclass
from enum import Enum

from calscim.admin.status_view import OrganizationStatus


class State(Enum):
    """What is most urgent about an organization."""

    IN_SYNC = "in sync"
    WORKING = "working"
    HELD = "held"
    PARKED = "parked"
    UNREACHABLE = "unreachable"
    INCOMPLETE = "not read"
    NO_DAEMON = "no daemon"
    NEW = "no pass yet"
    WINDOW = "maintenance window"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Summary:
    """The most urgent thing about an organization. ``then``: what to do, as a sentence; "" if nothing."""

    state: State
    text: str
    then: str = ""

    @property
    def is_well(self) -> bool:
        """Return True if the operator has nothing to do."""
        return self.state in {State.IN_SYNC, State.WORKING, State.WINDOW}


def summary(one: OrganizationStatus) -> Summary:
    """Return the most urgent thing about the organization."""
    return _obstacle(one) or _held(one) or _rest(one)


def _obstacle(one: OrganizationStatus) -> Summary | None:
    """Return what keeps the daemon from working, or None."""
    if one.lease is None and one.last_pass is None:
        return Summary(
            State.NEW,
            "No pass has run yet.",
            "Start the daemon with `calscim serve`, or look at its log if it runs.",
        )
    if one.lease is None:
        return Summary(
            State.NO_DAEMON,
            "No daemon reconciles this organization.",
            "Start the daemon: `systemctl start calscim`.",
        )
    if one.window is not None:
        return Summary(
            State.WINDOW, f"calscim leaves Cal.com alone: maintenance window {one.window.window}."
        )
    if one.unreachable:
        return Summary(
            State.UNREACHABLE,
            f"Cal.com cannot be used: {one.unreachable}.",
            "Run `calscim check`; the daemon keeps trying, and nothing is lost meanwhile.",
        )
    if one.incomplete:
        return Summary(
            State.INCOMPLETE,
            f"Part of Cal.com could not be read: {one.incomplete[0]}.",
            "The daemon tries again; nobody is removed because of a list that is not complete.",
        )
    if one.last_complete_pass is None:
        return Summary(State.WORKING, "The first full pass is running.")
    return None


def _held(one: OrganizationStatus) -> Summary | None:
    unapproved = [held for held in one.held if not held.approved]
    if unapproved and all(held.rejected_by is not None for held in unapproved):
        return Summary(
            State.HELD,
            f"{unapproved[0].rejected_by} rejected what is held: {unapproved[0].guard}.",
            "Correct the groups at the identity provider; the hold then ends by itself.",
        )
    unapproved = [held for held in unapproved if held.rejected_by is None]
    if not unapproved:
        return None
    people = {action.person for held in unapproved for action in held.actions}
    sets = (
        "One set of changes is"
        if len(unapproved) == 1
        else f"{len(unapproved)} sets of changes are"
    )
    count = "1 person" if len(people) == 1 else f"{len(people):,} people"
    return Summary(
        State.HELD,
        f"{sets} held for {count}: {unapproved[0].guard}.",
        f"Look at who is concerned, then approve, or correct the groups: `calscim approve {unapproved[0].hash}`.",
    )


def _rest(one: OrganizationStatus) -> Summary:
    if one.parked:
        first, more = one.parked[0], len(one.parked) - 1
        others = f", and {more:,} more" if more else ""
        return Summary(
            State.PARKED,
            f"Cal.com refused a change of {first.person}: {first.reason}{others}.",
            "calscim tries again by itself; `calscim parked retry` tries at once.",
        )
    if one.in_sync:
        if one.waiting_total:
            people = "1 person" if one.waiting_total == 1 else f"{one.waiting_total:,} people"
            return Summary(
                State.WAITING,
                f"In sync, except for {people} for whom something has to happen first.",
                "Look at People for the reasons.",
            )
        return Summary(State.IN_SYNC, "In sync.")
    if one.pending:
        changes = "1 change" if one.pending == 1 else f"{one.pending:,} changes"
        return Summary(State.WORKING, f"{changes} left to make.")
    return Summary(State.WORKING, "Changes are on their way.")
