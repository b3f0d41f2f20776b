"""Runs one verb, from its arguments to an exit code. An expected error prints no traceback."""

import argparse
import asyncio
import os
import signal
import sys
import threading

import uvloop

from calscim.cli.command import Command
from calscim.cli.failures import Failures, failures_of
from calscim.cli.output import Output
from calscim.errors import CalscimError
from calscim.exit_codes import ExitCode


def execute(arguments: argparse.Namespace) -> int:
    """Run the verb and return the exit code."""
    if arguments.no_color:
        os.environ["NO_COLOR"] = "1"  # for the log too
    command = Command(arguments, Output(json=getattr(arguments, "json", False)))
    failures = failures_of(command)
    sys.excepthook = failures.defect
    try:
        code = _run(command, failures)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` closes its end early
        _forget_standard_output()
        return ExitCode.BROKEN_PIPE
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return code


def _run(command: Command, failures: Failures) -> int:
    with failures.interpreter():
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                return runner.run(_verb(command)) or 0
        except CalscimError as error:
            return failures.expected(error)
        except asyncio.CancelledError:
            return ExitCode.TERMINATED


async def _verb(command: Command) -> int | None:
    """Run the verb; SIGTERM cancels it. The daemon sets its own handler when it is ready.

    A daemon that is stopped earlier has nothing to drain: this is a success, as systemd expects.
    """
    verb, terminated = asyncio.current_task(), asyncio.Event()
    assert verb is not None, "the runner made this a task"

    def terminate() -> None:
        terminated.set()
        verb.cancel()

    if threading.current_thread() is threading.main_thread():
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
    try:
        code: int | None = await command.arguments.verb(command)
    except asyncio.CancelledError:
        if terminated.is_set() and getattr(command.arguments, "is_daemon", False):
            return None
        raise
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
