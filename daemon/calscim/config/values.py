"""Types of keys about addresses, files and secrets. A message never quotes a secret."""

import base64
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs, urlsplit

from pydantic import PlainValidator

from calscim.config.addresses import address
from calscim.config.notify_events import Event
from calscim.option_types import at_least, listed, member_of, one_of, text, whole

_HOST = re.compile(r"^(\[[0-9a-fA-F:.%]+\]|[^\[\]:,/\s]+)?(:[1-9]\d{0,4})?$")
_DSN_CHOICES = {
    "sslmode": "disable, allow, prefer, require, verify-ca, verify-full",
    "target_session_attrs": "any, primary, standby, read-write, read-only, prefer-standby",
}
# Requests a second that a limit must allow: Microsoft Entra ID asks SCIM servers for 25 a second and tenant, and the
# IPSIE profile for SCIM has the same number.
LOWEST_RATE = 25


class Place(Enum):
    """Where the value of a key is, if not only in the configuration itself."""

    SECRET = "secret"  # noqa: S105 - in a file that <key>_file names
    SECRETS = "secrets"  # each in a file of the list <key, singular>_files
    FILE = "file"  # the value is the path of a file
    PRIVATE_FILE = "private file"  # and the file must not be read by others


@dataclass(frozen=True, slots=True)
class DeniedFile:
    """A secret in a file that the user of this process may not open. ``reason``: what is wrong, and what to do."""

    reason: str


class _DeniedError(ValueError):
    """The user of this process may not open a file."""


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A path as written. ``folder``: the configuration's; ``credentials``: $CREDENTIALS_DIRECTORY."""

    written: object
    folder: Path
    credentials: Path | None

    def beside(self) -> Path:
        """Return the path, relative to the configuration's folder."""
        return self.folder / Path(text(self.written)).expanduser()

    def located(self) -> Path:
        """Return the path below the credentials if that file exists, else the path below the configuration's folder.

        Credentials that systemd loads from a folder have flat names (systemd.exec(5)): with
        ``LoadCredential=credentials:/etc/calscim/credentials``, ``credentials/acme.key`` is ``credentials_acme.key``.
        """
        path = Path(text(self.written)).expanduser()
        if self.credentials:
            for name in (path, "_".join(path.parts)):
                if (self.credentials / name).exists():
                    return self.credentials / name
        return self.folder / path

    def readable(self) -> Path:
        """Return the located path; raise ValueError if the file cannot be read."""
        path = self.located()
        try:
            path.open("rb").close()
        except OSError as error:
            raise _unreadable(error) from None
        return path

    def secret(self) -> str:
        """Return the file's only word; raise ValueError if there is none, or more than one."""
        if not isinstance(self.written, str) or not self.written:
            raise ValueError("names no file: write the path of a file in quotes")
        path = self.located()
        try:
            content = path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise _unreadable(error) from None
        except UnicodeDecodeError:
            message = f"{path} is not UTF-8 text: write only the secret into it"
            raise ValueError(message) from None
        if not content:
            raise ValueError(f"{path} is empty: write the secret into it")
        if len(content.split()) > 1:
            raise ValueError(f"{path} contains more than one word: write only the secret into it")
        return content


def _unreadable(error: OSError) -> ValueError:
    family = _DeniedError if isinstance(error, PermissionError) else ValueError
    return family(
        f"{error.filename} cannot be read ({error.strerror}): correct the path, "
        "or let the user that calscim runs as read it"
    )


def _secret(read: Callable[[object], Any]) -> PlainValidator:
    """Return a validator that reads the value from the named file, if there is one."""
    return PlainValidator(
        lambda value: read(value.secret() if isinstance(value, NamedFile) else value)
    )


def _owner_dsn(value: object) -> str | DeniedFile:
    """Return the DSN. The daemon needs no right to read it: only verbs that run as the owner of the tables do."""
    try:
        return _dsn(value.secret() if isinstance(value, NamedFile) else value)
    except _DeniedError as error:
        return DeniedFile(str(error))


def rate(value: object) -> int | None:
    """Return the requests a second, None for 0 or "off"; raise ValueError for a rate that is too low."""
    value = whole(value)
    if value == "off" or (value == 0 and value is not False):
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"is {value!r}: write a whole number, or 0 for no limit")
    if not LOWEST_RATE <= value < 2**31:
        raise ValueError(
            f"is {value}: write at least {LOWEST_RATE}, which Microsoft Entra ID and the IPSIE profile "
            "ask for, or 0 for no limit"
        )
    return value


def _listen(value: object) -> str:
    return str(address(text(value)))


def _url(value: object) -> str:
    url = text(value).rstrip("/")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(f'{value!r} is not a URL: write "https://host[:port]"') from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise ValueError(f'{value!r} is not a URL: write it in full, as in "https://host[:port]"')
    if parts.username or parts.password:
        raise ValueError("contains a user or a password: leave them out")
    if parts.query or parts.fragment or "?" in url or "#" in url or " " in url:
        raise ValueError(f"{value!r} continues after the path: leave out everything from ? or #")
    return url


def _api_url(value: object) -> str:
    url = _url(value)
    if url.endswith(("/v2", "/v1", "/api")):
        raise ValueError(
            f'{value!r} contains a version: calscim calls {{api_url}}/v2/..., write "{url[: url.rindex("/")]}"'
        )
    return url


def _hook(value: object) -> str:
    """Return a URL to post to. It may contain a secret."""
    url = text(value)
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url or parts.fragment or " " in url:
        raise ValueError('is not a URL: write "https://host/path", with the secret after a ?')
    if parts.username or parts.password:
        raise ValueError("contains a user or a password: put the secret after a ?")
    return url


