"""What is wanted at this moment: in a maintenance window the whole organization counts as paused."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from calscim.planner.attributes.diff import keys
from calscim.planner.ids import UserId
from calscim.planner.safeguards.windows import opened
from calscim.postgres.pool import Database
from calscim.reconciler.approvals import Rules
from calscim.reconciler.state import desired_state
from calscim.reconciler.state.desired_state import DesiredSnapshot


async def wanted(
    db: Database, rules: Rules, now: datetime, users: Collection[UserId] | None = None
) -> DesiredSnapshot:
    """As ``desired.load``, and nothing may be changed while a window is open."""
    parts = keys(rules.policy)
    picture = await desired_state.load(db, rules.policy.name, users, parts)
    if opened(rules.windows, now) is None:
        return picture
    return replace(picture, directory=replace(picture.directory, paused=True))
