"""The sections of the configuration: each key once, with its type, its default and what it is for.

The description of a key is the text below it; `make reference` writes docs/reference/configuration.md from them.
Durations are in seconds.
"""

from dataclasses import KW_ONLY, dataclass, field

from calscim.config.values import (
    ApiUrl,
    Bytes,
    DeniedFile,
    FileToRead,
    FileToWrite,
    Listen,
    LogFormat,
    LogLevel,
    Networks,
    NotifyEvents,
    PrivateFile,
    Rate,
    SecretDsn,
    SecretHook,
    SecretKey,
    SecretKeys,
    SecretNotifyUrl,
    SecretOwnerDsn,
    SecretSigningKey,
    SecretText,
    TextList,
    Url,
)
from calscim.config.windows import Windows
from calscim.encryption import Cipher, cipher
from calscim.errors import ConfigError, Problem
from calscim.option_types import (
    Boolean,
    Count,
    Duration,
    DurationOrOff,
    DurationOrZero,
    Share,
    Text,
)
from calscim.planner.policy import DriftGrace, OrganizationName, Policy
from calscim.planner.safeguards.limits import Guards


@dataclass(frozen=True, slots=True)
class Database:
    """The section ``[database]``. DSNs may contain passwords."""

    dsn: SecretDsn | None = field(default=None, repr=False)
    """The serving role's DSN; several hosts: `user@one,two/calscim`. Required without `embedded`."""
    migration_dsn: SecretOwnerDsn | None = field(default=None, repr=False)
    """The DSN of the role that owns the tables, for `calscim migrate`. Without it `migrate` uses `dsn`."""
    operator_dsn: SecretDsn | None = field(default=None, repr=False)
    """The DSN of the role for verbs that edit. Without it they use `dsn`."""
    listen_dsn: SecretDsn | None = field(default=None, repr=False)
    """A DSN past PgBouncer, where `dsn` goes through it: the reconciler then learns of changes at once."""
    embedded: FileToWrite | None = None
    """Instead of `dsn`: the folder of a bundled Postgres."""
    pool_size: Count = 8
    """The most connections that a daemon opens for requests."""

    def owner_dsn(self) -> str | None:
        """Return ``migration_dsn``. Raise ConfigError if it is in a file that this process may not read."""
        if isinstance(self.migration_dsn, DeniedFile):
            raise ConfigError([Problem("database.migration_dsn_file", self.migration_dsn.reason)])
        return self.migration_dsn


@dataclass(frozen=True, slots=True)
class Scim:
    """The section ``[scim]``."""

    listen: Listen = "127.0.0.1:8085"
    """Where the SCIM server listens."""
    public_url: Url = "http://127.0.0.1:8085"
    """What the identity provider uses: base URLs and `meta.location` start with it. Without it: follows `listen`."""
    max_body_bytes: Bytes = 4 * 1024 * 1024
    """The server refuses a longer request with 413."""
    tls_certificate_file: FileToRead | None = None
    """With `tls_key_file`: serve HTTPS without a proxy."""
    tls_key_file: PrivateFile | None = None
    """The certificate's key."""
    trusted_proxies: Networks = ()
    """Proxies whose X-Forwarded-For header the server believes."""
    requests_per_second: Rate = None
    """The limit of each directory, at least 25, beyond which the server answers 429. 0: no limit.

    `calscim directory set NAME requests_per_second=N` changes the limit of one directory.
    """
    announce_cursors: Boolean = True
    """false: ServiceProviderConfig has no `pagination` (RFC 9865), which Canaille and other old clients refuse."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The section ``[tokens]``: bearer tokens that the command line creates."""

    lifetime: DurationOrOff = None
    """How long a new token is valid without `--expires`. off: until it is revoked."""


@dataclass(frozen=True, slots=True)
class Ops:
    """The section ``[ops]``."""

    listen: Listen = "127.0.0.1:8086"
    """Where `/healthz`, `/readyz`, `/metrics` and `/v1/events` answer.

    The first three need no authentication: keep them on loopback. `/v1/events` needs a token from elsewhere.
    """
    keep_events: DurationOrOff = 90 * 86_400.0
    """How long the change feed, `/v1/events`, keeps events. off: forever."""


@dataclass(frozen=True, slots=True)
class Organization(Policy):
    """A table ``[[organization]]``: one organization of Cal.com."""

    organization_id: Count
    """The organization's id in Cal.com."""
    api_key: SecretText = field(repr=False)
    """An API key of an owner or admin of the organization."""
    api_url: ApiUrl = "https://api.cal.com"
    """The daemon calls `{api_url}/v2/...`."""
    requests_per_minute: Count = 120
    """The most calls to Cal.com. Cal.com's X-RateLimit headers may lower it."""
    import_existing: Boolean = True
    """Include members that calscim did not create in `GET /Users`, so that Okta can match them."""
    notify_new_users: Boolean = True
    """false: Cal.com sends no invitation mail, where its API has that option."""
    send_traceparent: Boolean = False
    """true: send the `traceparent` header to Cal.com, if OpenTelemetry is on."""
    windows: Windows = ()
    """Maintenance windows of this organization, besides those of `[reconcile]`."""


