"""The kinds of values a key may have. Each says, where it refuses one, what to write instead."""

import base64
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from calscim.config.addresses import address
from calscim.config.model import Limit, Window
from calscim.config.windows import EXAMPLE, window

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"^(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|m|h|d)$")
_COUNT = re.compile(r"^\d{1,9}$")
_PERCENT = re.compile(r"^(?P<number>\d+(?:\.\d+)?)\s*%$")
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
_HOST = re.compile(r"^(\[[0-9a-fA-F:.%]+\]|[^\[\]:,/\s]+)?(:[1-9]\d{0,4})?$")
_DSN_CHOICES = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "target_session_attrs": (
        "any",
        "primary",
        "standby",
        "read-write",
        "read-only",
        "prefer-standby",
    ),
}
_YES = {"true", "yes", "on", "1"}
_NO = {"false", "no", "off", "0"}


class ValueRefusedError(ValueError):
    """A value that its key cannot have; the message completes "key: ..."."""


@dataclass(frozen=True, slots=True)
class Kind:
    """``read`` takes what TOML gave; ``from_variable`` makes that of an environment variable's text.

    ``read`` raises ValueRefusedError, or a ValueError in the same words.
    """

    read: Callable[[Any], Any]
    from_variable: Callable[[str], Any] = str


def _type_of(value: object) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list"}
    return names.get(type(value), "a table" if isinstance(value, dict) else type(value).__name__)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueRefusedError(f"is {_type_of(value)}: write text in quotes")
    if not value.strip():
        raise ValueRefusedError("is empty: write a value, or leave the key out")
    if "\0" in value or "\n" in value:
        raise ValueRefusedError("has a line break or a NUL in it: write it on one line")
    return value.strip()


def duration(value: object) -> float:
    """``"5m"``, ``"200ms"``, ``"90d"`` as seconds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueRefusedError(f'needs a unit: write "{value}s" for {value} seconds')
    found = _DURATION.match(_text(value))
    if found is None:
        raise ValueRefusedError(
            f'{value!r} is not a duration: write "200ms", "30s", "5m", "2h" or "90d"'
        )
    return float(found["number"]) * _UNITS[found["unit"]]


def _positive_duration(value: object) -> float:
    seconds = duration(value)
    if seconds <= 0:
        raise ValueRefusedError('has to be longer than nothing: write at least "1s"')
    return seconds


def _duration_or_off(value: object) -> float | None:
    """As a duration longer than nothing, or ``"off"`` for none."""
    return None if value == "off" else _positive_duration(value)


def limit(value: object) -> Limit:
    """``"N"``, ``"N%"``, ``"N or N%"`` in either order; a plain number is a count."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    count: int | None = None
    percent: float | None = None
    for part in (part.strip() for part in _text(value).split(" or ")):
        if _COUNT.match(part) and count is None:
            count = int(part)
        elif (found := _PERCENT.match(part)) and percent is None:
            percent = float(found["number"])
        else:
            raise ValueRefusedError(f'{value!r} is not a limit: write "5", "30%" or "5 or 30%"')
    if percent is not None and percent > 100:
        raise ValueRefusedError(f"is over 100% ({percent:g}%): write a percentage from 0 to 100")
    return Limit(count, percent)


def _limit_or_off(value: object) -> Limit | None:
    """As ``limit``, or ``"off"`` for none."""
    return None if value == "off" else limit(value)


def _share(value: object) -> float:
    """``"50%"`` as 0.5."""
    found = _PERCENT.match(_text(value))
    if found is None or not 0 < float(found["number"]) <= 100:
        raise ValueRefusedError(f'{value!r} is not a share: write "1%" to "100%"')
    return float(found["number"]) / 100


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueRefusedError(f"is {_type_of(value)}: write true or false")
    return value


def _boolean_variable(text: str) -> object:
    lower = text.strip().lower()
    return lower in _YES if lower in _YES | _NO else text


