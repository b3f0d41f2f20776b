"""Hides secrets, and on request e-mail addresses, in the values of events."""

import re
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from typing import Any

HIDDEN = "[hidden]"

Event = MutableMapping[str, Any]

_SECRET = re.compile(
    r"(^|[_-])(token|authorization|password|passwd|secret|dsn|cookie|api[_-]?key)$", re.IGNORECASE
)
_BEARER = re.compile(r"\b(bearer\s+)\S+", re.IGNORECASE)
_USERINFO = re.compile(r"(\w+://[^/\s:@]*:)[^@\s/]+@")
_ADDRESS = re.compile(r"[^\s@\"'<>()\[\],;:/]+@[^\s@\"'<>()\[\],;:/]+\.[^\s@\"'<>()\[\],;:/]*\w")


def hide_secrets(_: Any, __: str, event: Event) -> Event:
    """Hide the values of keys named like secrets, bearer tokens, and passwords in DSNs, at any depth."""
    for key, value in event.items():
        event[key] = HIDDEN if _is_secret(key) and value else _hidden(value)
    return event


def hide_addresses(_: Any, __: str, event: Event) -> Event:
    """Hide e-mail addresses, at any depth. A name that is no address stays."""
    for key, value in event.items():
        event[key] = _without_addresses(value)
    return event


def _without_addresses(value: Any) -> Any:
    if isinstance(value, str):
        return _ADDRESS.sub(HIDDEN, value) if "@" in value else value
    if isinstance(value, Mapping):
        return {_without_addresses(key): _without_addresses(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_addresses(entry) for entry in value]
    return value


@lru_cache(maxsize=1024)
def _is_secret(key: str) -> bool:
    return _SECRET.search(key) is not None


def _hidden(value: Any) -> Any:
    if isinstance(value, str):
        if "://" in value:
            value = _USERINFO.sub(rf"\1{HIDDEN}@", value)
        return _BEARER.sub(rf"\1{HIDDEN}", value) if "bearer" in value.lower() else value
    if isinstance(value, Mapping):
        return {
            key: HIDDEN if isinstance(key, str) and _is_secret(key) and inner else _hidden(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_hidden(entry) for entry in value]
    return value
