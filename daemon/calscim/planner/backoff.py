"""Decide when a failed action is tried again. Times are passed in, in seconds.

Transient failures wait longer after each attempt. A definite refusal is likely to repeat, so it is tried again only
after an hour. Either is tried at once if the action has changed. A call that Cal.com did not answer, perhaps because
of an outage, waits five minutes at most.
"""

from calscim.planner.action_key import revision
from calscim.planner.actions import Action

FIRST, MOST = 60.0, 3600.0
MOST_UNANSWERED = 300.0


def retry_delay(attempts: int, *, refused: bool, jitter: float, unanswered: bool = False) -> float:
    """Return the seconds until the next try: from a minute up to an hour; an hour after a refusal.

    ``unanswered``: the wait grows to five minutes at most.

    ``attempts`` counts from 1. ``jitter`` is at least 0 and below 1, and shortens the wait by up to a tenth.
    """
    most = MOST_UNANSWERED if unanswered else MOST
    seconds = MOST if refused else min(most, FIRST * 2 ** max(0, min(attempts - 1, 20)))
    return float(seconds * (1 - jitter / 10))


def is_due(mark: str, due_in: float, action: Action) -> bool:
    """Return True if a parked action is due. ``mark``: its fingerprint when it was parked."""
    return due_in <= 0 or mark != revision(action)
