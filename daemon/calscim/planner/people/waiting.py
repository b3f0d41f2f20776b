"""Notes for people who wait, as the stages of the planner write them."""

from calscim.planner.actions import Action
from calscim.planner.desired_state import User
from calscim.planner.plan import Waiting


def note_waiting(user: User, reason: str) -> Waiting:
    """Note what has to happen before the planner can act for a user."""
    return Waiting(user.id, user.email, reason, "" if user.email else user.user_name)


def note_protected(action: Action, protection: str) -> list[Waiting]:
    """Note that an action is not made, because the person is protected."""
    if action.user is None:
        return []
    reason = f"{action.reason}, but is left alone: {protection}"
    return [Waiting(action.user, action.email, reason)]
