"""Certificates: the one that calscim serves, and those that its URLs show."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from cryptography import x509

from calscim.admin.doctor.finding import Finding, failed, ok, warning
from calscim.config import Settings

SOON = timedelta(days=14)
_TIMEOUT = 10.0  # seconds


def examine_own_certificate(settings: Settings, now: datetime) -> Iterator[Finding]:
    """Yield findings about the certificate in ``scim.tls_certificate_file``."""
    path = settings.scim.tls_certificate_file
    if path is None:
        return
    what = "certificate"
    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        yield failed(what, f"{path} cannot be read: {error}", "write a PEM certificate into it")
        return
    yield _expiry(what, str(path), found, now, "renew it, then `systemctl reload calscim`")
    host = urlsplit(settings.scim.public_url).hostname or ""
    if not _covers(found, host):
        yield failed(
            what,
            f"{path} is not for {host}, the host of scim.public_url",
            "get a certificate for that host, or correct scim.public_url",
        )


def _expiry(what: str, name: str, found: x509.Certificate, now: datetime, then: str) -> Finding:
    ends = found.not_valid_after_utc
    if ends <= now:
        return failed(what, f"{name} expired on {ends:%Y-%m-%d}", then)
    if ends - now < SOON:
        return warning(what, f"{name} expires on {ends:%Y-%m-%d}", then)
    return ok(what, f"{name} is valid until {ends:%Y-%m-%d}")


def _covers(found: x509.Certificate, host: str) -> bool:
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    given = [name.casefold() for name in names.get_values_for_type(x509.DNSName)]
    given += [str(one) for one in names.get_values_for_type(x509.IPAddress)]
    parent = host.casefold().partition(".")[2]
    return host.casefold() in given or (bool(parent) and f"*.{parent}" in given)


async def examine_tls(urls: dict[str, str], now: datetime) -> AsyncIterator[Finding]:
    """Yield findings about the certificates that URLs show. ``urls``: by the key of the configuration."""
    for key, url in urls.items():
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname:
            continue
        what = f"TLS of {key}"
        try:
            found = await _shown(parts.hostname, parts.port or 443)
        except ssl.SSLCertVerificationError as error:
            yield failed(
                what,
                f"the certificate of {parts.netloc} is not accepted: {error.verify_message}",
                "let the server send the whole chain, for this host name, from a public authority",
            )
        except (OSError, TimeoutError) as error:
            reason = str(error) or "no answer"
            yield failed(
                what,
                f"{parts.netloc} cannot be reached: {reason}",
                f"correct {key}, or open the network",
            )
        else:
            yield _expiry(what, parts.netloc, found, now, "renew it where TLS ends")


async def _shown(host: str, port: int) -> x509.Certificate:
    async with asyncio.timeout(_TIMEOUT):
        _, writer = await asyncio.open_connection(host, port, ssl=ssl.create_default_context())
        try:
            shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            return x509.load_der_x509_certificate(shown)
        finally:
            writer.close()
