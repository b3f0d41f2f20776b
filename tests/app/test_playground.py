"""The configuration that `calscim run` writes: a file, or variables beside an existing file."""

import base64
import re
from pathlib import Path

import pytest

from calscim.app import playground
from calscim.app.playground import Options, _configuration
from calscim.config import load
from calscim.encryption import new_key
from calscim.errors import ConfigError

KEY = new_key()
CALCOM = "http://127.0.0.1:40001"
MINE = """
[database]
dsn = "postgresql://mine"
[scim]
public_url = "https://scim.acme.example"
"""
ORGANIZATION = """
[[organization]]
name = "mine"
organization_id = 7
api_key = "cal_mine"
"""


@pytest.fixture
def options(tmp_path):
    """Return options; the key of the simulated Cal.com exists already."""
    (tmp_path / "var").mkdir()
    (tmp_path / "var/calcom.key").write_text("cal_sim")

    def options(
        configuration: Path | None = None, port: int | None = None, **environ: str
    ) -> Options:
        return Options(tmp_path / "var", configuration, environ, port)

    return options


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(MINE)
    return path


def exported(configuration):
    """Return what a verb loads in a shell with the printed variables and no others."""
    variables = dict(configuration.exports)
    return load(Path(variables.pop("CALSCIM_CONFIG")), variables)


def test_without_a_configuration_the_run_writes_one(options, tmp_path):
    configuration = _configuration(options(), CALCOM)

    settings = exported(configuration)
    assert configuration.settings() == settings
    assert list(configuration.exports) == ["CALSCIM_CONFIG"]
    assert settings.database.embedded == tmp_path / "var/postgres"
    assert settings.scim.public_url == "http://127.0.0.1:8085"
    (acme,) = settings.organizations
    assert (acme.name, acme.organization_id, acme.api_url, acme.api_key) == (
        "acme",
        42,
        CALCOM,
        "cal_sim",
    )
    assert (tmp_path / "var/calscim.toml").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("port", [9000, 0])
def test_the_port_is_in_every_url(options, port):
    settings = exported(_configuration(options(port=port), CALCOM))

    found = re.fullmatch(r"127\.0\.0\.1:(\d+)", settings.scim.listen)
    assert found is not None
    assert int(found[1]) == port or (port == 0 and int(found[1]) > 0)
    assert settings.scim.public_url == f"http://127.0.0.1:{found[1]}"
    assert settings.ops.listen not in (settings.scim.listen, "127.0.0.1:0")


def test_a_port_of_0_in_a_variable_is_resolved_as_well(options):
    configuration = _configuration(options(CALSCIM_SCIM_LISTEN="127.0.0.1:0"), CALCOM)

    settings = configuration.settings()
    assert not settings.scim.listen.endswith(":0")
    assert settings.scim.public_url == f"http://{settings.scim.listen}"


def test_variables_are_kept(options):
    text = base64.b64encode(KEY).decode()

    settings = _configuration(options(CALSCIM_JOURNAL_ENCRYPTION_KEY=text), CALCOM).settings()

    assert settings.journal.encryption_key == KEY


def test_a_database_in_a_variable_is_used(options):
    settings = _configuration(options(CALSCIM_DATABASE_DSN="postgresql://mine"), CALCOM).settings()

    assert (settings.database.dsn, settings.database.embedded) == ("postgresql://mine", None)


@pytest.mark.parametrize(
    "variable", [{"CALSCIM_JOURNAL_ENCRYPTION_KEY": "short"}, {"CALSCIM_SCIM_LISTEN": "nowhere"}]
)
def test_invalid_variables_are_refused(options, variable):
    with pytest.raises(ConfigError, match=next(iter(variable))):
        _configuration(options(**variable), CALCOM).settings()


def test_the_file_of_an_earlier_run_is_overwritten_in_any_folder(options, tmp_path):
    _configuration(options(port=9000), CALCOM)
    left = tmp_path / "var/calscim.toml"

    assert not options(left).is_prepared
    assert not Options(tmp_path / "another", left, {}).is_prepared
    assert exported(_configuration(options(left), "http://127.0.0.1:40002")).organizations[
        0
    ].api_url == ("http://127.0.0.1:40002")


def test_a_copy_of_the_file_is_the_user_s_own_configuration(options, tmp_path):
    _configuration(options(), CALCOM)
    copy = tmp_path / "copy.toml"
    copy.write_text((tmp_path / "var/calscim.toml").read_text())

    assert options(copy).is_prepared


def test_an_existing_configuration_is_used_unchanged(options, mine, tmp_path):
    mine.write_text(MINE + ORGANIZATION)

    configuration = _configuration(options(mine), None)

    assert configuration.exports == {"CALSCIM_CONFIG": str(mine)}
    assert configuration.settings() == load(mine, {})
    assert not (tmp_path / "var/calscim.toml").exists()


def test_the_simulated_organization_is_in_variables_beside_an_existing_file(options, mine):
    configuration = _configuration(options(mine), CALCOM)

    assert exported(configuration) == configuration.settings()
    assert [one.api_key for one in exported(configuration).organizations] == ["cal_sim"]


def test_the_port_wins_over_an_existing_configuration(options, mine):
    mine.write_text(MINE + ORGANIZATION)

    settings = exported(_configuration(options(mine, 9000), None))

    assert (settings.scim.listen, settings.scim.public_url) == (
        "127.0.0.1:9000",
        "http://127.0.0.1:9000",
    )


async def test_a_configured_organization_replaces_the_simulation(options, mine):
    mine.write_text(MINE + ORGANIZATION)
    async with playground._calcom(options(mine)) as url:
        assert url is None
    variables = {"CALSCIM_ORGANIZATION_X_ORGANIZATION_ID": "7"}
    async with playground._calcom(options(**variables)) as url:
        assert url is None
    async with playground._calcom(options()) as url:
        assert url is not None
