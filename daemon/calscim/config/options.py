"""The one table of all keys: which section they stand in and what they hold. Defaults are the dataclasses'."""

from dataclasses import MISSING, dataclass, fields
from enum import Enum
from typing import Any

from calscim.config import model, paths, types
from calscim.config.types import Kind


class Place(Enum):
    """What the loader does with a value once it has been read."""

    VALUE = "value"
    SECRET = "secret"  # noqa: S105 - may stand in a file named by <key>_file
    SECRETS = "secrets"  # a list; may stand in files named by <key, singular>_files
    TABLES = "tables"  # a list of tables, in the file only
    FOLDER = "folder"  # relative to the configuration file
    FILE = "file"  # looked up in $CREDENTIALS_DIRECTORY, then beside the configuration file


@dataclass(frozen=True, slots=True)
class Option:
    key: str
    kind: Kind
    place: Place = Place.VALUE
    field: str = ""  # of the dataclass, where that is called otherwise
    is_private: bool = False  # a file that only the service may read

    @property
    def is_secret(self) -> bool:
        """Return True if the file that the value stands in, or that it names, must not be read by others."""
        return self.is_private or self.place in {Place.SECRET, Place.SECRETS}

    @property
    def name(self) -> str:
        return self.field or self.key

    @property
    def spellings(self) -> tuple[str, ...]:
        """The keys it may be written as."""
        match self.place:
            case Place.SECRET:
                return (self.key, f"{self.key}_file")
            case Place.SECRETS:
                return (self.key, f"{self.key.removesuffix('s')}_files")
            case _:
                return (self.key,)

    def from_variable(self, key: str, text: str) -> Any:
        """What a variable's text is under one of the spellings."""
        if key == self.key:
            return self.kind.from_variable(text)
        return types.FILES.from_variable(text) if self.place is Place.SECRETS else text


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    made_of: type[Any]
    options: tuple[Option, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(key for option in self.options for key in option.spellings)

    @property
    def required(self) -> frozenset[str]:
        """Keys without a default."""
        return frozenset(
            entry.name
            for entry in fields(self.made_of)
            if entry.default is MISSING and entry.default_factory is MISSING
        )


SECTIONS = (
    Section(
        "database",
        model.Database,
        (
            Option("dsn", types.DSN, Place.SECRET),
            Option("migration_dsn", types.DSN, Place.SECRET),
            Option("operator_dsn", types.DSN, Place.SECRET),
            Option("listen_dsn", types.DSN, Place.SECRET),
            Option("embedded", types.PATH, Place.FOLDER),
            Option("pool_size", types.at_least(1)),
        ),
    ),
    Section(
        "scim",
        model.Scim,
        (
            Option("listen", types.LISTEN),
            Option("public_url", types.URL),
            Option("max_body_bytes", types.at_least(1024)),
            Option("tls_certificate_file", types.PATH, Place.FILE),
            Option("tls_key_file", types.PATH, Place.FILE, is_private=True),
            Option("trusted_proxies", types.NETWORKS),
            Option("requests_per_second", types.RATE),
        ),
    ),
    Section("tokens", model.Tokens, (Option("lifetime", types.DURATION_OR_OFF),)),
    Section("ops", model.Ops, (Option("listen", types.LISTEN),)),
    Section(
        "journal",
        model.Journal,
        (
            Option("encryption_key", types.KEY, Place.SECRET),
            Option("old_keys", types.KEYS, Place.SECRETS),
            Option("checkpoint_interval", types.DURATION),
            Option("checkpoint_file", types.PATH, Place.FOLDER),
            Option("checkpoint_url", types.HOOK, Place.SECRET),
        ),
    ),
    Section(
        "reconcile",
        model.Reconcile,
        (
            Option("interval", types.DURATION),
            Option("debounce", types.PAUSE),
            Option("request_timeout", types.DURATION),
            Option("drift_passes", types.at_least(1)),
            Option("drift_grace", types.PAUSE),
            Option("stale_read_window", types.PAUSE),
            Option("read_budget_share", types.SHARE),
            Option("windows", types.WINDOWS),
        ),
    ),
    Section(
        "guards",
        model.Guards,
        (
            Option("max_removals_per_team", types.LIMIT),
            Option("max_removals_per_organization", types.LIMIT),
            Option("max_deprovisions", types.LIMIT),
            Option("drift_removals", types.LIMIT),
            Option("min_team_size", types.at_least(1)),
            Option("min_organization_size", types.at_least(1)),
            Option("window", types.DURATION),
            Option("max_new_people", types.LIMIT_OR_OFF),
            Option("approvals", types.at_least(1)),
        ),
    ),
    Section(
        "log",
        model.Log,
        (
            Option("level", types.one_of("debug", "info", "warning", "error")),
            Option("format", types.one_of("auto", "json", "console")),
        ),
    ),
)

# Written [[organization]], once for each.
ORGANIZATION = Section(
    "organization",
    model.Organization,
    (
        Option("name", types.NAME),
        Option("organization_id", types.at_least(1)),
        Option("api_url", types.API_URL),
        Option("api_key", types.TEXT, Place.SECRET),
        Option("requests_per_minute", types.at_least(1)),
        Option("protected", types.EMAILS),
        Option("import_existing", types.BOOLEAN),
        Option("notify_new_users", types.BOOLEAN),
        Option("people", types.one_of("managed", "observe", "add-only")),
        Option("provision_people", types.one_of("assigned", "mapped")),
        Option("windows", types.WINDOWS),
        Option("attributes", types.TABLES, Place.TABLES),
    ),
)

# Written [[organization.attributes]] below an organization's own keys.
ATTRIBUTE = Section(
    "organization.attributes",
    model.Attribute,
    (
        Option("from", paths.SOURCE, field="source"),
        Option("to", types.TEXT),
        Option("create_options", types.BOOLEAN),
    ),
)
