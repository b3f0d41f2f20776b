"""The level of the log that an operator set for all daemons, in the database: it ends by itself."""

from dataclasses import dataclass
from datetime import datetime

from calscim.postgres.pool import Database
from calscim.postgres.queries import sql


@dataclass(frozen=True, slots=True)
class LevelOverride:
    """A level in effect. ``seconds_left``: by the database's clock, when it was read."""

    level: str
    until: datetime
    set_by: str
    seconds_left: float


async def get_override(db: Database) -> LevelOverride | None:
    """Return the level in effect, or None if the configured one is."""
    row = await db.fetchrow(sql("log_level.get"))
    return None if row is None else LevelOverride(**row)


async def set_override(db: Database, level: str, seconds: float, by: str) -> LevelOverride:
    """Set the level of all daemons for some seconds."""
    row = await db.fetchrow(sql("log_level.set"), level, seconds, by)
    assert row is not None, "the statement returns its row"
    return LevelOverride(**row)


async def reset_override(db: Database) -> bool:
    """End the level; return True if one was in effect."""
    return bool(await db.fetchval(sql("log_level.reset")))
