"""Loads the desired state. In a maintenance window the whole organization counts as paused."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from calscim.planner.attributes.table import source_keys
from calscim.planner.ids import UserId
from calscim.planner.safeguards.windows import find_open_window
from calscim.postgres.pool import Database
from calscim.reconciler.approvals import Rules
from calscim.reconciler.state import desired_state
from calscim.reconciler.state.desired_state import DesiredSnapshot


async def load_desired_state(
    db: Database, rules: Rules, now: datetime, users: Collection[UserId] | None = None
) -> DesiredSnapshot:
    """Load the desired state, paused while a maintenance window is open."""
    parts = source_keys(rules.policy)
    snapshot = await desired_state.load(db, rules.policy.name, users, parts)
    if find_open_window(rules.windows, now) is None:
        return snapshot
    return replace(snapshot, desired=replace(snapshot.desired, paused=True))
