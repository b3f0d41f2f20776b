"""Parses the command line. A verb's module, and what it imports, is only loaded when that verb is called."""

import signal
import sys
from collections.abc import Sequence
from importlib import import_module

from calscim import __version__
from calscim.cli.parser import Parser
from calscim.cli.verbs import Verbs, common_options, exit_codes
from calscim.exit_codes import ExitCode

# Each verb, in the order of the help: the module of this package that registers it, and its line of help.
VERBS = {
    "serve": ("serve", "run the daemon"),
    "run": ("serve", "try calscim: run a daemon that needs no preparation"),
    "demo": ("serve", "play a story against a simulated Cal.com, check each step, and exit"),
    "check": ("check", "check the configuration, the database, and each organization's API key"),
    "doctor": ("doctor", "examine everything that keeps an installation from working"),
    "support-bundle": (
        "support_bundle",
        "collect diagnostic files, without secrets, in one archive",
    ),
    "migrate": ("migrate", "bring the database's schema up to date"),
    "directory": ("directory", "manage directories (connections from identity providers)"),
    "token": ("token", "manage the bearer tokens of directories"),
    "user": ("user", "list and show users that identity providers pushed"),
    "group": ("group", "list and show groups that identity providers pushed"),
    "team": ("team", "list, compare, adopt and pause Cal.com's teams"),
    "mapping": ("mapping", "map groups to teams"),
    "plan": ("plan", "read Cal.com and print the changes to make, without making them"),
    "sync": ("sync", "ask the running daemon for a full pass and wait for it"),
    "approve": ("holds", "release exactly one held plan"),
    "reject": ("holds", "record that a held plan is not wanted"),
    "status": ("status", "show the state of each organization and directory"),
    "explain": ("explain", "explain why a person is or is not on a team"),
    "parked": ("parked", "list and retry changes of Cal.com that failed"),
    "config": ("config", "show the configuration as calscim reads it"),
    "console": ("console", "sign in to the console, and end sessions"),
    "notify": ("notify", "list and test the channels of notifications"),
    "log": ("log", "show or set the level of the log of running daemons"),
    "journal": ("journal", "read, verify, export and archive the journal"),
    "membership": ("rebuild", "list the members that a group had at a given time"),
    "rebuild": ("rebuild", "rebuild users, groups and members from the journal"),
    "erase": ("erase", "erase a person's data from the journal and the tables"),
    "sim": ("sim", "run simulators to try calscim against"),
    "install": ("install", "install calscim as a systemd service"),
    "uninstall": ("install", "remove the service; configuration and data stay"),
    "completion": ("completion", "print a completion script for a shell"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code."""
    given = sys.argv[1:] if argv is None else list(argv)
    verb = verb_in(given)
    if argv is None:
        # Before any slow import: without a handler, the kernel drops the SIGTERM of process 1 of a container.
        stopped = ExitCode.IN_SYNC if verb == "serve" else ExitCode.TERMINATED
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(stopped))
    try:
        arguments, unknown = one_verb(verb).parse_known_args(given)
        if unknown:
            arguments.parser.refuse(unknown)
    except SystemExit as end:  # --help, --version, or wrong arguments
        return end.code if isinstance(end.code, int) else ExitCode.FAILED
    from calscim.cli.execution import execute  # noqa: PLC0415 - `--help` does not need it

    return execute(arguments)


def verb_in(arguments: Sequence[str]) -> str | None:
    """Return the verb before anything is parsed, or None without one, as in ``--help``."""
    before = ""
    for argument in arguments:
        if not argument.startswith("-") and before != "--config":
            return argument if argument in VERBS else None
        before = argument
    return None


def one_verb(verb: str | None) -> Parser:
    """Return a parser of one verb, or without one a parser that only knows the names of all."""
    parser, verbs = _root()
    if verb is None:
        for name in VERBS:
            verbs.group(name)
    else:
        import_module(f"calscim.cli.{VERBS[verb][0]}").register(verbs)
    return parser


def all_verbs() -> Parser:
    """Return a parser of every verb, for completion, the manual page and the reference page."""
    parser, verbs = _root()
    for module in dict.fromkeys(module for module, _ in VERBS.values()):
        import_module(f"calscim.cli.{module}").register(verbs)
    return parser


def _root() -> tuple[Parser, Verbs]:
    parser = Parser(
        prog="calscim",
        description="Directory sync beside Cal.com: SCIM in, a journal in Postgres, drift corrected.",
        epilog=f"{exit_codes(ExitCode)}\n\n"
        "`calscim VERB --help` explains a verb. Start with `calscim run`, then docs/guide.",
    )
    parser.add_argument("--version", action="version", version=f"calscim {__version__}")
    common_options(parser)
    parser.set_defaults(config=None, no_color=False, parser=parser)
    return parser, Verbs(parser, {name: summary for name, (_, summary) in VERBS.items()})
