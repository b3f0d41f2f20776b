"""Finds values that are valid alone and contradict each other, in the tables before they become settings."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import fields
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from calscim.config.addresses import (
    Address,
    Inherited,
    Tcp,
    address,
    is_for_a_proxy,
    is_local,
    url_of,
)
from calscim.config.model import Console, Ops, Organization, Scim
from calscim.config.sources import Table, label, name_of, spelled
from calscim.names import attribute_key

Contradiction: TypeAlias = tuple[str, str]  # a key, and what to write instead


def contradictions(tables: Mapping[str, Any]) -> Iterator[Contradiction]:
    """Yield each contradiction within a section, between sections and between organizations."""
    yield from _database(tables.get("database", {}))
    yield from _certificate(tables.get("scim", {}))
    yield from _listeners(tables)
    if "console" in tables:
        yield from _console(tables["console"])
    organizations = tables.get("organizations", [])
    yield from _names([name for row in organizations if (name := name_of(row))])
    yield from _targets(organizations)
    for number, row in enumerate(organizations):
        at = ("organizations", number, "attributes")
        yield from _attributes(row.get("attributes"), label(at, tables))
    channels = tables.get("channels", [])
    yield from _repeated("notify", [name for row in channels if (name := name_of(row))])
    for number, row in enumerate(channels):
        yield from _channel(row, label(("channels", number), tables))


def public_url(listener: Table) -> str | None:
    """Return the URL of the listener if the table has no public_url, or None if the listener does not tell one."""
    with suppress(ValueError):
        scheme = "https" if "tls_certificate_file" in listener else "http"
        if "public_url" not in listener and isinstance(listener.get("listen"), str):
            return url_of(listener["listen"].strip(), scheme)
    return None


def _database(table: Table) -> Iterator[Contradiction]:
    if "dsn" in table and "embedded" in table:
        yield "database.dsn", "and embedded are both given: leave one of them out"
    for key in ("migration_dsn", "operator_dsn", "listen_dsn"):
        if "embedded" in table and key in table:
            yield f"database.{key}", "has no effect with embedded: leave it out"
    if "dsn" not in table and "embedded" not in table:
        yield (
            "database.dsn",
            (
                'is missing: write dsn = "postgresql://user@host/database", '
                'or embedded = "./var/postgres" for the bundled Postgres'
            ),
        )


def _certificate(table: Table) -> Iterator[Contradiction]:
    if "tls_certificate_file" in table and "tls_key_file" not in table:
        yield "scim.tls_key_file", "is missing: tls_certificate_file needs its key"
    if "tls_key_file" in table and "tls_certificate_file" not in table:
        yield "scim.tls_certificate_file", "is missing: tls_key_file needs its certificate"


def _listeners(tables: Mapping[str, Any]) -> Iterator[Contradiction]:
    defaults = {"scim": Scim().listen, "ops": Ops().listen}
    if "console" in tables:
        defaults["console"] = Console().listen
    taken: dict[Address, str] = {}
    for section, default in defaults.items():
        with suppress(ValueError):
            at = address(str(tables.get(section, {}).get("listen", default)).strip())
            if isinstance(at, Inherited) or (isinstance(at, Tcp) and at.port == 0):
                continue
            first = taken.setdefault(at, section)
            if first != section:
                yield (
                    f"{section}.listen",
                    f"is the same as {first}.listen ({at}): give it another port",
                )


def _console(table: Table) -> Iterator[Contradiction]:
    written, url = str(table.get("listen", Console().listen)).strip(), table.get("public_url")
    with suppress(ValueError):
        at = address(written)
        if "oidc" not in table and isinstance(at, Tcp) and not is_for_a_proxy(written):
            yield (
                "console.listen",
                "lets other machines connect, and there is no [console.oidc] for them to sign in with: "
                "listen on 127.0.0.1 or unix:/path, or write [console.oidc]",
            )
        if url is None and url_of(written, "http") is None:
            yield (
                "console.public_url",
                f'is missing: {written} does not tell what browsers use, write "https://host"',
            )
    with suppress(ValueError):
        parts = urlsplit(str(url))
        if parts.scheme == "http" and parts.hostname and not is_local(parts.hostname):
            yield (
                "console.public_url",
                "starts with http://, so that browsers would send sessions in plain text: "
                "serve HTTPS with a proxy and write https://",
            )
        if url is not None and parts.path.strip("/"):
            yield (
                "console.public_url",
                "has a path: give the console its own host or port, as in https://calscim.example.com",
            )
    oidc = table.get("oidc", {"admins": []})
    if not any(role in oidc for role in ("viewers", "operators", "admins")):
        yield (
            "console.oidc.admins",
            'is missing, as are viewers and operators, so that no one could sign in: write admins = ["a group"]',
        )


def _channel(table: Table, at: str) -> Iterator[Contradiction]:
    if "url" in table and "webhook" in table:
        yield f"{at}.url", "and webhook are both given: leave one of them out"
    if "url" not in table and "webhook" not in table:
        yield (
            f"{at}.url",
            'is missing: write url_file = "..." (an Apprise URL), or webhook = "https://..."',
        )
    if "webhook" in table and "secret" not in table:
        yield (
            f"{at}.secret",
            'is missing: write secret_file = "...", the key that signs the posts to webhook',
        )
    if "secret" in table and "webhook" not in table:
        yield f"{at}.secret", "has no effect without webhook: leave it out"
    if "feed" in table and "url" in table and "webhook" not in table:
        yield f"{at}.feed", "needs a webhook: the change feed is for programs, leave it out"


def _repeated(section: str, names: list[str]) -> Iterator[Contradiction]:
    for name, count in Counter(names).items():
        if count > 1:
            message = f"occurs {count} times: give each {section} its own name"
            yield f"{section}.{name}", message


def _names(names: list[str]) -> Iterator[Contradiction]:
    yield from _repeated("organization", names)
    spellings: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        spellings.setdefault(spelled(name), []).append(name)
    for spelling, same in spellings.items():
        if len(same) > 1:
            message = f"{' and '.join(same)} are both {spelling} as variables: rename one"
            yield f"organization.{same[1]}", message


def _targets(organizations: list[Table]) -> Iterator[Contradiction]:
    default = next(one.default for one in fields(Organization) if one.name == "api_url")
    seen: dict[tuple[str, str], str] = {}
    for row in organizations:
        api_url = str(row.get("api_url", default)).rstrip("/")
        if "organization_id" not in row:
            continue
        name = name_of(row)
        first = seen.setdefault((api_url, str(row["organization_id"])), name)
        if first != name:
            yield (
                f"organization.{name}.organization_id",
                f"is also the id of {first}: both would undo each other's work, leave one out",
            )


def _attributes(rows: Any, at: str) -> Iterator[Contradiction]:
    names = (
        [row.get("to") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    )
    counts = Counter(attribute_key(name) for name in names if isinstance(name, str) and name)
    for target, count in counts.items():
        if count > 1:
            message = f"has {count} rows to {target}: leave one of them"
            yield at, message
