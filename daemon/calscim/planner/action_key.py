"""What identifies an action: its key in one plan and the next, and the digest of exactly what it does."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from calscim.planner.actions import (
    Action,
    ChangeAddress,
    ChangeAttribute,
    ChangePreferences,
    JoinAction,
    Kind,
    membership_of,
    observed_role_of,
    role_of,
    team_of,
)
from calscim.planner.roles import Role

LENGTH = 16  # hexadecimal digits
_KINDS = {kind: kind.value for kind in Kind}
_ROLES: dict[Role | None, str] = {None: "", **{role: role.value for role in Role}}


@dataclass(frozen=True, slots=True)
class ActionKey:
    """One kind of change of one person on one team: a plan has each key at most once.

    ``subject``: the SCIM user's id, else the account's. An attribute's change and an interim address follow the kind
    after a slash, since one plan can change several attributes of a person.
    """

    kind: str
    subject: str
    team_id: int  # 0: the organization; below 0: a team that does not exist yet

    def __str__(self) -> str:
        return f"{self.kind} {self.subject} {self.team_id}"

    @property
    def action(self) -> str:
        """Return the action's kind."""
        return self.kind.partition("/")[0]

    @property
    def team(self) -> int | None:
        """Return the team in Cal.com, if it exists."""
        return self.team_id if self.team_id > 0 else None


def key_of(action: Action) -> ActionKey:
    """Return the key, which stays the same while an address, a role, or a membership changes."""
    kind = _KINDS[action.kind]
    if isinstance(action, ChangeAttribute):
        change = action.change
        value = hashlib.sha256(change.value.encode()).hexdigest()[:12]
        kind = f"{kind}/{change.op.value}/{change.attribute.id}/{value}"
    elif isinstance(action, ChangeAddress) and action.is_interim:
        kind = f"{kind}/interim"
    return ActionKey(kind, action.user or str(action.cal_user or 0), team_of(action) or 0)


def digest(actions: Iterable[Action]) -> str:
    """Return the hash that approves exactly these actions; the order of the actions does not matter.

    The hash covers ids, roles, and memberships, and the address where the action gives the account to it. It leaves
    out addresses and names of people who have an account, journal rows, and reasons, so that an unrelated push does
    not change it.
    """
    entries = sorted(_entry(action) for action in actions)
    text = json.dumps(entries, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def revision(action: Action) -> str:
    """Return a text that changes with anything that the call sends: a parked action is then tried at once."""
    sent: list[str] = []
    if isinstance(action, JoinAction):
        sent.append(action.name or "")
    if isinstance(action, ChangeAttribute):
        sent += [action.change.attribute.id, action.change.value]
    elif isinstance(action, JoinAction | ChangeAddress | ChangePreferences):
        preferences = action.preferences
        if preferences is not None:
            sent += [preferences.locale or "", preferences.time_zone or ""]
    return ":".join((digest([action]), action.email, *sent))


def _entry(action: Action) -> list[str | int]:
    return [
        _KINDS[action.kind],
        team_of(action) or 0,
        action.cal_user or 0,
        action.user or "",
        membership_of(action) or 0,
        _ROLES[role_of(action)],
        _ROLES[observed_role_of(action)],
        *([action.email] if action.kind in (Kind.CREATE, Kind.UPDATE) else []),
    ]
