"""The JSON form of the typed results of this package: the only place that decides keys and omissions.

A result is a frozen dataclass; its fields are the keys. The metadata ``key`` of a field renames
its key, OPTIONAL leaves the field out when it is None, and INTERNAL always.
"""

from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

import orjson

# Metadata of a field that is left out of the JSON when it is None.
OPTIONAL = {"optional": True}
# Metadata of a field that is never in the JSON.
INTERNAL = {"internal": True}


def as_json(value: Any, *, indent: bool = False) -> bytes:
    """Return ``value`` as JSON. Times are ISO 8601 in UTC with a Z."""
    option = orjson.OPT_UTC_Z | orjson.OPT_PASSTHROUGH_DATACLASS
    return orjson.dumps(
        value, default=_default, option=option | (orjson.OPT_INDENT_2 if indent else 0)
    )


def _default(value: Any) -> Any:
    kind: type[Any] = type(value)
    if not is_dataclass(kind):
        return str(value)
    return {
        key: content
        for name, key, optional in _keys(kind)
        if (content := getattr(value, name)) is not None or not optional
    }


@cache
def _keys(kind: type[Any]) -> tuple[tuple[str, str, bool], ...]:
    """Return the name, the key, and whether it is optional, of each field of a dataclass."""
    return tuple(
        (one.name, one.metadata.get("key", one.name), bool(one.metadata.get("optional")))
        for one in fields(kind)
        if not one.metadata.get("internal")
    )
