"""The one table of all keys: which section they stand in and what they hold. Defaults are the dataclasses'."""

from dataclasses import MISSING, dataclass, fields
from enum import Enum
from typing import Any

from calscim.settings import model, paths, values
from calscim.settings.values import Kind


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
        return values.FILES.from_variable(text) if self.place is Place.SECRETS else text


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
            Option("dsn", values.DSN, Place.SECRET),
            Option("migration_dsn", values.DSN, Place.SECRET),
            Option("operator_dsn", values.DSN, Place.SECRET),
            Option("listen_dsn", values.DSN, Place.SECRET),
            Option("embedded", values.PATH, Place.FOLDER),
            Option("pool_size", values.at_least(1)),
        ),
    ),
    Section(
        "scim",
        model.Scim,
        (
            Option("listen", values.LISTEN),
            Option("public_url", values.URL),
            Option("max_body_bytes", values.at_least(1024)),
            Option("tls_certificate_file", values.PATH, Place.FILE),
            Option("tls_key_file", values.PATH, Place.FILE, is_private=True),
            Option("trusted_proxies", values.NETWORKS),
            Option("requests_per_second", values.RATE),
        ),
    ),
    Section("tokens", model.Tokens, (Option("lifetime", values.DURATION_OR_OFF),)),
    Section("ops", model.Ops, (Option("listen", values.LISTEN),)),
    Section(
        "journal",
        model.Journal,
        (
            Option("encryption_key", values.KEY, Place.SECRET),
            Option("old_keys", values.KEYS, Place.SECRETS),
            Option("head_interval", values.DURATION),
            Option("head_file", values.PATH, Place.FOLDER),
            Option("head_url", values.HOOK, Place.SECRET),
        ),
    ),
    Section(
        "reconcile",
        model.Reconcile,
        (
            Option("interval", values.DURATION),
            Option("debounce", values.PAUSE),
            Option("request_timeout", values.DURATION),
            Option("drift_passes", values.at_least(1)),
            Option("drift_grace", values.PAUSE),
            Option("settle", values.PAUSE),
            Option("read_share", values.SHARE),
            Option("windows", values.WINDOWS),
        ),
    ),
    Section(
        "guards",
        model.Guards,
        (
            Option("max_removals_per_team", values.LIMIT),
            Option("max_removals_per_organization", values.LIMIT),
            Option("max_deprovisions", values.LIMIT),
            Option("drift_removals", values.LIMIT),
            Option("min_team_size", values.at_least(1)),
            Option("min_organization_size", values.at_least(1)),
            Option("window", values.DURATION),
            Option("max_new_people", values.LIMIT_OR_OFF),
            Option("approvals", values.at_least(1)),
        ),
    ),
    Section(
        "log",
        model.Log,
        (
            Option("level", values.one_of("debug", "info", "warning", "error")),
            Option("format", values.one_of("auto", "json", "console")),
        ),
    ),
)

# Written [[organization]], once for each.
ORGANIZATION = Section(
    "organization",
    model.Organization,
    (
        Option("name", values.NAME),
        Option("organization_id", values.at_least(1)),
        Option("api_url", values.API_URL),
        Option("api_key", values.TEXT, Place.SECRET),
        Option("requests_per_minute", values.at_least(1)),
        Option("protected", values.EMAILS),
        Option("import_existing", values.BOOLEAN),
        Option("notify_new_users", values.BOOLEAN),
        Option("people", values.one_of("managed", "observe", "add-only")),
        Option("provision_people", values.one_of("assigned", "mapped")),
        Option("windows", values.WINDOWS),
        Option("attributes", values.TABLES, Place.TABLES),
    ),
)

# Written [[organization.attributes]] below an organization's own keys.
ATTRIBUTE = Section(
    "organization.attributes",
    model.Attribute,
    (
        Option("from", paths.SOURCE, field="source"),
        Option("to", values.TEXT),
        Option("create_options", values.BOOLEAN),
    ),
)
