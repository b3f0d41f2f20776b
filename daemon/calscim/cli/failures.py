"""Reports why a verb ended without success.

A verb prints a message on standard error. The daemon writes an event, so that standard error has one form from the
first line to the last, and the journal knows the priority of each.
"""

import logging
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

import structlog

from calscim import logs
from calscim.cli.output import Output
from calscim.config.early_log import early_log
from calscim.errors import CalscimError, ConfigError, UsageError
from calscim.terminal import printable_block

if TYPE_CHECKING:
    from calscim.cli.command import Command

log = structlog.get_logger()

DEFECT = "this is a defect of calscim, please report it"

Trace = TracebackType | None


class Failures(Protocol):
    """Reports an error that ends the process; ``expected`` returns the exit code."""

    def expected(self, error: CalscimError) -> int:
        """Report an error whose message says what to do."""
        ...

    def defect(self, kind: type[BaseException], error: BaseException, trace: Trace) -> None:
        """Report any other error, with its traceback."""
        ...

    def interpreter(self) -> AbstractContextManager[None]:
        """Report, as long as the context is open, what the interpreter prints by itself."""
        ...


def failures_of(command: "Command") -> Failures:
    """Configure the log for the start of a verb, and return how the verb reports failures."""
    if not getattr(command.arguments, "is_daemon", False):
        logs.configure("warning", "auto")
        return Printed(command.output)
    found = early_log(command.configuration, command.environ)
    logs.configure(found.level, found.format, personal_data=found.personal_data)
    return Logged() if logs.is_json(found.format) else Printed(command.output)


class Printed:
    """Prints messages for a person."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def expected(self, error: CalscimError) -> int:
        """Print the message, and its details below it."""
        if isinstance(error, ConfigError):
            count = len(error.problems)
            head = f"the configuration has {count} problem{'s' * (count != 1)}:"
            self._output.say(f"calscim: {head}", *(f"  {problem}" for problem in error.problems))
        elif isinstance(error, UsageError):
            self._output.say(f"calscim: {error.message}", *(f"  {one}" for one in error.details))
        else:
            self._output.say(f"calscim: {error}")
        return error.exit_code

    def defect(self, kind: type[BaseException], error: BaseException, trace: Trace) -> None:
        """Print the traceback; the error's message may quote text from outside."""
        shown = "".join(traceback.format_exception(kind, error, trace)).rstrip("\n")
        sys.stderr.write(f"calscim: {DEFECT}:\n{printable_block(shown)}\n")

    def interpreter(self) -> AbstractContextManager[None]:
        """Leave it to the interpreter."""
        return nullcontext()


class Logged:
    """Writes each failure as one event."""

    def expected(self, error: CalscimError) -> int:
        """Log why the daemon ends."""
        if isinstance(error, ConfigError):
            problems = [str(problem) for problem in error.problems]
            log.error("configuration.refused", problems=problems, exit_code=error.exit_code.value)
        else:
            log.error("service.failed", reason=str(error), exit_code=error.exit_code.value)
        return error.exit_code

    def defect(self, kind: type[BaseException], error: BaseException, trace: Trace) -> None:
        """Log the traceback."""
        log.critical("service.crashed", detail=DEFECT, exc_info=(kind, error, trace))

    def interpreter(self) -> AbstractContextManager[None]:
        """Log warnings, and errors in threads and in destructors."""
        return _interpreter_logged()


@contextmanager
def _interpreter_logged() -> Iterator[None]:
    thread, unraisable = threading.excepthook, sys.unraisablehook

    def write(args: "threading.ExceptHookArgs | sys.UnraisableHookArgs") -> None:
        if args.exc_type is SystemExit:  # a thread may end itself
            return
        caught = (args.exc_type, args.exc_value, args.exc_traceback)
        log.error("service.defect", detail=DEFECT, exc_info=caught)

    logging.captureWarnings(capture=True)
    threading.excepthook = sys.unraisablehook = write
    try:
        yield
    finally:
        threading.excepthook, sys.unraisablehook = thread, unraisable
        logging.captureWarnings(capture=False)
