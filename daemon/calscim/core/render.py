"""Plans as they are shown: the form of ``plan --json``, and its exit code."""

from typing import Any

from calscim.core.model import Action, Plan, State

IN_STEP, PENDING, HELD = 0, 2, 3


def action_json(action: Action, team_names: Any = None) -> dict[str, Any]:
    return {
        "kind": action.kind.value,
        "team_id": None if action.new_team is not None else action.team,
        "team": action.new_team or (team_names or {}).get(action.team),
        "user_id": action.user,
        "cal_user_id": action.cal_user,
        "membership_id": action.membership,
        "email": action.email,
        "role": action.role.value if action.role else None,
        "because": action.because,
        "drift": action.drift,
        "stream": action.cause.stream if action.cause else None,
        "seq": action.cause.seq if action.cause else None,
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
        "actions": [action_json(action, team_names) for action in plan.actions],
    }


def waiting_json(plan: Plan) -> list[dict[str, Any]]:
    """Who is waited for, and drift that has not lasted yet; the latter with what is to be done."""
    people = [{"email": one.email, "reason": one.reason} for one in plan.waiting]
    drift = [
        {
            "email": one.action.email,
            "reason": one.reason,
            "kind": one.action.kind.value,
            "team_id": one.action.team,
        }
        for one in plan.unsettled
    ]
    return [*people, *drift]


def exit_code(plan: Plan) -> int:
    """What runs, what is held and drift that waits: 0 in step, 2 changes pending, 3 something held."""
    states = {action.state for action in plan.actions}
    if State.HELD in states:
        return HELD
    return PENDING if State.RUN in states or plan.unsettled else IN_STEP
