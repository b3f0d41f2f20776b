"""Directories and tokens as operators see them, in the terminal and with ``--json``."""

from dataclasses import asdict, dataclass, field
from datetime import datetime

from calscim.admin.as_json import OPTIONAL
from calscim.admin.directories import Directory
from calscim.admin.tokens import TokenScope
from calscim.config import Settings
from calscim.directory.rates import NONE


def base_url(settings: Settings, directory: str) -> str:
    """Return the URL that the identity provider is given for the directory with that id."""
    return f"{settings.scim.public_url}/scim/v2/{directory}"


@dataclass(frozen=True, slots=True)
class CreatedDirectory:
    """A new directory with its first token. The token is shown only once."""

    id: str
    name: str
    organization: str
    provider: str
    base_url: str
    token: str


@dataclass(frozen=True, slots=True)
class DirectoryView:
    """A directory. ``requests_per_second``: its own limit; None: the configured one; "off": no limit."""

    id: str
    name: str
    organization: str
    provider: str
    base_url: str
    created_at: datetime
    paused: bool
    paused_until: datetime | None
    paused_reason: str | None
    users: int
    groups: int
    journal_seq: int
    requests_per_second: int | str | None


def directory_view(settings: Settings, directory: Directory) -> DirectoryView:
    """Return the directory as operators see it."""
    return DirectoryView(
        **{
            **asdict(directory),
            "requests_per_second": rate_shown(directory.requests_per_second),
        },
        base_url=base_url(settings, directory.id),
    )


def rate_shown(stored: int | None) -> int | str | None:
    """Return a directory's own limit as operators write it; None if it has no own limit."""
    return "off" if stored == NONE else stored


@dataclass(frozen=True, slots=True)
class DirectoryRate:
    """A directory's own limit. ``requests_per_second``: as in DirectoryView. ``saved``: False for a preview."""

    id: str
    name: str
    requests_per_second: int | str | None
    saved: bool


@dataclass(frozen=True, slots=True)
class DeletedDirectory:
    """A directory that is deleted, with the number of its tokens that were revoked."""

    id: str
    name: str
    deleted: bool = field(default=True, kw_only=True)
    tokens_revoked: int


@dataclass(frozen=True, slots=True)
class CreatedToken:
    """A new token, and the token that it replaces. The token is shown only once."""

    id: int
    name: str
    directory: str | None
    scope: TokenScope
    expires_at: datetime | None
    token: str
    replaces: int | None = field(default=None, metadata=OPTIONAL)
    replaced_expires_at: datetime | None = field(default=None, metadata=OPTIONAL)


@dataclass(frozen=True, slots=True)
class RotationPreview:
    """What a rotation would do: the token that it would replace, and when that token would end."""

    directory: str | None
    replaces: int
    replaced_expires_at: datetime


@dataclass(frozen=True, slots=True)
class RevokedToken:
    """A token that is revoked."""

    id: int
    name: str
    directory: str | None
    revoked: bool = True
