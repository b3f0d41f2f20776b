"""Runs one verb, from its arguments to an exit code. An expected error prints no traceback."""

import argparse
import asyncio
import os
import sys
import traceback
from types import TracebackType

import uvloop

from calscim import logs
from calscim.cli.command import Command
from calscim.cli.output import Output
from calscim.errors import CalscimError, ConfigError, UsageError
from calscim.terminal import printable_block

FAILED = 1
CONFIGURATION = 78  # EX_CONFIG
INTERRUPTED = 130  # 128 + SIGINT
CUT_SHORT = 143  # 128 + SIGTERM: a second signal ended the drain
BROKEN_PIPE = 141  # 128 + SIGPIPE


def execute(arguments: argparse.Namespace) -> int:
    """Run the verb and return the exit code."""
    logs.configure("warning", "auto")
    sys.excepthook = _show_defect
    command = Command(arguments, Output(json=getattr(arguments, "json", False)))
    try:
        code = _run(command)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` closes its end early
        _forget_standard_output()
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _run(command: Command) -> int:
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_verb(command)) or 0
    except ConfigError as error:
        count = len(error.problems)
        command.output.say(f"calscim: the configuration has {count} problem{'s' * (count != 1)}:")
        for problem in error.problems:
            command.output.say(f"  {problem}")
        return CONFIGURATION
    except UsageError as error:
        command.output.say(
            f"calscim: {error.message}", *(f"  {detail}" for detail in error.details)
        )
        return FAILED
    except CalscimError as error:
        command.output.say(f"calscim: {error}")
        return FAILED
    except asyncio.CancelledError:
        return CUT_SHORT


def _show_defect(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print the traceback of an unexpected error; its message may quote text from outside."""
    shown = "".join(traceback.format_exception(kind, error, trace)).rstrip("\n")
    sys.stderr.write(
        f"calscim: this is a defect of calscim, please report it:\n{printable_block(shown)}\n"
    )


async def _verb(command: Command) -> int | None:
    code: int | None = await command.arguments.verb(command)
    return code


def _forget_standard_output() -> None:
    """Prevent the interpreter's complaint when it flushes at its end."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(devnull, sys.stdout.fileno())
    except OSError:  # a test's standard output has no descriptor
        return
    finally:
        os.close(devnull)
