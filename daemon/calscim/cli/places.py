"""Narrow a verb down to one directory or organization: the options, and what they name."""

from argparse import ArgumentParser

from calscim import admin
from calscim.admin.organizations import find_organization
from calscim.cli.command import Command
from calscim.postgres.pool import Database


def place_options(parser: ArgumentParser) -> None:
    """Add --directory and --organization to a verb that otherwise takes all of them."""
    parser.add_argument("--directory", metavar="D", help="only this directory, by id or name")
    parser.add_argument("--organization", metavar="ORG", help="only this organization")


async def chosen_directory(db: Database, command: Command) -> admin.Directory | None:
    """Return the directory of --directory; None without it. Raise UsageError if it is unknown."""
    wanted = command.arguments.directory
    return await admin.find_directory(db, wanted) if wanted else None


def chosen_organization(command: Command) -> str | None:
    """Return the organization of --organization; None without it. Raise UsageError if it is not configured."""
    wanted = command.arguments.organization
    return find_organization(command.settings(), wanted).name if wanted else None
