"""The configuration file: sections, defaults, and which file is read."""

from pathlib import Path

import pytest

from calscim.config import Database, Settings, find, load
from calscim.errors import ConfigError
from calscim.planner.safeguards.limits import Limit
from tests.support.configuration import ACME, MINIMAL

# ------------------------------------------------------------------ what is understood


def test_a_file_with_only_a_database_has_every_default(read):
    assert read(MINIMAL) == Settings(Database(dsn="postgresql://calscim@localhost/calscim"))


def test_an_organization_is_read(read):
    (acme,) = read(MINIMAL + ACME).organizations

    assert (acme.name, acme.organization_id, acme.api_key) == ("acme", 42, "cal_secret")


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("200ms", 0.2), ("30s", 30), ("5m", 300), ("2h", 7200), ("90d", 7776000), ("1.5h", 5400)],
)
def test_durations_have_units(read, written, seconds):
    assert read(MINIMAL + f'[reconcile]\ninterval = "{written}"').reconcile.interval == seconds


@pytest.mark.parametrize(
    ("written", "limit"),
    [
        ('"5"', Limit(count=5)),
        ("5", Limit(count=5)),
        ('"30%"', Limit(percent=30)),
        ('"2.5 %"', Limit(percent=2.5)),
        ('"5 or 30%"', Limit(5, 30)),
        ('"30% or 5"', Limit(5, 30)),
        ('"0"', Limit(count=0)),
        ('"100%"', Limit(percent=100)),
    ],
)
def test_limits_are_counts_percentages_or_both(read, written, limit):
    settings = read(MINIMAL + f"[guards]\nmax_removals_per_team = {written}")

    assert settings.guards.max_removals_per_team == limit


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:80", "[::1]:8085", "localhost:0", "unix:/run/calscim/scim", "systemd"]
)
def test_a_listener_is_a_port_a_path_or_systemd(read, listen):
    assert read(MINIMAL + f'[scim]\nlisten = "{listen}"').scim.listen == listen


def test_a_trailing_slash_of_a_url_is_removed(read):
    settings = read(
        MINIMAL
        + '[scim]\npublic_url = "https://cal.acme.com/scim-in/"'
        + ACME
        + 'api_url = "https://api.cal.com/"'
    )

    assert settings.scim.public_url == "https://cal.acme.com/scim-in"
    assert settings.organizations[0].api_url == "https://api.cal.com"


def test_the_folder_of_the_bundled_postgres_is_relative_to_the_file(read, tmp_path):
    settings = read('[database]\nembedded = "./var/postgres"')

    assert settings.database.embedded == tmp_path / "var/postgres"


# ------------------------------------------------------------------ which file


def test_the_argument_wins_over_the_variable_and_the_usual_places(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config/calscim.toml").write_text(MINIMAL)

    assert find("a.toml", {"CALSCIM_CONFIG": "b.toml"}) == Path("a.toml")
    assert find(None, {"CALSCIM_CONFIG": "b.toml"}) == Path("b.toml")
    assert find(None, {}) == Path("config/calscim.toml")


def test_a_named_file_must_exist(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none.toml", {"CALSCIM_DATABASE_DSN": "postgresql://x/y"})


# ------------------------------------------------------------------ the public URL


@pytest.mark.parametrize(
    ("listen", "public_url"),
    [
        ("127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("0.0.0.0:9000", "http://127.0.0.1:9000"),
        ("[::]:9000", "http://[::1]:9000"),
        ("scim.internal:80", "http://scim.internal:80"),
        ("127.0.0.1:0", "http://127.0.0.1:8085"),
        ("unix:/run/scim.sock", "http://127.0.0.1:8085"),
        ("systemd", "http://127.0.0.1:8085"),
    ],
)
def test_the_public_url_defaults_to_the_listener(read, listen, public_url):
    assert read(f'{MINIMAL}[scim]\nlisten = "{listen}"\n').scim.public_url == public_url
    assert read(MINIMAL, CALSCIM_SCIM_LISTEN=listen).scim.public_url == public_url


def test_a_configured_public_url_is_kept(read):
    url = "https://scim.acme.example"

    assert (
        read(
            MINIMAL, CALSCIM_SCIM_LISTEN="127.0.0.1:9000", CALSCIM_SCIM_PUBLIC_URL=url
        ).scim.public_url
        == url
    )


def test_the_default_public_url_is_https_with_a_certificate(read, tmp_path):
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).write_text("x")
    tls = 'tls_certificate_file = "tls.crt"\ntls_key_file = "tls.key"\n'

    scim = read(f'{MINIMAL}[scim]\nlisten = "127.0.0.1:9000"\n{tls}').scim

    assert scim.public_url == "https://127.0.0.1:9000"
