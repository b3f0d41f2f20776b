"""Restores the configuration of the log after a test."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog


@contextmanager
def restored_log() -> Iterator[None]:
    """Restore the root logger and structlog when the context ends."""
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    try:
        yield
    finally:
        root.setLevel(before[0])
        root.handlers[:] = before[1]
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()
