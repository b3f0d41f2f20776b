"""What a process needs to know before it starts. Reads files and variables once; knows no default but its own.

``load`` is the only way in for a running program; tests may build the dataclasses themselves.
"""

from calscim.config.addresses import Address, Inherited, Tcp, Unix, address, is_for_a_proxy
from calscim.config.hazards import hazards
from calscim.config.load import find, load, secret_files
from calscim.config.model import (
    Attribute,
    Database,
    Guards,
    Journal,
    Limit,
    Log,
    Ops,
    Organization,
    Reconcile,
    Scim,
    Settings,
    Source,
)
from calscim.config.types import duration

__all__ = [
    "Address",
    "Attribute",
    "Database",
    "Guards",
    "Inherited",
    "Journal",
    "Limit",
    "Log",
    "Ops",
    "Organization",
    "Reconcile",
    "Scim",
    "Settings",
    "Source",
    "Tcp",
    "Unix",
    "address",
    "duration",
    "find",
    "hazards",
    "is_for_a_proxy",
    "load",
    "secret_files",
]
