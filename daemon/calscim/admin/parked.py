"""Parked actions: failed changes of Cal.com that the daemon tries again later."""

from dataclasses import dataclass
from datetime import datetime

from calscim.journal.audit import Editor, transaction
from calscim.postgres.pool import Database
from calscim.reconciler.state import parked_actions


@dataclass(frozen=True, slots=True)
class ParkedAction:
    """A failed action of one organization, why it failed, and when it is tried again."""

    organization: str
    kind: str
    email: str
    user_id: str
    team_id: int | None
    reason: str
    attempts: int
    since: datetime
    next_try: datetime

    @property
    def person(self) -> str:
        """Return the name of the person."""
        return self.email or self.user_id


async def list_parked(db: Database, organization: str) -> list[ParkedAction]:
    """Return the parked actions of an organization."""
    return [
        ParkedAction(
            organization=organization,
            kind=entry.key.action,
            email=entry.email,
            user_id=entry.key.subject,
            team_id=entry.key.team,
            reason=entry.reason,
            attempts=entry.attempts,
            since=entry.since,
            next_try=entry.next_try,
        )
        for entry in (await parked_actions.load(db, organization)).values()
    ]


async def retry_parked(db: Database, organization: str, email: str = "", *, editor: Editor) -> int:
    """Make parked actions due now, all or those of one address, and ask for a pass. Return how many.

    If there are any, the organization's journal gets a row ``parked.retry``.
    """
    async with transaction(db) as connection:
        count = await parked_actions.retry(connection, organization, email)
        if count:
            edit = {"email": email, "count": count}
            await editor.write_and_ask(
                connection, organization, "parked.retry", ("Organization", organization), edit
            )
    return count
