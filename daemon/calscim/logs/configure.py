"""Configures the log: where lines go and their form. Lines of aiohttp and asyncpg are written in the same way."""

import logging
import sys
from contextlib import suppress
from typing import Any, TextIO

import orjson
import structlog

from calscim.logs import journald
from calscim.logs.redaction import Event, hide_addresses, hide_secrets
from calscim.terminal import allows_color, escape_json, printable, printable_block

_OURS = "calscim"
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure(
    level: str, form: str, stream: TextIO | None = None, *, personal_data: bool = True
) -> None:
    """Configure the log. ``form``: json, console, or auto (console on a terminal). ``stream``: None for stderr.

    ``personal_data`` False: e-mail addresses are hidden wherever they occur; ids stay.
    Lines that journald reads start with their priority.
    """
    terminal = (stream or sys.stderr).isatty()
    render = _json if is_json(form, stream) else _console(colours=terminal and allows_color())
    first: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Any] = [
        structlog.processors.format_exc_info,  # before secrets: a traceback may quote a DSN
        hide_secrets,
        *([] if personal_data else [hide_addresses]),
        journald.with_priority(render) if journald.reads(stream) else render,
    ]
    # Straight to the stream: through `logging` a line took longer than the rest of a request.
    structlog.configure(
        processors=[*first, structlog.processors.StackInfoRenderer(), *last],
        logger_factory=lambda *_: _Line(stream),
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream) if stream else _StandardError()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *first],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    for old in root.handlers[:]:
        if old.name == _OURS:
            root.removeHandler(old)
    handler.name = _OURS
    root.addHandler(handler)
    root.setLevel(_LEVELS[level])
    # aiohttp's access log would repeat scim.request; asyncio's debug lines are about asyncio.
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    logging.getLogger("aiohttp.server").addFilter(_no_http)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


def is_json(form: str, stream: TextIO | None = None) -> bool:
    """Return True if ``configure`` with this form writes JSON to the stream."""
    return form == "json" or (form == "auto" and not (stream or sys.stderr).isatty())


def _no_http(record: logging.LogRecord) -> bool:
    """Log bytes that are not HTTP as an information without a traceback: any client can send them."""
    kind = record.exc_info and record.exc_info[0]
    if kind and kind.__module__ == "aiohttp.http_exceptions":  # by name: aiohttp is slow to import
        record.exc_info = None
        record.levelno, record.levelname = logging.INFO, "INFO"
    return logging.getLogger().isEnabledFor(record.levelno)


class _Line:
    """Writes each line in one piece. Without a stream: to the standard error of that moment."""

    __slots__ = ("_stream",)

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        stream = self._stream or sys.stderr
        with suppress(
            OSError, ValueError
        ):  # the reader of the log is gone, which must not stop the daemon
            stream.write(line + "\n")
            stream.flush()

    debug = info = warning = error = critical = msg


class _StandardError(logging.StreamHandler[Any]):
    """A handler that writes to the standard error of that moment."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _: TextIO) -> None:
        """Ignore what the base class sets: the stream is looked up each time."""


def _console(*, colours: bool) -> Any:
    renderer = structlog.dev.ConsoleRenderer(
        colors=colours, exception_formatter=structlog.dev.plain_traceback
    )

    def render(logger: Any, name: str, event: Event) -> Any:
        return renderer(logger, name, {key: _shown(key, value) for key, value in event.items()})

    return render


_BLOCKS = frozenset({"exception", "stack"})  # structlog prints these below the line, unchanged


def _shown(key: str, value: Any) -> Any:
    """Return a value of an event with the characters escaped that a terminal would interpret."""
    if isinstance(value, str):
        return printable_block(value) if key in _BLOCKS else printable(value)
    shown = repr(value)
    safe = printable(shown)
    return value if safe == shown else safe


def _json(_: Any, __: str, event: Event) -> str:
    first = {key: event.pop(key) for key in ("timestamp", "level", "event") if key in event}
    line = orjson.dumps({**first, **event}, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    return escape_json(line)
