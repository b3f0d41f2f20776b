"""calscim doctor: each kind of finding, with what to do."""

import datetime as dt
import shutil
import tempfile
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from calscim import admin
from calscim.admin.doctor import State, certificates, database, machine, network
from calscim.config import Database, Notify, Organization, Scim, Settings
from calscim.encryption import PLAIN

EDITOR = admin.Editor(by="ada", cipher=PLAIN)
SETTINGS = Settings(Database(dsn="postgresql://localhost/calscim"))


def test_a_sound_installation_has_no_failure_but_the_unreachable_url(
    calscim, calcom, configuration
):
    ran = calscim("doctor", "--json")

    found = {one["what"]: one["state"] for one in ran.json["findings"]}
    assert ran.code == 1  # nothing answers at https://scim.acme.example
    failed = {what for what, state in found.items() if state == "failed"}
    assert failed - {"durability"} == {
        "TLS of scim.public_url"
    }  # the test's Postgres is fast, not durable
    assert found["clock of Postgres"] == "ok"
    assert found["notifications"] == found["public URL"] == "skipped"


def test_everything_is_examined_without_a_database(calscim, calcom, configuration):
    text = configuration.read_text()
    configuration.write_text(text.replace("dsn =", 'dsn = "postgresql://127.0.0.1:9/none" #'))

    ran = calscim("doctor", "--json")

    assert ran.code == 1
    found = {one["what"]: one["state"] for one in ran.json["findings"]}
    assert found["database"] == "failed"
    assert "permissions" in found


# ------------------------------------------------------------------ this machine


