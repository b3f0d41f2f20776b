"""Say in one sentence how an organization is, and what to do if it is not in sync."""

from dataclasses import dataclass
from enum import Enum

from calscim.admin.status_view import OrganizationStatus
from calscim.wording import counted


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
            "The daemon tries again. calscim removes no one because of an incomplete list.",
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
    sets = counted(len(unapproved), "set of changes is", "sets of changes are")
    return Summary(
        State.HELD,
        f"{sets} held for {counted(len(people), 'person', 'people')}: {unapproved[0].guard}.",
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
            people = counted(one.waiting_total, "person waits", "people wait")
            return Summary(
                State.WAITING,
                f"In sync; {people}.",
                "The page Plan and `calscim status` give the reasons.",
            )
        return Summary(State.IN_SYNC, "In sync.")
    if one.pending:
        return Summary(State.WORKING, f"{counted(one.pending, 'change')} left to make.")
    return Summary(State.WORKING, "Changes are on their way.")
