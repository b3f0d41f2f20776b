"""Find users of identity providers by any name, address or id, in pages that the database makes."""

from dataclasses import dataclass

from calscim.names import trimmed
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql

FIRST = ("", "00000000-0000-0000-0000-000000000000")


@dataclass(frozen=True, slots=True)
class FoundUser:
    """A user of a directory. ``cal_user_id``: the account in Cal.com, if it is known."""

    id: str
    user_name: str
    email: str
    user_name_key: str
    name: str
    active: bool
    managed: bool
    directory_id: str
    directory: str
    organization: str
    groups: int
    cal_user_id: int | None

    @property
    def position(self) -> tuple[str, str]:
        """Return the place in the list, for the page after this user."""
        return self.user_name_key, self.id


async def search_users(
    db: Database,
    text: str = "",
    *,
    organization: str | None = None,
    after: tuple[str, str] = FIRST,
    limit: int = 50,
    active: bool | None = None,
) -> list[FoundUser]:
    """Return users whose userName, address, full name, externalId or id contains the text, by userName.

    ``after``: the position of the last user of the page before.
    """
    found = await db.fetch(
        sql("users.search"), organization, trimmed(text), after[0], after[1], limit, active
    )
    return [FoundUser(**row) for row in found]
