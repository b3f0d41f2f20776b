"""The names and organizations of directories, for the log: an operator knows a directory by its name."""

from dataclasses import dataclass, field

from calscim.postgres.pool import Database
from calscim.postgres.queries import sql


@dataclass(slots=True)
class DirectoryNames:
    """The directories as they were called at the last ``refresh``."""

    _fields: dict[str, dict[str, str]] = field(default_factory=dict)  # by id

    async def refresh(self, db: Database) -> None:
        """Read all names. Raise StoreUnavailable during an outage."""
        self._fields = {
            row["id"]: {"directory_name": row["name"], "organization": row["organization"]}
            for row in await db.fetch(sql("directories.list_names"))
        }

    def add(self, directory: str, name: str, organization: str) -> None:
        """Add a directory that was read between two refreshes."""
        self._fields[directory] = {"directory_name": name, "organization": organization}

    def fields(self, directory: str) -> dict[str, str]:
        """Return ``directory_name`` and ``organization`` of a directory; nothing if it is unknown."""
        return self._fields.get(directory, {})
