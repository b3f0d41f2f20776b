"""The JSON form of the typed results of this package: the only place that decides keys and omissions.

A result is a frozen dataclass; its fields are the keys. The metadata ``key`` of a field renames
its key, and OPTIONAL leaves the field out when it is None.
"""

from dataclasses import Field, fields, is_dataclass
from typing import Any

import orjson

# Metadata of a field that is left out of the JSON when it is None.
OPTIONAL = {"optional": True}


def as_json(value: Any, *, indent: bool = False) -> bytes:
    """Return ``value`` as JSON. Times are ISO 8601 in UTC with a Z."""
    option = orjson.OPT_UTC_Z | orjson.OPT_PASSTHROUGH_DATACLASS
    return orjson.dumps(
        value, default=_default, option=option | (orjson.OPT_INDENT_2 if indent else 0)
    )


def _default(value: Any) -> Any:
    if not is_dataclass(value):
        return str(value)
    return {
        one.metadata.get("key", one.name): content
        for one in fields(value)
        if (content := getattr(value, one.name)) is not None or not _is_optional(one)
    }


def _is_optional(one: "Field[Any]") -> bool:
    return bool(one.metadata.get("optional"))
