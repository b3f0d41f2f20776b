"""Finds configuration that works but is dangerous: secrets and traffic that others can read.

Each hazard names the fix. ``calscim check`` warns of hazards, ``calscim serve`` logs them, and ``--strict`` refuses
them. A new key for a secret, a listener or a URL belongs in this module.
"""

import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from calscim.config.addresses import Inherited, Tcp, address, is_for_a_proxy, is_local
from calscim.config.model import Scim, Settings
from calscim.errors import Problem

# Users other than the owner and the group, which is the service's, could read or replace the secret.
_OTHERS = stat.S_IROTH | stat.S_IWOTH
# libpq falls back to plain text in all other modes.
_ENCRYPTED = frozenset({"require", "verify-ca", "verify-full"})

UNTRUSTED = (
    "only programs on this machine can connect, and scim.trusted_proxies is empty: behind a reverse proxy "
    "all clients have the proxy's address in the journal, and share one limit on failed attempts; name the proxy, "
    'as in trusted_proxies = ["127.0.0.1", "::1"] or ["unix"]'
)


def hides_clients(scim: Scim) -> bool:
    """Return True if a proxy has to stand in front of the listener, and none is trusted."""
    return is_for_a_proxy(scim.listen) and not scim.trusted_proxies


def hazards(
    settings: Settings,
    secret_files: Iterable[Path],
    environ: Mapping[str, str],
    inherited: Mapping[str, str] | None = None,
) -> list[Problem]:
    """Return every hazard, in the order of the configuration.

    ``secret_files``: the files that secrets were read from. ``inherited``: the addresses of the sockets that systemd
    handed over, by listener; a listener on any other socket of systemd is not checked.
    """
    bound = inherited or {}
    return [
        *_exposed_files(secret_files),
        *_postgres(settings, environ),
        *_listeners(settings, bound),
        *_urls(settings),
    ]


# ---------------------------------------------------------------- secrets in files


def _exposed_files(paths: Iterable[Path]) -> Iterator[Problem]:
    for path in dict.fromkeys(paths):
        if is_exposed(path):
            yield Problem(
                str(path),
                "contains a secret and is open to every user of this machine: "
                f"`chmod o= {path}`, and let the service's group read it",
            )


def is_exposed(path: Path) -> bool:
    """Return True if users other than the owner and the group can open the file or change its content."""
    try:
        target = path.resolve()
        if not target.stat().st_mode & _OTHERS:
            return False
        return all(folder.stat().st_mode & stat.S_IXOTH for folder in target.parents)
    except OSError:  # the file is gone, or in a folder that this user cannot enter
        return False


# ---------------------------------------------------------------- traffic


def _postgres(settings: Settings, environ: Mapping[str, str]) -> Iterator[Problem]:
    database = settings.database
    dsns = {
        "dsn": database.dsn,
        "migration_dsn": database.migration_dsn,
        "operator_dsn": database.operator_dsn,
        "listen_dsn": database.listen_dsn,
    }
    for key, dsn in dsns.items():
        if isinstance(dsn, str) and (host := _plain_text_host(dsn, environ)) is not None:
            yield Problem(
                f"database.{key}",
                f"reaches Postgres on {host} without requiring TLS: add ?sslmode=verify-full "
                "(and sslrootcert=/path/of/the/ca.crt) to the DSN",
            )


def _plain_text_host(dsn: str, environ: Mapping[str, str]) -> str | None:
    """Return the first host on another machine whose connection may be plain text."""
    parts = urlsplit(dsn)
    query = parse_qs(parts.query)
    mode = query.get("sslmode", [environ.get("PGSSLMODE", "prefer")])[-1]
    if mode in _ENCRYPTED:
        return None
    hosts_in_url = [_host(one) for one in parts.netloc.rpartition("@")[2].split(",")]
    listed = ",".join(query.get("host", [])) or environ.get("PGHOST", "")
    hosts = [host for host in hosts_in_url if host] or [
        _host(one) for one in listed.split(",") if one
    ]
    return next((host for host in hosts if not is_local(host)), None)


def _host(text: str) -> str:
    """Return the host of ``host:port`` or ``[address]:port``, or the folder of a socket."""
    text = unquote(text)
    if text.startswith("/"):
        return text
    return text[1:].partition("]")[0] if text.startswith("[") else text.partition(":")[0]


def _listeners(settings: Settings, inherited: Mapping[str, str]) -> Iterator[Problem]:
    scim = _public(settings.scim.listen, inherited.get("scim"))
    if scim is not None and settings.scim.tls_certificate_file is None:
        yield Problem(
            "scim.listen",
            f"serves tokens and personal data on {scim} without TLS: set scim.tls_certificate_file and "
            "scim.tls_key_file, or listen on 127.0.0.1 or a Unix socket behind a proxy that has TLS",
        )
    if (console := settings.console) is not None:
        at = _public(console.listen, inherited.get("console"))
        if at is not None:
            yield Problem(
                "console.listen",
                f"serves the console on {at} without TLS: listen on 127.0.0.1 or a Unix socket behind a proxy that "
                "has TLS",
            )
    ops = _public(settings.ops.listen, inherited.get("ops"))
    if ops is not None:
        yield Problem(
            "ops.listen",
            f"answers without authentication on {ops}: listen on 127.0.0.1 or a Unix socket",
        )


def _public(listen: str, inherited: str | None) -> str | None:
    """Return the address if other machines can reach it."""
    at = address(listen)
    if isinstance(at, Inherited) and inherited is not None:
        at = address(inherited)
    return str(at) if isinstance(at, Tcp) and not is_local(at.host) else None


def _urls(settings: Settings) -> Iterator[Problem]:
    if _is_plain_http(settings.scim.public_url):
        yield Problem(
            "scim.public_url",
            "starts with http://, so that the identity provider sends its token in plain text: "
            "serve HTTPS (scim.tls_certificate_file, or a proxy) and write https://",
        )
    if settings.journal.checkpoint_url is not None and _is_plain_http(
        settings.journal.checkpoint_url
    ):
        yield Problem(
            "journal.checkpoint_url",
            "starts with http://, so that others can read and change checkpoints in transit: write https://",
        )
    for organization in settings.organizations:
        if _is_plain_http(organization.api_url):
            yield Problem(
                f"organization.{organization.name}.api_url",
                "starts with http://, so that calscim sends Cal.com's API key in plain text: write https://",
            )


def _is_plain_http(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_local(parts.hostname or "")
