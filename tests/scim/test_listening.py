"""SCIM over TLS and over a Unix socket, through the daemon's own listeners."""

import datetime as dt
import ipaddress
import os
import ssl
import stat
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from prometheus_client import CollectorRegistry

from calscim.app.listeners import bound, listen, load_certificate, tls_context
from calscim.clock import SystemClock
from calscim.config import Scim
from calscim.errors import ConfigError
from calscim.scim.metrics import Metrics
from calscim.scim.server import app


def certified(folder, name):
    """Create a self-signed certificate for loopback and its key, as PEM files."""
    folder.mkdir(exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    loopback = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(loopback, critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, private


@asynccontextmanager
async def listening(provider, address, tls=None, **settings):
    made = app(provider.db, Scim(**settings), SystemClock(), Metrics(CollectorRegistry()))
    runner = web.AppRunner(made)
    await runner.setup()
    try:
        yield bound(await listen(runner, address, name="scim", tls=tls))
    finally:
        await runner.cleanup()


def trusting(certificate):
    return aiohttp.TCPConnector(
        ssl=ssl.create_default_context(cafile=str(certificate)), force_close=True
    )


async def status_of(provider, base, connector, **more):
    async with aiohttp.ClientSession(connector=connector) as session:
        behind = replace(provider, session=session, base=f"{base}/scim/v2/{provider.directory.id}")
        return (await behind("GET", "/Users", **more)).status


async def test_scim_is_served_over_tls_where_a_certificate_is_set(provider, tmp_path):
    certificate, key = certified(tmp_path, "first")

    async with listening(provider, "127.0.0.1:0", tls_context(certificate, key)) as address:
        assert await status_of(provider, f"https://{address}", trusting(certificate)) == 200
        with pytest.raises(aiohttp.ClientError):
            await status_of(provider, f"http://{address}", aiohttp.TCPConnector())


async def test_without_a_certificate_there_is_no_tls(provider):
    assert tls_context(None, None) is None

    async with listening(provider, "127.0.0.1:0") as address:
        assert await status_of(provider, f"http://{address}", aiohttp.TCPConnector()) == 200


async def test_old_versions_of_tls_are_refused(tmp_path):
    context = tls_context(*certified(tmp_path, "first"))

    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


async def test_a_renewed_certificate_is_shown_from_the_next_connection_on(provider, tmp_path):
    old, old_key = certified(tmp_path, "old")
    new, new_key = certified(tmp_path, "new")
    tls = tls_context(old, old_key)

    async with listening(provider, "127.0.0.1:0", tls) as address:
        load_certificate(tls, new, new_key)

        assert await status_of(provider, f"https://{address}", trusting(new)) == 200
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await status_of(provider, f"https://{address}", trusting(old))


async def test_a_proxy_on_a_unix_socket_names_the_caller_where_it_is_trusted(provider, tmp_path):
    path = tmp_path / "scim.sock"
    remotes = []

    for trusted in ((), ("unix",)):
        async with listening(provider, f"unix:{path}", trusted_proxies=trusted):
            connector = aiohttp.UnixConnector(str(path))
            async with aiohttp.ClientSession(connector=connector) as session:
                base = f"http://localhost/scim/v2/{provider.directory.id}"
                behind = replace(provider, session=session, base=base)
                await behind("POST", "/Users", {}, X_Forwarded_For="203.0.113.7")
        remotes.append((await provider.journal())[-1]["remote"])

    assert remotes == ["unix", "203.0.113.7"]


async def test_a_certificate_with_the_wrong_key_is_refused_and_the_old_one_stays(
    provider, tmp_path
):
    old, old_key = certified(tmp_path, "old")
    new, _ = certified(tmp_path, "new")
    tls = tls_context(old, old_key)

    with pytest.raises(ConfigError, match="belong together"):
        load_certificate(tls, new, old_key)

    async with listening(provider, "127.0.0.1:0", tls) as address:
        assert await status_of(provider, f"https://{address}", trusting(old)) == 200


@pytest.mark.parametrize("umask", [0o077, 0o022])
async def test_a_unix_socket_is_open_to_the_group_of_its_folder_and_to_no_other(
    provider, tmp_path, umask
):
    """The folder belongs to the group of the proxy (setgid, systemd/calscim.tmpfiles), so the proxy can connect."""
    folder = tmp_path / "proxy"
    folder.mkdir()
    if os.geteuid() == 0:
        os.chown(folder, -1, 33)
    folder.chmod(0o2750)
    group = folder.stat().st_gid
    before = os.umask(umask)
    try:
        async with listening(provider, f"unix:{folder}/scim.sock"):
            found = (folder / "scim.sock").stat()
    finally:
        os.umask(before)

    assert (stat.S_IMODE(found.st_mode), found.st_gid) == (0o660, group)
