"""The configuration file and the variables, as typed settings.

Programs call ``load``; tests may construct the dataclasses themselves.
"""

from calscim.config.addresses import Address, Inherited, Tcp, Unix, address, is_for_a_proxy
from calscim.config.effective import EffectiveKey
from calscim.config.hazards import hazards
from calscim.config.load import effective, find, load, secret_files, written
from calscim.config.model import (
    Console,
    Database,
    Journal,
    Log,
    Notify,
    Oidc,
    Ops,
    Organization,
    Reconcile,
    Scim,
    Settings,
    Tokens,
)

__all__ = [
    "Address",
    "Console",
    "Database",
    "EffectiveKey",
    "Inherited",
    "Journal",
    "Log",
    "Notify",
    "Oidc",
    "Ops",
    "Organization",
    "Reconcile",
    "Scim",
    "Settings",
    "Tcp",
    "Tokens",
    "Unix",
    "address",
    "effective",
    "find",
    "hazards",
    "is_for_a_proxy",
    "load",
    "secret_files",
    "written",
]