@dataclass(frozen=True, slots=True)
class Journal:
    """The section ``[journal]``. Keys are their 32 bytes. With only old keys, calscim encrypts no body."""

    encryption_key: SecretKey | None = field(default=None, repr=False)
    """The key that encrypts bodies; `calscim journal key` creates one. Without it bodies are not encrypted."""
    old_keys: SecretKeys = field(default=(), repr=False)
    """Earlier keys: they decrypt the bodies that they encrypted."""
    checkpoint_interval: Duration = 300.0
    """The time between two checkpoints. A checkpoint publishes the head of every journal that changed."""
    checkpoint_file: FileToWrite | None = None
    """The file that each checkpoint is appended to, better on another machine's disk."""
    checkpoint_url: SecretHook | None = field(default=None, repr=False)
    """The URL that each checkpoint is posted to."""

    def cipher(self) -> Cipher:
        """Return the cipher of the configured keys."""
        return cipher(self.encryption_key, self.old_keys)


@dataclass(frozen=True, slots=True)
class Reconcile(DriftGrace):
    """The section ``[reconcile]``."""

    interval: Duration = 300.0
    """The time between full passes, with jitter."""
    debounce: DurationOrZero = 0.2
    """The time between a push and the pass over what it changed."""
    request_timeout: Duration = 30.0
    """The time limit of one call to Cal.com."""
    stale_read_window: DurationOrZero = 5.0
    """For this long after calscim changes a role or an address, it ignores a list that still shows the old one."""
    read_budget_share: Share = 0.5
    """The share of a minute's calls that a periodic full pass may use. A longer pass lets pushes go first."""
    windows: Windows = ()
    """Maintenance windows, in which calscim changes nothing in Cal.com."""


@dataclass(frozen=True, slots=True)
class Log:
    """The section ``[log]``."""

    level: LogLevel = "info"
    """The lowest level that is written."""
    format: LogFormat = "auto"
    """auto: `console` on a terminal, `json` otherwise."""
    personal_data: Boolean = True
    """false: the log has ids of people and no e-mail addresses."""


@dataclass(frozen=True, slots=True)
class Notify:
    """A table ``[[notify]]``: one channel that notifications go to."""

    name: OrganizationName
    """What the channel is called."""
    url: SecretNotifyUrl | None = field(default=None, repr=False)
    """An Apprise URL: Slack, Teams, PagerDuty, Opsgenie, mail and more."""
    webhook: SecretHook | None = field(default=None, repr=False)
    """Instead of `url`: the URL that each notification is posted to as JSON."""
    secret: SecretSigningKey | None = field(default=None, repr=False)
    """The key that signs the posts to `webhook`, as Standard Webhooks says."""
    events: NotifyEvents = ()
    """The events that the channel receives. Without it: all, or none with `feed = true`."""
    feed: Boolean = False
    """true, only with `webhook`: the channel receives every event of the change feed, each in its own post."""
    remind: DurationOrOff = 4 * 3600.0
    """The interval of reminders while a condition lasts. off: no reminders."""
    unreachable_after: DurationOrZero = 120.0
    """How long Cal.com or the database must be unreachable, or the key refused, before a message is sent."""
    parked_after: DurationOrZero = 3600.0
    """How long a change must be parked before a message is sent."""
    paused_after: DurationOrZero = 86_400.0
    """How long a directory must be paused before a message is sent."""


@dataclass(frozen=True, slots=True)
class Oidc:
    """The section ``[console.oidc]``: sign-in with OpenID Connect."""

    issuer: Url
    """The issuer's URL, as `https://acme.okta.com`; its discovery document is below `/.well-known/`."""
    client_id: Text
    """The client that the provider registered for the console."""
    client_secret: SecretText | None = field(default=None, repr=False)
    """The client's secret. Without it: a public client, which PKCE alone protects."""
    scopes: TextList = ("openid", "email", "profile")
    """The scopes that the console asks for. Okta needs `groups` besides these to send groups."""
    roles_claim: Text = "groups"
    """The claim of the ID token that contains the person's groups."""
    viewers: TextList = ()
    """Groups, or e-mail addresses, of people who may see everything and change nothing."""
    operators: TextList = ()
    """Groups or addresses of people who may also approve, retry, pause, and edit mappings."""
    admins: TextList = ()
    """Groups or addresses of people who may also create and delete directories and tokens."""


@dataclass(frozen=True, slots=True)
class Console:
    """The section ``[console]``. Without it the daemon serves no console."""

    listen: Listen = "127.0.0.1:8087"
    """Where the console listens."""
    public_url: Url = "http://127.0.0.1:8087"
    """What browsers use; without it: follows `listen`."""
    oidc: Oidc | None = None
    """Sign-in with OpenID Connect, in its own section. Without it: only by `calscim console link`, on loopback."""
    idle_timeout: Duration = 30 * 60.0
    """A session ends after this time without a request."""
    session_lifetime: Duration = 12 * 3600.0
    """A session ends after this time even if it is in use."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration. ``organizations``: the tables ``[[organization]]``; ``channels``: ``[[notify]]``."""

    database: Database
    scim: Scim = Scim()
    _: KW_ONLY
    tokens: Tokens = Tokens()
    ops: Ops = Ops()
    console: Console | None = None
    organizations: tuple[Organization, ...] = ()
    journal: Journal = Journal()
    reconcile: Reconcile = Reconcile()
    guards: Guards = Guards()
    log: Log = Log()
    channels: tuple[Notify, ...] = ()