def _dsn(value: object) -> str:
    dsn = text(value)
    if not dsn.startswith(("postgresql://", "postgres://")):
        raise ValueError('is not a DSN: write "postgresql://user@host/database"')
    try:
        parts = urlsplit(dsn)
        query = parse_qs(parts.query, strict_parsing=bool(parts.query))
    except ValueError:
        raise ValueError(
            "is not a DSN: write / @ : ? # [ ] in a user or a password as %2F %40 %3A %3F %23 %5B %5D"
        ) from None
    if not all(map(_HOST.match, parts.netloc.rpartition("@")[2].split(","))):
        raise ValueError('has an invalid host: write host or host:port, as in "db:5432"')
    for key, choices in _DSN_CHOICES.items():
        if key in query and query[key][-1] not in choices.split(", "):
            raise ValueError(f"has an unknown {key}: write one of {choices}")
    return dsn


def is_secret(written: object) -> bool:
    """Return False for a DSN without a password, which is not a secret."""
    if not isinstance(written, str) or not written.startswith(("postgresql://", "postgres://")):
        return True
    try:
        parts = urlsplit(written)
        return parts.password is not None or "password" in parse_qs(parts.query)
    except ValueError:
        return True


def _key(value: object) -> bytes:
    """Return 32 random bytes, written in base64 or as 64 hexadecimal digits."""
    written = text(value)
    try:
        is_hex = len(written) == 64
        key = bytes.fromhex(written) if is_hex else base64.b64decode(written, validate=True)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise ValueError(
            "is not a key: write 32 random bytes in base64, as `calscim journal key` prints them"
        )
    return key


def _network(value: object) -> str:
    written = text(value)
    if written.lower() == "unix":
        return "unix"
    try:
        ipaddress.ip_network(written, strict=False)
    except ValueError:
        raise ValueError(
            f'{written!r} is not an address: write an IP address as "127.0.0.1", a network as "10.0.0.0/8", '
            'or "unix" for a proxy that connects by a Unix socket'
        ) from None
    return written


def _notify_url(value: object) -> str:
    """Return a URL that Apprise knows. It contains a secret."""
    from calscim.config.apprise_urls import is_supported  # noqa: PLC0415 - loads Apprise, which takes 0.3 s

    url = text(value)
    if not is_supported(url):
        raise ValueError(
            "is not a URL that Apprise knows: write one as https://github.com/caronc/apprise/wiki describes, "
            'or webhook = "https://..." for a program of your own'
        )
    return url


def _signing_key(value: object) -> str:
    """Return a secret of Standard Webhooks: whsec_ and 16 to 64 bytes in base64."""
    written = text(value)
    try:
        key = base64.b64decode(written.removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if not 16 <= len(key) <= 64:  # the specification recommends 24 at least
        raise ValueError(
            'is not a signing key: write "whsec_" and 32 random bytes in base64, '
            'as in `echo "whsec_$(openssl rand -base64 32)"`'
        )
    return written


Bytes = Annotated[int, at_least(1024)]
"""whole number, at least 1024"""
Rate = Annotated[int | None, PlainValidator(rate)]
"""whole number or 0"""
LogLevel = Annotated[str, one_of("debug", "info", "warning", "error")]
""""debug", "info", "warning" or "error\""""
LogFormat = Annotated[str, one_of("auto", "json", "console")]
""""auto", "json" or "console\""""
Listen = Annotated[str, PlainValidator(_listen)]
"""`host:port`, `unix:/path`, or `systemd` for socket activation"""
Url = Annotated[str, PlainValidator(_url)]
"""URL"""
ApiUrl = Annotated[str, PlainValidator(_api_url)]
"""URL without a version"""
Networks = Annotated[tuple[Annotated[str, PlainValidator(_network)], ...], listed("127.0.0.1")]
"""list of IP addresses, networks, or "unix\""""
FileToWrite = Annotated[Path, PlainValidator(NamedFile.beside), Place.FILE]
"""path"""
FileToRead = Annotated[Path, PlainValidator(NamedFile.readable), Place.FILE]
"""path of a file"""
PrivateFile = Annotated[Path, PlainValidator(NamedFile.readable), Place.PRIVATE_FILE]
"""path of a file that others must not read"""
TextList = Annotated[tuple[Annotated[str, PlainValidator(text)], ...], listed("Everyone")]
"""list of texts"""
SecretText = Annotated[str, _secret(text), Place.SECRET]
"""text"""
SecretDsn = Annotated[str, _secret(_dsn), Place.SECRET]
"""DSN, `postgresql://user@host/database`"""
SecretOwnerDsn = Annotated[str | DeniedFile, PlainValidator(_owner_dsn), Place.SECRET]
"""DSN, `postgresql://user@host/database`"""
SecretHook = Annotated[str, _secret(_hook), Place.SECRET]
"""URL"""
SecretNotifyUrl = Annotated[str, _secret(_notify_url), Place.SECRET]
"""Apprise URL"""
SecretSigningKey = Annotated[str, _secret(_signing_key), Place.SECRET]
"""key: `whsec_` and 16 to 64 bytes in base64"""
NotifyEvents = Annotated[tuple[Annotated[Event, member_of(Event)], ...], listed("hold")]
"""list of events"""
SecretKey = Annotated[bytes, _secret(_key), Place.SECRET]
"""key: 32 bytes in base64 or as 64 hexadecimal digits"""
SecretKeys = Annotated[
    tuple[Annotated[bytes, _secret(_key)], ...], listed("old.key"), Place.SECRETS
]
"""list of keys"""