@pytest.fixture
def folder():
    """Yield a folder that every user of the machine can enter, unlike pytest's own."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def test_a_secret_that_everybody_can_read_is_a_warning(folder):
    secret = folder / "acme.key"
    secret.write_text("secret")
    secret.chmod(0o644)

    [found, *_] = machine.examine_machine(SETTINGS, None, [secret, secret], {})

    assert found.state is State.WARNING
    assert found.then == f"chmod o= {secret}"


def test_a_secret_in_a_folder_that_others_cannot_enter_is_no_warning(folder):
    secret = folder / "credentials" / "acme.key"
    secret.parent.mkdir(mode=0o700)
    secret.write_text("secret")
    secret.chmod(0o644)

    [found, *_] = machine.examine_machine(SETTINGS, None, [secret], {})

    assert found.state is State.OK


def test_a_configuration_that_everybody_can_change_is_a_warning(tmp_path):
    path = tmp_path / "calscim.toml"
    path.touch()
    path.chmod(0o666)

    found = list(machine.examine_machine(SETTINGS, path, [], {}))

    assert [one.then for one in found if one.state is State.WARNING] == [f"chmod o-w {path}"]


def test_little_space_is_a_warning(tmp_path, monkeypatch):
    settings = Settings(Database(embedded=tmp_path / "not" / "yet"))
    monkeypatch.setattr(machine, "_LEAST_SPACE", 2**70)

    found = [
        one for one in machine.examine_machine(settings, None, [], {}) if one.what == "disk space"
    ]

    assert [one.state for one in found] == [State.WARNING]
    assert "calscim journal archive" in found[0].then


def test_a_proxy_of_the_environment_is_a_warning():
    found = machine.examine_machine(
        SETTINGS, None, [], {"https_proxy": "http://user:pw@proxy:3128"}
    )

    [proxy] = [one for one in found if one.what == "proxy"]
    assert proxy.state is State.WARNING
    assert "pw" not in proxy.detail


def test_a_proxy_diverts_apprise_channels_and_no_webhooks():
    channels = (
        Notify(name="slack", url="slack://a/b/c"),
        Notify(name="hook", webhook="https://hooks.example", secret="whsec_c2VjcmV0"),
    )
    settings = replace(SETTINGS, channels=channels)

    found = {
        one.what: one for one in machine.examine_machine(settings, None, [], {"HTTPS_PROXY": "p"})
    }

    assert "notifications to slack go through it" in found["proxy of notifications"].detail
    assert "hook" not in found["proxy of notifications"].detail


# ------------------------------------------------------------------ the database


@pytest.mark.parametrize("name", ["fsync", "full_page_writes", "synchronous_commit"])
async def test_a_postgres_that_may_lose_changes_is_a_failure(db, monkeypatch, name):
    settings = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", name: "off"}

    async def fetch(_):
        return [{"name": key, "setting": value} for key, value in settings.items()]

    monkeypatch.setattr(db, "fetch", fetch)
    found = [one async for one in database.examine_durability(db)]

    assert [one.state for one in found] == [State.FAILED]
    assert name in found[0].then


# ------------------------------------------------------------------ certificates


def certificate(tmp_path, *, days, host="scim.acme.example"):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=90))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "tls.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize(
    ("days", "host", "states"),
    [
        (90, "scim.acme.example", [State.OK]),
        (90, "*.acme.example", [State.OK]),
        (5, "scim.acme.example", [State.WARNING]),
        (-1, "scim.acme.example", [State.FAILED]),
        (90, "other.example", [State.OK, State.FAILED]),
    ],
)
def test_the_certificate_is_examined(tmp_path, days, host, states):
    path = certificate(tmp_path, days=days, host=host)
    scim = Scim(tls_certificate_file=path, public_url="https://scim.acme.example")

    found = certificates.examine_own_certificate(
        Settings(SETTINGS.database, scim), dt.datetime.now(dt.UTC)
    )

    assert [one.state for one in found] == states


# ------------------------------------------------------------------ the network


@asynccontextmanager
async def answering(handler):
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


async def html(_):
    return web.Response(text="<html>sign in</html>", content_type="text/html")


async def moved(_):
    return web.Response(status=301, headers={"Location": "https://elsewhere.example/"})


async def empty(_):
    return web.json_response({})


async def unavailable(_):
    return web.Response(status=502)


async def refusing(_):
    error = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "401"}
    return web.json_response(error, status=401)


@pytest.mark.parametrize(
    ("handler", "state", "why"),
    [
        (refusing, State.OK, "leads to calscim"),
        (html, State.FAILED, "a web page answers"),
        (moved, State.FAILED, "redirects to https://elsewhere.example/"),
        (empty, State.FAILED, "HTTP 200"),
        (unavailable, State.FAILED, "HTTP 502"),
    ],
)
async def test_what_answers_at_the_public_url_is_explained(db, handler, state, why):
    made = await admin.create_directory(
        db, EDITOR, organization="acme", name="Okta", provider="okta-scim-v2"
    )
    async with answering(handler) as url, aiohttp.ClientSession() as http:
        settings = Settings(SETTINGS.database, Scim(public_url=url))
        found = [one async for one in network.examine_own_url(settings, [made], http)]

    assert [one.state for one in found] == [state]
    assert why in found[0].detail
    assert state is State.OK or found[0].then


async def test_the_token_of_a_test_call_is_revoked_whatever_happens(db):
    made = await admin.create_directory(
        db, EDITOR, organization="acme", name="Okta", provider="okta-scim-v2"
    )
    for handler in (refusing, html):
        async with answering(handler) as url, aiohttp.ClientSession() as http:
            settings = Settings(SETTINGS.database, Scim(public_url=url))
            [found] = [
                one async for one in network.examine_test_call(settings, db, EDITOR, [made], http)
            ]
        assert found.state is State.FAILED

    assert [token.state for token in await admin.tokens(db)] == ["revoked", "revoked"]


@pytest.mark.parametrize(
    ("hours", "state"), [(0, State.OK), (2, State.WARNING), (-2, State.WARNING)]
)
async def test_a_wrong_clock_is_a_warning(hours, state):
    async def dated(_):
        shown = dt.datetime.now(dt.UTC) + dt.timedelta(hours=hours)
        return web.Response(status=401, headers={"Date": f"{shown:%a, %d %b %Y %H:%M:%S} GMT"})

    async with answering(dated) as url, aiohttp.ClientSession() as http:
        organization = Organization("acme", organization_id=1, api_key="k", api_url=url)
        settings = Settings(SETTINGS.database, organizations=(organization,))
        found = [one async for one in network.examine_clocks(settings, None, http)]

    assert [one.state for one in found] == [state]
