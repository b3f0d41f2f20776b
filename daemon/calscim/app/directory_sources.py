"""The directory sources of a daemon: the one list that a new source is added to."""

import ssl
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from calscim.app.databases import Databases
from calscim.app.scim_source import ScimSource
from calscim.clock import Clock
from calscim.config import Settings
from calscim.directory.source import DirectorySource


@dataclass(frozen=True, slots=True)
class Parts:
    """What sources are made of. ``tls``: of the SCIM listener, None for plain HTTP."""

    settings: Settings
    databases: Databases
    clock: Clock
    registry: CollectorRegistry
    tls: ssl.SSLContext | None


def directory_sources(parts: Parts) -> tuple[DirectorySource, ...]:
    """Return the sources that the settings ask for. SCIM is always one of them."""
    scim = ScimSource(parts.settings.scim, parts.databases, parts.clock, parts.registry, parts.tls)
    return (scim,)
