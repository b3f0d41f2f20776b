"""Hazards: dangerous configuration is found and reported with the fix."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from calscim.config import (
    Database,
    Journal,
    Ops,
    Organization,
    Scim,
    Settings,
    hazards,
    secret_files,
)

SAFE = Settings(
    Database(dsn="postgresql://calscim@/calscim"),
    Scim(public_url="https://scim.acme.example"),
    organizations=(Organization("acme", 42, "cal_key"),),
)
LOCAL = ["127.0.0.1", "localhost", "[::1]", "127.9.9.9", "db.localhost", "[::ffff:127.0.0.1]"]
REMOTE = ["db", "10.0.0.5", "[2001:db8::1]", "scim.acme.example", "localhost.acme.example"]


def keys(settings, files=(), environ=None, inherited=None):
    return [one.where for one in hazards(settings, files, environ or {}, inherited)]


def test_a_safe_configuration_has_no_hazard():
    assert keys(SAFE) == []


# -------------------------------------------------------------------- traffic


@pytest.mark.parametrize("host", [*LOCAL, "", "%2Frun%2Fpostgresql"])
@pytest.mark.parametrize("key", ["dsn", "migration_dsn", "listen_dsn", "operator_dsn"])
def test_postgres_on_this_machine_needs_no_tls(key, host):
    database = replace(SAFE.database, **{key: f"postgresql://calscim@{host}/calscim"})

    assert keys(replace(SAFE, database=database)) == []


@pytest.mark.parametrize(
    ("dsn", "is_dangerous"),
    [
        ("postgresql://u@db/c", True),
        ("postgresql://u@db/c?sslmode=disable", True),
        ("postgresql://u@db/c?sslmode=allow", True),
        ("postgresql://u@db/c?sslmode=prefer", True),
        ("postgresql://u@db/c?sslmode=require", False),
        ("postgresql://u@db/c?sslmode=verify-ca", False),
        ("postgresql://u@db/c?sslmode=verify-full", False),
        ("postgresql://u@localhost,db:5433/c", True),
        ("postgresql://u@127.0.0.1:5432,[::1]:5433/c", False),
        ("postgresql://u@[2001:db8::1]:5432/c", True),
        ("postgresql:///c?host=db", True),
        ("postgresql:///c?host=/run/postgresql", False),
        ("postgresql://u:p%40x@10.0.0.5/c", True),
    ],
)
@pytest.mark.parametrize("key", ["dsn", "migration_dsn", "listen_dsn", "operator_dsn"])
def test_postgres_on_another_machine_needs_tls(key, dsn, is_dangerous):
    database = replace(SAFE.database, **{key: dsn})

    assert keys(replace(SAFE, database=database)) == [f"database.{key}"] * is_dangerous


def test_variables_of_libpq_apply_and_no_password_is_shown():
    settings = replace(SAFE, database=Database(dsn="postgresql://u:geheim@db/c"))

    assert keys(settings, environ={"PGSSLMODE": "verify-full"}) == []
    assert "geheim" not in str(hazards(settings, (), {}))
    assert keys(SAFE, environ={"PGHOST": "db"}) == ["database.dsn"]


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", *REMOTE])
def test_a_listener_off_loopback_is_a_hazard(host):
    scim = replace(SAFE.scim, listen=f"{host}:8085")

    assert keys(replace(SAFE, scim=scim)) == ["scim.listen"]
    tls = replace(scim, tls_certificate_file=Path("tls.crt"), tls_key_file=Path("tls.key"))
    assert keys(replace(SAFE, scim=tls)) == []
    assert keys(replace(SAFE, ops=Ops(listen=f"{host}:8086"))) == ["ops.listen"]


@pytest.mark.parametrize("listen", [*(f"{host}:8085" for host in LOCAL), "unix:/run/x", "systemd"])
def test_a_listener_on_this_machine_is_no_hazard(listen):
    assert keys(replace(SAFE, scim=replace(SAFE.scim, listen=listen), ops=Ops(listen))) == []


def test_a_socket_of_systemd_is_checked_by_its_address():
    settings = replace(SAFE, scim=replace(SAFE.scim, listen="systemd"))

    assert keys(settings, inherited={"scim": "[::]:8085"}) == ["scim.listen"]
    assert keys(settings, inherited={"scim": "127.0.0.1:8085"}) == []


@pytest.mark.parametrize("host", REMOTE)
def test_plain_http_off_loopback_is_a_hazard(host):
    url = f"http://{host}"
    scim = replace(SAFE, scim=replace(SAFE.scim, public_url=url))
    head = replace(SAFE, journal=Journal(checkpoint_url=f"{url}/heads?key=geheim"))
    api = replace(SAFE, organizations=(Organization("acme", 42, "cal_key", api_url=url),))

    assert keys(scim) == ["scim.public_url"]
    assert keys(head) == ["journal.checkpoint_url"]
    assert keys(api) == ["organization.acme.api_url"]
    assert "geheim" not in str(hazards(head, (), {}))


@pytest.mark.parametrize("host", LOCAL)
def test_plain_http_on_loopback_is_no_hazard(host):
    url = f"http://{host}:9000"

    assert keys(replace(SAFE, scim=replace(SAFE.scim, public_url=url))) == []
    assert keys(replace(SAFE, journal=Journal(checkpoint_url=url))) == []


# -------------------------------------------------------------------- files


@pytest.fixture
def folder():
    """Yield a folder that every user of the machine can enter, unlike pytest's own."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.mark.parametrize(
    ("mode", "is_dangerous"),
    [(0o600, False), (0o640, False), (0o660, False), (0o644, True), (0o602, True), (0o604, True)],
)
def test_a_secret_that_others_can_read_or_write_is_a_hazard(folder, mode, is_dangerous):
    path = folder / "acme.key"
    path.write_text("secret")
    path.chmod(mode)

    assert keys(SAFE, [path, path]) == [str(path)] * is_dangerous


