"""The form in which plans are shown: ``plan --json``, and its exit code."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from calscim.exit_codes import ExitCode
from calscim.planner.actions import (
    Action,
    JoinAction,
    Kind,
    State,
    TeamAction,
    membership_of,
    role_of,
    team_of,
)
from calscim.planner.desired_state import UNSAVED
from calscim.planner.plan import LimitUse, Plan
from calscim.planner.safeguards.holds import held_sets


def action_json(action: Action, team_names: Any = None) -> dict[str, Any]:
    team, role = team_of(action), role_of(action)
    new_team = action.new_team if isinstance(action, TeamAction) else None
    provenance = action.provenance
    return {
        "kind": action.kind.value,
        "team_id": None if new_team is not None else team,
        "team": new_team or (team_names or {}).get(team),
        "user_id": action.user,
        "cal_user_id": action.cal_user,
        "membership_id": membership_of(action),
        "email": action.email,
        "role": role.value if role else None,
        "because": action.reason,
        "drift": action.drift,
        "stream": provenance.stream if provenance else None,
        "seq": provenance.seq if provenance and provenance.seq != UNSAVED else None,
        "state": action.state.value,
        "guard": action.guard,
    }


def plan_json(plan: Plan, journal_seq: int, team_names: Any = None) -> dict[str, Any]:
    return {
        "organization": plan.organization,
        "hash": plan.hash,
        "journal_seq": journal_seq,
        "complete": not plan.incomplete,
        "incomplete": list(plan.incomplete),
        "notes": list(plan.notes),
        "waiting": waiting_json(plan),
        "held_counts": count_held(plan),
        "seats": seats_json(plan),
        "limits": limits_json(plan.limits, team_names),
        "actions": [action_json(action, team_names) for action in plan.actions],
    }


def seats_json(plan: Plan) -> dict[str, int] | None:
    """Return the number of billed members now and after the allowed actions; None if it was not read."""
    if plan.members is None:
        return None
    running = [action for action in plan.actions if action.state is State.RUN]
    difference = sum(isinstance(action, JoinAction) for action in running)
    difference -= sum(action.kind is Kind.DEPROVISION for action in running)
    after = plan.members + difference
    return {"now": plan.members, "after": after, "difference": difference}


def limits_json(limits: Iterable[LimitUse], team_names: Any = None) -> list[dict[str, Any]]:
    """Return how much of each limit is used within the window."""
    return [
        {
            "limit": use.name,
            "team_id": use.team,
            "team": (team_names or {}).get(use.team),
            "used": use.used,
            "allowed": use.limit,
            "size": use.size,
        }
        for use in limits
    ]


def waiting_json(plan: Plan) -> list[dict[str, Any]]:
    """Return the people who wait, and the drift that has not lasted yet with its planned actions."""
    people = [
        {
            "email": one.email,
            "user_name": one.user_name,
            "user_id": one.user,
            "reason": one.reason,
        }
        for one in plan.waiting
    ]
    drift = [
        {
            "email": one.action.email,
            "user_id": one.action.user,
            "cal_user_id": one.action.cal_user,
            "reason": one.reason,
            "kind": one.action.kind.value,
            "team_id": team_of(one.action),
        }
        for one in plan.deferred
    ]
    return [*people, *drift]


def exit_code(plan: Plan) -> int:
    """Return the exit code: 0 in sync, 2 changes or waiting drift, 3 held actions."""
    states = {action.state for action in plan.actions}
    if State.HELD in states:
        return ExitCode.HELD
    return ExitCode.PENDING if State.RUN in states or plan.deferred else ExitCode.IN_SYNC


def person_of(entry: Mapping[str, Any]) -> str:
    """Name the person of an action or of a waiting entry: by address, else by userName, else by id.

    Returns "" for an action that is about no person, such as the creation of a team.
    """
    for name in ("email", "user_name", "user_id"):
        if entry.get(name):
            return str(entry[name])
    account = entry.get("cal_user_id")
    return "" if account is None else f"Cal.com user {account}"


_HELD_AS = {
    Kind.DEPROVISION.value: "removals",
    Kind.REMOVE.value: "removals",
    Kind.ROLE.value: "demotions",
    Kind.UPDATE.value: "updates",
}


def count_held(plan: Plan) -> dict[str, int]:
    """Return how much of a plan is held, in the form of ``held_json``."""
    held = [action.kind.value for action in plan.actions if action.state is State.HELD]
    return held_json(held, len(held_sets(plan)))


def held_json(kinds: Iterable[str], sets: int) -> dict[str, int]:
    """Return how much is held, in the same form for plan, sync, and status.

    Each set has the hash that releases it. ``kinds`` counts every held action. ``removals`` is always present; other
    kinds only if some are held.
    """
    counted = Counter(_HELD_AS.get(kind, "additions") for kind in kinds)
    return {"sets": sets, "removals": 0, **{name: counted[name] for name in sorted(counted)}}


def held_text(held: Mapping[str, int]) -> str:
    """Return ``8 removals in 1 set``, or ``0`` if nothing is held."""
    parts = [
        f"{count:,} {name.removesuffix('s') if count == 1 else name}"
        for name, count in held.items()
        if name != "sets" and count
    ]
    if not parts:
        return "0"
    sets = held["sets"]
    return f"{' and '.join(parts)} in {sets:,} set{'s' * (sets != 1)}"
