"""The editor of changes that a person makes in the console, for journal rows."""

import socket
from dataclasses import dataclass, field

from calscim.admin import Editor
from calscim.admin.console_access import Session
from calscim.postgres.pool import Database


@dataclass(frozen=True, slots=True)
class ConsoleEditors:
    """Names the person of a session, and the machine, as the command line names the operating system's user."""

    db: Database
    host: str = field(default_factory=socket.gethostname)

    def of(self, session: Session) -> Editor:
        """Return the editor of one request."""
        return Editor(by=f"{session.person} via console@{self.host}", cipher=self.db.cipher)
