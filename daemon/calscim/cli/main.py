"""From arguments to an exit code. No traceback for what is expected to go wrong."""

import argparse
import asyncio
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from types import TracebackType
from typing import Any, NoReturn

import uvloop

from calscim import __version__, logs
from calscim.cli.call import Call, Verbs, config_option
from calscim.cli.output import Output
from calscim.errors import CalscimError, ConfigError, UsageError
from calscim.terminal import printable, printable_block

FAILED = 1
MISUSED = 64  # EX_USAGE; 2 is a plan with changes in it
CONFIGURATION = 78  # EX_CONFIG
INTERRUPTED = 130  # 128 + SIGINT
HURRIED = 143  # 128 + SIGTERM: a second signal cut what the first had left to end by itself
CUT = 141  # 128 + SIGPIPE

# Which module of this package has which verb, in the order of the help. Only the one that is called is loaded.
_ROOMS = {
    "serve": "serving",
    "run": "serving",
    "demo": "serving",
    "check": "checking",
    "migrate": "schema",
    "directory": "directories",
    "token": "tokens",
    "group": "groups",
    "team": "teams",
    "mapping": "mappings",
    "plan": "reconciling",
    "sync": "standing",
    "approve": "reconciling",
    "status": "standing",
    "explain": "explaining",
    "parked": "parking",
    "journal": "journal",
    "membership": "replaying",
    "rebuild": "replaying",
    "erase": "erasing",
    "sim": "simulator",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    try:
        given = sys.argv[1:] if argv is None else list(argv)
        arguments = _parser(_verb_in(given)).parse_args(given)
    except SystemExit as end:  # --help, --version, or arguments that are none
        return end.code if isinstance(end.code, int) else FAILED
    logs.configure("warning", "auto")
    sys.excepthook = _show_defect
    call = Call(arguments, Output(json=getattr(arguments, "json", False)))
    try:
        code = _run(call)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough
        _forget_standard_output()
        return CUT
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _run(call: Call) -> int:
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_verb(call)) or 0
    except ConfigError as error:
        count = len(error.problems)
        call.output.say(f"calscim: the configuration has {count} problem{'s' * (count != 1)}:")
        for problem in error.problems:
            call.output.say(f"  {problem}")
        return CONFIGURATION
    except UsageError as error:
        call.output.say(f"calscim: {error.message}", *(f"  {detail}" for detail in error.details))
        return FAILED
    except CalscimError as error:
        call.output.say(f"calscim: {error}")
        return FAILED
    except asyncio.CancelledError:
        return HURRIED


def _show_defect(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print the traceback of an unexpected error; its message may quote text from outside."""
    shown = "".join(traceback.format_exception(kind, error, trace)).rstrip("\n")
    sys.stderr.write(
        f"calscim: this is a defect of calscim, please report it:\n{printable_block(shown)}\n"
    )


async def _verb(call: Call) -> int | None:
    code: int | None = await call.arguments.verb(call)
    return code


def _forget_standard_output() -> None:
    """So that the interpreter does not complain when it flushes at its end."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(devnull, sys.stdout.fileno())
    except OSError:  # a stand-in without a descriptor
        return
    finally:
        os.close(devnull)


class _Parser(argparse.ArgumentParser):
    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(MISUSED, f"{self.prog}: {printable(message)}; see `{self.prog} --help`\n")


def _verb_in(arguments: list[str]) -> str | None:
    """The verb, before anything is parsed; None where there is none, as in ``--help``."""
    before = ""
    for argument in arguments:
        if argument in _ROOMS and before != "--config":
            return argument
        before = argument
    return None


def _parser(verb: str | None) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="calscim",
        description="Directory sync beside Cal.com: SCIM in, a journal in Postgres, drift corrected.",
        epilog="`calscim VERB --help` tells more. Start with `calscim run`, then docs/guide.",
    )
    parser.add_argument("--version", action="version", version=f"calscim {__version__}")
    config_option(parser)
    parser.set_defaults(config=None)
    verbs = Verbs(parser)
    for room in dict.fromkeys(_ROOMS.values()) if verb is None else [_ROOMS[verb]]:
        import_module(f"calscim.cli.{room}").register(verbs)
    return parser
