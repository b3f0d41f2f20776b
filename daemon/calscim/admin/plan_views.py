"""Plans, actions, waits and limits as operators see them, in the terminal and with ``--json``."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from calscim.admin.as_json import OPTIONAL
from calscim.admin.waiting_mappings import WaitingMapping
from calscim.planner.ids import TeamId
from calscim.planner.plan import Plan
from calscim.planner.render import person_of, plan_json


@dataclass(frozen=True, slots=True)
class ActionView:
    """One change of Cal.com that a plan proposes. ``guard`` names the limit that holds it."""

    kind: str
    team_id: int | None
    team: str | None
    user_id: str | None
    cal_user_id: int | None
    membership_id: int | None
    email: str | None
    role: str | None
    because: str
    drift: bool
    stream: str | None
    seq: int | None
    state: str
    guard: str | None

    @property
    def person(self) -> str:
        """Return the name of the person; "" for an action about no person, such as one that makes a team."""
        return person_of(
            {"email": self.email, "user_id": self.user_id, "cal_user_id": self.cal_user_id}
        )


@dataclass(frozen=True, slots=True)
class WaitView:
    """A person for whom something has to happen first, or drift (then ``kind`` is set) that has to last."""

    email: str | None
    user_id: str | None
    reason: str
    user_name: str | None = field(default=None, metadata=OPTIONAL)
    cal_user_id: int | None = field(default=None, metadata=OPTIONAL)
    kind: str | None = field(default=None, metadata=OPTIONAL)
    team_id: int | None = field(default=None, metadata=OPTIONAL)

    @property
    def person(self) -> str:
        """Return the name of the person."""
        return person_of(asdict(self))


@dataclass(frozen=True, slots=True)
class LimitView:
    """How much of a limit of ``[guards]`` is used within the window."""

    limit: str
    team_id: int | None
    team: str | None
    used: int
    allowed: int
    size: int


@dataclass(frozen=True, slots=True)
class Seats:
    """Members of the organization, which Cal.com bills: now, and after the plan has run."""

    now: int
    after: int
    difference: int


@dataclass(frozen=True, slots=True)
class PlanView:
    """The plan of one organization. ``hash`` is what `calscim approve` takes."""

    organization: str
    hash: str
    journal_seq: int
    complete: bool
    incomplete: tuple[str, ...]
    notes: tuple[str, ...]
    waiting: tuple[WaitView, ...]
    held_counts: Mapping[str, int]
    seats: Seats | None
    limits: tuple[LimitView, ...]
    actions: tuple[ActionView, ...]
    waiting_mappings: tuple[WaitingMapping, ...]


def plan_view(
    plan: Plan,
    journal_seq: int,
    team_names: Mapping[TeamId, str],
    waiting: tuple[WaitingMapping, ...],
) -> PlanView:
    """Return the plan as operators see it. ``waiting``: mappings that wait for a group."""
    shown = plan_json(plan, journal_seq, team_names)
    seats = shown["seats"]
    typed = {
        "incomplete": tuple(shown["incomplete"]),
        "notes": tuple(shown["notes"]),
        "waiting": waits(shown["waiting"]),
        "seats": None if seats is None else Seats(**seats),
        "limits": limits(shown["limits"]),
        "actions": actions(shown["actions"]),
    }
    return PlanView(**{**shown, **typed}, waiting_mappings=waiting)


def actions(stored: list[dict[str, Any]]) -> tuple[ActionView, ...]:
    """Read actions in the form of ``plan --json``."""
    return tuple(ActionView(**action) for action in stored)


def waits(stored: list[dict[str, Any]]) -> tuple[WaitView, ...]:
    """Read waits in the form of ``plan --json``."""
    return tuple(WaitView(**wait) for wait in stored)


def limits(stored: list[dict[str, Any]]) -> tuple[LimitView, ...]:
    """Read limits in the form of ``plan --json``."""
    return tuple(LimitView(**limit) for limit in stored)
