"""What a process needs to know before it starts: the shape of the configuration file."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Limit:
    """``N``, ``N%`` or ``N or N%``: with both, the lower holds."""

    count: int | None = None
    percent: float | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """A time of the week; ``begins`` and ``ends`` in minutes of the zone's day, 0 of ``days`` is Monday."""

    days: frozenset[int]
    begins: int
    ends: int
    zone: str  # UTC, or of the IANA list
    text: str


@dataclass(frozen=True, slots=True)
class Database:
    dsn: str | None = field(default=None, repr=False)  # they may carry passwords
    migration_dsn: str | None = field(default=None, repr=False)
    operator_dsn: str | None = field(default=None, repr=False)
    listen_dsn: str | None = field(default=None, repr=False)
    embedded: Path | None = None
    pool_size: int = 8


@dataclass(frozen=True, slots=True)
class Scim:
    listen: str = "127.0.0.1:8085"
    public_url: str = "http://127.0.0.1:8085"
    max_body_bytes: int = 4 * 1024 * 1024
    tls_certificate_file: Path | None = None
    tls_key_file: Path | None = None
    trusted_proxies: tuple[str, ...] = ()
    requests_per_second: int | None = None  # of a directory; None: "off"


@dataclass(frozen=True, slots=True)
class Tokens:
    """Of bearer tokens that the command line makes."""

    lifetime: float | None = None  # seconds until a new token expires; None: "off"


@dataclass(frozen=True, slots=True)
class Ops:
    listen: str = "127.0.0.1:8086"


@dataclass(frozen=True, slots=True)
class Source:
    """An attribute of a SCIM user; ``schema`` None: the core schema's. ``text``: as it was written."""

    text: str
    schema: str | None
    attribute: str
    where: str | None = None  # of a multi-valued attribute: which sub-attribute
    equals: str | None = None  # is this
    sub: str | None = None


@dataclass(frozen=True, slots=True)
class Attribute:
    """One row of the table from SCIM attributes to Cal.com's."""

    source: Source
    to: str
    create_options: bool = False


@dataclass(frozen=True, slots=True)
class Organization:
    name: str
    organization_id: int
    api_key: str = field(repr=False)
    api_url: str = "https://api.cal.com"
    requests_per_minute: int = 120
    protected: tuple[str, ...] = ()
    import_existing: bool = True
    notify_new_users: bool = True
    people: str = "managed"  # managed, observe, add-only
    provision_people: str = "assigned"  # assigned, mapped
    windows: tuple[Window, ...] = ()
    attributes: tuple[Attribute, ...] = ()


@dataclass(frozen=True, slots=True)
class Journal:
    """Keys are their 32 bytes. With old keys alone bodies are opened and not sealed."""

    encryption_key: bytes | None = field(default=None, repr=False)
    old_keys: tuple[bytes, ...] = field(default=(), repr=False)
    checkpoint_interval: float = 300.0
    checkpoint_file: Path | None = None
    checkpoint_url: str | None = field(default=None, repr=False)  # may carry a secret


@dataclass(frozen=True, slots=True)
class Reconcile:
    interval: float = 300.0  # seconds, as are all durations here
    debounce: float = 0.2
    request_timeout: float = 30.0
    drift_passes: int = 1
    drift_grace: float = 0.0
    stale_read_window: float = 5.0
    read_budget_share: float = 0.5  # of a minute's calls
    windows: tuple[Window, ...] = ()


@dataclass(frozen=True, slots=True)
class Guards:
    max_removals_per_team: Limit = Limit(percent=30)
    max_removals_per_organization: Limit = Limit(percent=20)
    max_deprovisions: Limit = Limit(percent=5)
    drift_removals: Limit = Limit(percent=10)
    min_team_size: int = 5
    min_organization_size: int = 20
    window: float = 86400.0
    max_new_people: Limit | None = None  # None: "off"
    approvals: int = 1


@dataclass(frozen=True, slots=True)
class Log:
    level: str = "info"
    format: str = "auto"  # json, console, auto


@dataclass(frozen=True, slots=True)
class Settings:
    database: Database
    scim: Scim = Scim()
    tokens: Tokens = Tokens()
    ops: Ops = Ops()
    organizations: tuple[Organization, ...] = ()
    journal: Journal = Journal()
    reconcile: Reconcile = Reconcile()
    guards: Guards = Guards()
    log: Log = Log()