def at_least(lowest: int) -> Kind:
    """A whole number that is not below ``lowest``."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueRefusedError(f"is {_type_of(value)}: write a whole number without quotes")
        if not lowest <= value < 2**63:
            raise ValueRefusedError(f"is {value}: write a number of at least {lowest}")
        return value

    return Kind(read, lambda text: int(text) if re.match(r"^\s*-?\d{1,18}\s*$", text) else text)


# Requests a second that a limit must allow: Microsoft Entra ID asks SCIM servers for 25 a second and tenant, and the
# IPSIE profile for SCIM has the same number.
LOWEST_RATE = 25


def rate(value: object) -> int | None:
    """Requests a second; None for 0 or "off"."""
    if isinstance(value, str) and _COUNT.match(value.strip()):
        value = int(value)
    if value == "off" or (value == 0 and value is not False):
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueRefusedError(f"is {value!r}: write a whole number, or 0 for no limit")
    if not LOWEST_RATE <= value < 2**31:
        raise ValueRefusedError(
            f"is {value}: write at least {LOWEST_RATE}, which Microsoft Entra ID and the IPSIE profile "
            "ask for, or 0 for no limit"
        )
    return value


def one_of(*choices: str) -> Kind:
    """One of these words."""

    def read(value: object) -> str:
        if _text(value) not in choices:
            raise ValueRefusedError(f"{value!r} is not known: write one of {', '.join(choices)}")
        return _text(value)

    return Kind(read)


def list_of(item: Callable[[str], str], example: str) -> Kind:
    """A list of texts; a variable separates them with commas."""

    def read(value: object) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise ValueRefusedError(f'is {_type_of(value)}: write a list, as in ["{example}"]')
        return tuple(item(_text(entry)) for entry in value)

    return Kind(read, lambda text: [part.strip() for part in text.split(",") if part.strip()])


def _windows(value: object) -> tuple[Window, ...]:
    if not isinstance(value, list):
        raise ValueRefusedError(f'is {_type_of(value)}: write a list, as in ["{EXAMPLE}"]')
    return tuple(window(_text(entry)) for entry in value)


def _listen(value: object) -> str:
    return str(address(_text(value)))


def _url(value: object) -> str:
    text = _text(value).rstrip("/")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueRefusedError(f'{value!r} is not a URL: write "https://host[:port]"') from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise ValueRefusedError(
            f'{value!r} is not a URL: write it in full, as in "https://host[:port]"'
        )
    if parts.username or parts.password:
        raise ValueRefusedError("has a user or a password in it: leave them out")
    if parts.query or parts.fragment or "?" in text or "#" in text or " " in text:
        raise ValueRefusedError(
            f"{value!r} goes on after the path: leave out everything from ? or #"
        )
    return text


def _hook(value: object) -> str:
    """A URL that is posted to. There may be a secret in it: it is never quoted."""
    text = _text(value)
    try:
        parts = urlsplit(text)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or parts.fragment or " " in text:
        raise ValueRefusedError('is not a URL: write "https://host/path", what is secret after a ?')
    if parts.username or parts.password:
        raise ValueRefusedError("has a user or a password in it: put what is secret after a ?")
    return text


def _api_url(value: object) -> str:
    text = _url(value)
    if text.endswith(("/v2", "/v1", "/api")):
        raise ValueRefusedError(
            f'{value!r} names a version: calls go to {{api_url}}/v2/..., write "{text[: text.rindex("/")]}"'
        )
    return text


def _dsn(value: object) -> str:
    """What a DSN holds is never quoted in a message: there may be a password in it."""
    text = _text(value)
    if not text.startswith(("postgresql://", "postgres://")):
        raise ValueRefusedError('is not a DSN: write "postgresql://user@host/database"')
    try:
        parts = urlsplit(text)
        query = parse_qs(parts.query, strict_parsing=bool(parts.query))
    except ValueError:
        raise ValueRefusedError(
            "is not a DSN: write / @ : ? # [ ] within a user or a password as %2F %40 %3A %3F %23 %5B %5D"
        ) from None
    for host in filter(None, parts.netloc.rpartition("@")[2].split(",")):
        if not _HOST.match(host):
            raise ValueRefusedError(
                'names a host that is none: write host or host:port, as in "db:5432"'
            )
    for key, choices in _DSN_CHOICES.items():
        if key in query and query[key][-1] not in choices:
            raise ValueRefusedError(
                f"has another {key} than there is: write one of {', '.join(choices)}"
            )
    return text


def is_secret(written: object) -> bool:
    """Return False for a DSN without a password: it names a role, which is no secret."""
    if not isinstance(written, str) or not written.startswith(("postgresql://", "postgres://")):
        return True
    try:
        parts = urlsplit(written)
        return parts.password is not None or "password" in parse_qs(parts.query)
    except ValueError:
        return True


def _key(value: object) -> bytes:
    """32 random bytes, in base64 or as 64 hexadecimal digits. What was written is never quoted."""
    text = _text(value)
    try:
        raw = bytes.fromhex(text) if len(text) == 64 else base64.b64decode(text, validate=True)
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise ValueRefusedError(
            "is no key: write 32 random bytes in base64, as `calscim journal key` prints them"
        )
    return raw


def _keys(value: object) -> tuple[bytes, ...]:
    if not isinstance(value, list):
        raise ValueRefusedError(
            f"is {_type_of(value)}: write a list of keys, or their files in old_key_files"
        )
    return tuple(map(_key, value))


def _email(text: str) -> str:
    if text.count("@") != 1 or text.startswith("@") or text.endswith("@") or " " in text:
        raise ValueRefusedError(f"{text!r} is not an e-mail address: write it as name@company.com")
    return text


def _network(text: str) -> str:
    if text.lower() == "unix":
        return "unix"
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueRefusedError(
            f'{text!r} is not an address: write an IP address as "127.0.0.1", a network as "10.0.0.0/8", '
            'or "unix" for a proxy that connects by a Unix socket'
        ) from None
    return text


def _name(value: object) -> str:
    if not _NAME.match(_text(value)):
        raise ValueRefusedError(
            f"{value!r} cannot be a name: use letters, digits, '.', '_' and '-'"
        )
    return _text(value)


def _tables(value: object) -> list[Any]:
    """Only whether they are tables; what is in them is the loader's to read."""
    if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
        raise ValueRefusedError(
            f"is {_type_of(value)}: write tables into the file, [[organization.attributes]] in double brackets"
        )
    return value


TEXT = Kind(_text)
NAME = Kind(_name)
PATH = Kind(_text)  # made absolute by the loader, who knows what it is relative to
BOOLEAN = Kind(_boolean, _boolean_variable)
DURATION = Kind(_positive_duration)
DURATION_OR_OFF = Kind(_duration_or_off)
PAUSE = Kind(duration)  # may be nothing
LIMIT = Kind(limit)
LIMIT_OR_OFF = Kind(_limit_or_off)
RATE = Kind(rate)
SHARE = Kind(_share)
LISTEN = Kind(_listen)
URL = Kind(_url)
API_URL = Kind(_api_url)
HOOK = Kind(_hook)
DSN = Kind(_dsn)
KEY = Kind(_key)
FILES = list_of(str, "old.key")
KEYS = Kind(_keys, FILES.from_variable)
TABLES = Kind(_tables)
EMAILS = list_of(_email, "ceo@acme.com")
NETWORKS = list_of(_network, "127.0.0.1")
# A variable separates windows with semicolons, as there are commas between days.
WINDOWS = Kind(_windows, lambda text: [part.strip() for part in text.split(";") if part.strip()])
