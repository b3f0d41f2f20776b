"""Where log lines go and what they look like. Every line, also aiohttp's and asyncpg's, takes one way.

An event is a fixed lower-case dotted name plus keys. No value of a key that names a secret is written.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import orjson
import structlog

HIDDEN = "[hidden]"

_SECRET = re.compile(
    r"(^|[_-])(token|authorization|password|passwd|secret|dsn|cookie|api[_-]?key)$", re.IGNORECASE
)
_BEARER = re.compile(r"\b(bearer\s+)\S+", re.IGNORECASE)
_USERINFO = re.compile(r"(\w+://[^/\s:@]*:)[^@\s/]+@")
_OURS = "calscim"
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}

Event = MutableMapping[str, Any]


def configure(level: str, form: str, stream: TextIO | None = None) -> None:
    """``form``: json, console, or auto (console on a terminal). ``stream``: standard error by default."""
    terminal = (stream or sys.stderr).isatty()
    console = form == "console" or (form == "auto" and terminal)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream) if stream else _StandardError()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,  # first: a traceback may quote a DSN
                hide_secrets,
                _console(colours=terminal) if console else _json,
            ],
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
    logging.getLogger("asyncio").setLevel(logging.WARNING)


class _StandardError(logging.StreamHandler[Any]):
    """Whatever standard error is at that moment."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _: TextIO) -> None:
        """The base class sets it once; here it is looked up each time."""


def _console(*, colours: bool) -> Any:
    return structlog.dev.ConsoleRenderer(
        colors=colours, exception_formatter=structlog.dev.plain_traceback
    )


def _json(_: Any, __: str, event: Event) -> str:
    first = {key: event.pop(key) for key in ("timestamp", "level", "event") if key in event}
    return orjson.dumps({**first, **event}, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def hide_secrets(_: Any, __: str, event: Event) -> Event:
    """Replaces what keys named like secrets hold, bearer tokens and passwords in DSNs, at any depth."""
    for key, value in event.items():
        event[key] = HIDDEN if _SECRET.search(key) and value else _hidden(value)
    return event


def _hidden(value: Any) -> Any:
    if isinstance(value, str):
        return _USERINFO.sub(rf"\1{HIDDEN}@", _BEARER.sub(rf"\1{HIDDEN}", value))
    if isinstance(value, Mapping):
        return {
            key: HIDDEN
            if isinstance(key, str) and _SECRET.search(key) and inner
            else _hidden(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_hidden(entry) for entry in value]
    return value
