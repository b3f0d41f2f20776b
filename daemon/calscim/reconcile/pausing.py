"""What is wanted at this moment: in a maintenance window the whole organization counts as paused."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from calscim.core.attributes import keys
from calscim.core.model import UserId
from calscim.core.windows import opened
from calscim.reconcile.decide import Rules
from calscim.store import desired
from calscim.store.desired import Picture
from calscim.store.pool import Database


async def wanted(
    db: Database, rules: Rules, now: datetime, users: Collection[UserId] | None = None
) -> Picture:
    """As ``desired.load``, and nothing may be changed while a window is open."""
    parts = keys(rules.policy)
    picture = await desired.load(db, rules.policy.organization, users, parts)
    if opened(rules.windows, now) is None:
        return picture
    return replace(picture, directory=replace(picture.directory, paused=True))
