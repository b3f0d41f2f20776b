"""Where users and groups come from: the interface of a source, which the daemon starts, runs and stops.

The SCIM server is a source that identity providers push to (``app/scim_source.py``). A source that pulls, such as an
LDAP directory, implements the same three methods. ``app/directory_sources.py`` lists the sources of a daemon.
"""

from typing import Protocol


class DirectorySource(Protocol):
    """A source of users and groups.

    A source changes directories only through ``directory.resources`` (``create_user``, ``update_group``, ...), with a
    ``journal.append.Origin`` that names the directory. Each call changes the tables and appends to the directory's
    journal in one transaction, shares that transaction with other changes of the directory, and wakes the reconciler.
    A source never calls Cal.com.
    """

    @property
    def name(self) -> str:
        """The source in task names and in the log."""
        ...

    async def start(self) -> None:
        """Begin, before the daemon reports that it is ready. Raise ConfigError or AddressUnavailable if it cannot."""
        ...

    async def run(self) -> None:
        """Work until cancelled. StoreUnavailable is handled here; any other exception stops the daemon."""
        ...

    async def stop(self) -> None:
        """Finish what is under way and release sockets. The daemon calls it once ``start`` has been called."""
        ...
