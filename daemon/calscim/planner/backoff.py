"""When something that did not succeed is tried again. Times are handed in, in seconds.

Trouble on the way is met with growing waits. A flat refusal will be repeated, so it is tried again only after an
hour; either at once when the action has become another one. What Cal.com did not answer, which may be an outage,
waits five minutes at most.
"""

from calscim.planner.action_key import revision
from calscim.planner.actions import Action

FIRST, MOST = 60.0, 3600.0
MOST_UNANSWERED = 300.0


def wait(attempts: int, *, refused: bool, jitter: float, unanswered: bool = False) -> float:
    """Seconds until the next try: growing from a minute to an hour; after a flat refusal, an hour.

    ``unanswered``: growing to five minutes.

    ``attempts`` counts from 1; ``jitter`` is at least 0 and below 1, and shortens by up to a tenth.
    """
    most = MOST_UNANSWERED if unanswered else MOST
    seconds = MOST if refused else min(most, FIRST * 2 ** max(0, min(attempts - 1, 20)))
    return float(seconds * (1 - jitter / 10))


def due(mark: str, due_in: float, action: Action) -> bool:
    """Whether a parked action is to be tried now. ``mark``: its fingerprint when it was parked."""
    return due_in <= 0 or mark != revision(action)
