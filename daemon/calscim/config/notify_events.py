"""The events that a notification channel can subscribe to, and the types of the messages that they become."""

from enum import Enum


class Event(Enum):
    """One kind of condition. The value is the name in `notify.events` of the configuration."""

    HOLD = "hold"
    CALCOM_UNREACHABLE = "calcom_unreachable"
    KEY_REFUSED = "key_refused"
    DATABASE_UNREACHABLE = "database_unreachable"
    RATE_LIMIT_USED_UP = "rate_limit_used_up"
    ACTION_PARKED = "action_parked"
    TOKEN_EXPIRING = "token_expiring"  # noqa: S105 - the name of an event
    CERTIFICATE_EXPIRING = "certificate_expiring"
    DIRECTORY_SILENT = "directory_silent"
    DIRECTORY_PAUSED = "directory_paused"
    JOURNAL_BROKEN = "journal_broken"
    CHECKPOINT_REFUSED = "checkpoint_refused"
    PASSES_FAILING = "passes_failing"

    @property
    def opened(self) -> str:
        """The type of the message that says that the condition began."""
        return _TYPES[self][0]

    @property
    def resolved(self) -> str | None:
        """The type of the message that says that the condition ended; None if there is no such message."""
        return _TYPES[self][1]


_TYPES = {
    Event.HOLD: ("hold.created", "hold.resolved"),
    Event.CALCOM_UNREACHABLE: ("calcom.unreachable", "calcom.recovered"),
    Event.KEY_REFUSED: ("key.refused", "key.accepted"),
    Event.DATABASE_UNREACHABLE: ("database.unreachable", "database.recovered"),
    Event.RATE_LIMIT_USED_UP: ("ratelimit.used_up", "ratelimit.recovered"),
    Event.ACTION_PARKED: ("action.parked", "action.done"),
    Event.TOKEN_EXPIRING: ("token.expiring", None),
    Event.CERTIFICATE_EXPIRING: ("certificate.expiring", None),
    Event.DIRECTORY_SILENT: ("directory.silent", "directory.heard"),
    Event.DIRECTORY_PAUSED: ("directory.paused", None),
    Event.JOURNAL_BROKEN: ("journal.broken", None),
    Event.CHECKPOINT_REFUSED: ("checkpoint.refused", "checkpoint.accepted"),
    Event.PASSES_FAILING: ("passes.failing", "passes.recovered"),
}
