"""The name of a set of actions: what they do and what was observed, never when or why."""

import hashlib
import json
from collections.abc import Iterable

from calscim.planner.actions import Action, Kind
from calscim.planner.roles import Role

LENGTH = 16  # hexadecimal digits
_KINDS = {kind: kind.value for kind in Kind}
_ADDRESSED = frozenset({Kind.CREATE, Kind.UPDATE})
_ROLES: dict[Role | None, str] = {None: "", **{role: role.value for role in Role}}


def digest(actions: Iterable[Action]) -> str:
    """Two plans of one world have one digest, in whatever order and at whatever time they were made.

    Left out on purpose: addresses and names of people who have an account (they are known by their ids), causes and
    sentences. An unrelated push does not change it; another membership of the same person does, and so does another
    address where the action hands the account to it: an approval is for the address that was shown.
    """
    entries = sorted(_entry(action) for action in actions)
    text = json.dumps(entries, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def _entry(action: Action) -> list[str | int]:
    return [
        _KINDS[action.kind],
        action.team or 0,
        action.cal_user or 0,
        action.user or "",
        action.membership or 0,
        _ROLES[action.role],
        _ROLES[action.observed_role],
        *([action.email] if action.kind in _ADDRESSED else []),
    ]