def test_a_secret_in_a_folder_that_others_cannot_enter_is_safe(folder):
    closed = folder / "closed"
    closed.mkdir(mode=0o750)
    path = closed / "acme.key"
    path.write_text("secret")
    path.chmod(0o644)
    link = folder / "link.key"
    link.symlink_to(path)

    assert keys(SAFE, [path, link]) == []
    closed.chmod(0o755)
    assert keys(SAFE, [link]) == [str(link)]


def test_every_file_with_a_secret_is_checked(tmp_path):
    (tmp_path / "dsn").write_text("postgresql://calscim@/calscim")
    (tmp_path / "url").write_text("https://other.example/?key=x")
    for name in ("key", "old", "tls.key", "tls.crt"):
        (tmp_path / name).write_text("ab" * 32)
    path = tmp_path / "calscim.toml"
    path.write_text(
        '[database]\ndsn_file = "dsn"\nmigration_dsn_file = "dsn"\nlisten_dsn_file = "dsn"\n'
        '[scim]\ntls_certificate_file = "tls.crt"\ntls_key_file = "tls.key"\n'
        '[journal]\nencryption_key_file = "key"\nold_key_files = ["old"]\ncheckpoint_url_file = "url"\n'
        '[[organization]]\nname = "acme"\norganization_id = 42\napi_key_file = "key"\n'
    )

    found = [one.name for one in secret_files(path, {})]

    assert found == ["dsn"] * 3 + ["tls.key", "key", "old", "url", "key"]


@pytest.mark.parametrize(
    ("text", "is_secret"),
    [
        ('[database]\ndsn = "postgresql://calscim@db/calscim"\n', False),
        ('[database]\ndsn = "postgresql://calscim:geheim@db/calscim"\n', True),
        ('[database]\ndsn = "postgresql://calscim@db/calscim?password=geheim"\n', True),
        (
            '[database]\ndsn = "postgresql://calscim@db/calscim"\n'
            '[[organization]]\nname = "acme"\norganization_id = 42\napi_key = "cal_key"\n',
            True,
        ),
    ],
)
def test_a_configuration_that_contains_a_secret_is_checked(tmp_path, text, is_secret):
    path = tmp_path / "calscim.toml"
    path.write_text(text)

    assert secret_files(path, {}) == [path] * is_secret


def test_a_secret_in_a_variable_is_not_in_the_file(tmp_path):
    path = tmp_path / "calscim.toml"
    path.write_text('[database]\ndsn = "postgresql://calscim@db/calscim"\n')

    assert secret_files(path, {"CALSCIM_DATABASE_DSN": "postgresql://u:geheim@db/c"}) == []
