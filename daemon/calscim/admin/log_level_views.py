"""The level of the log as ``calscim log`` shows it with ``--json``."""

from dataclasses import dataclass
from datetime import datetime

from calscim.postgres.log_level import LevelOverride


@dataclass(frozen=True, slots=True)
class LogLevelView:
    """The level in effect, and the configured one. ``until`` and ``set_by`` None: no level was set for a while."""

    level: str
    configured: str
    until: datetime | None
    set_by: str | None

    @classmethod
    def of(cls, configured: str, override: LevelOverride | None) -> "LogLevelView":
        if override is None:
            return cls(configured, configured, None, None)
        return cls(override.level, configured, override.until, override.set_by)


@dataclass(frozen=True, slots=True)
class LogLevelReset:
    """``reset``: a level was in effect, and has ended."""

    reset: bool
