"""Select rows of the journal: the options that `journal tail` and `journal export` have in common."""

from argparse import ArgumentParser

from calscim.cli.command import Command
from calscim.cli.places import chosen_directory, chosen_organization
from calscim.cli.times import TIME_HELP, a_moment
from calscim.errors import UsageError
from calscim.journal import history
from calscim.journal.history import Wanted
from calscim.postgres.pool import Database
from calscim.wording import moment

_KINDS = ("scim", "refused", "import", "admin", "calcom")


def row_options(parser: ArgumentParser) -> None:
    """Add the options that select rows."""
    parser.add_argument(
        "--person", metavar="P", help="only rows about this userName, address or id"
    )
    parser.add_argument("--group", metavar="G", help="only rows about the group of this name or id")
    parser.add_argument("--request", metavar="ID", help="only rows of this request")
    parser.add_argument("--kind", choices=_KINDS, help="only rows of this kind")
    parser.add_argument(
        "--since", type=a_moment, metavar="TIME", help=f"only rows since this time: {TIME_HELP}"
    )
    parser.add_argument("--until", type=a_moment, metavar="TIME", help="only rows up to this time")


async def wanted_rows(db: Database, command: Command) -> Wanted:
    """Return the selection that the options ask for. Raise UsageError if a name is unknown."""
    arguments = command.arguments
    streams: list[str] | None = None
    if (directory := await chosen_directory(db, command)) is not None:
        streams = [directory.id]
    elif (organization := chosen_organization(command)) is not None:
        streams = await history.streams_of(db, organization)
    about: list[str] | None = None
    if arguments.person:
        about = await history.people(db, arguments.person, streams)
        if not about:
            raise UsageError(
                f"no user has or had the name {arguments.person!r}: type a userName or an id"
            )
    if arguments.group:
        groups = await history.group_ids(db, arguments.group, streams)
        if not groups:
            raise UsageError(
                f"no group has or had the name {arguments.group!r}: see `calscim group list`"
            )
        about = [*(about or []), *groups]
    since, until = arguments.since, arguments.until
    if since is not None and until is not None and since > until:
        raise UsageError(
            f"--since ({moment(since)}) is later than --until ({moment(until)}): exchange them"
        )
    return Wanted(
        streams=streams,
        request_id=arguments.request,
        kind=arguments.kind,
        since=since,
        until=until,
        about=about,
    )
