"""What `calscim run` decides, and where it leaves that: in a file, or in variables beside one that is there."""

import base64
import re
from pathlib import Path

import pytest

from calscim.app import playground
from calscim.app.playground import Wanted, _chosen
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
def wanted(tmp_path):
    """What is asked for; Cal.com's simulated key is there already."""
    (tmp_path / "var").mkdir()
    (tmp_path / "var/calcom.key").write_text("cal_sim")

    def wanted(
        configuration: Path | None = None, port: int | None = None, **environ: str
    ) -> Wanted:
        return Wanted(tmp_path / "var", configuration, environ, port)

    return wanted


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(MINE)
    return path


def exported(chosen):
    """What a verb reads in a shell with the variables that were printed, and none besides."""
    variables = dict(chosen.exports)
    return load(Path(variables.pop("CALSCIM_CONFIG")), variables)


def test_without_a_configuration_one_is_left_behind_that_says_the_same(wanted, tmp_path):
    chosen = _chosen(wanted(), CALCOM)

    settings = exported(chosen)
    assert chosen.settings() == settings
    assert list(chosen.exports) == ["CALSCIM_CONFIG"]
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
def test_the_port_is_in_every_url(wanted, port):
    settings = exported(_chosen(wanted(port=port), CALCOM))

    found = re.fullmatch(r"127\.0\.0\.1:(\d+)", settings.scim.listen)
    assert found is not None
    assert int(found[1]) == port or (port == 0 and int(found[1]) > 0)
    assert settings.scim.public_url == f"http://127.0.0.1:{found[1]}"
    assert settings.ops.listen not in (settings.scim.listen, "127.0.0.1:0")


def test_a_port_of_0_in_a_variable_is_resolved_as_well(wanted):
    chosen = _chosen(wanted(CALSCIM_SCIM_LISTEN="127.0.0.1:0"), CALCOM)

    settings = chosen.settings()
    assert not settings.scim.listen.endswith(":0")
    assert settings.scim.public_url == f"http://{settings.scim.listen}"


def test_what_variables_say_is_kept(wanted):
    text = base64.b64encode(KEY).decode()

    settings = _chosen(wanted(CALSCIM_JOURNAL_ENCRYPTION_KEY=text), CALCOM).settings()

    assert settings.journal.encryption_key == KEY


def test_a_database_in_a_variable_is_used(wanted):
    settings = _chosen(wanted(CALSCIM_DATABASE_DSN="postgresql://mine"), CALCOM).settings()

    assert (settings.database.dsn, settings.database.embedded) == ("postgresql://mine", None)


@pytest.mark.parametrize(
    "variable", [{"CALSCIM_JOURNAL_ENCRYPTION_KEY": "short"}, {"CALSCIM_SCIM_LISTEN": "nowhere"}]
)
def test_a_trial_refuses_variables_that_are_wrong(wanted, variable):
    with pytest.raises(ConfigError, match=next(iter(variable))):
        _chosen(wanted(**variable), CALCOM).settings()


def test_the_file_of_an_earlier_run_is_written_anew_whatever_the_folder(wanted, tmp_path):
    _chosen(wanted(port=9000), CALCOM)
    left = tmp_path / "var/calscim.toml"

    assert not wanted(left).is_prepared
    assert not Wanted(tmp_path / "another", left, {}).is_prepared
    assert exported(_chosen(wanted(left), "http://127.0.0.1:40002")).organizations[0].api_url == (
        "http://127.0.0.1:40002"
    )


def test_a_copy_of_it_is_a_configuration_of_ones_own(wanted, tmp_path):
    _chosen(wanted(), CALCOM)
    copy = tmp_path / "copy.toml"
    copy.write_text((tmp_path / "var/calscim.toml").read_text())

    assert wanted(copy).is_prepared


def test_a_configuration_that_is_there_is_used_as_it_is(wanted, mine, tmp_path):
    mine.write_text(MINE + ORGANIZATION)

    chosen = _chosen(wanted(mine), None)

    assert chosen.exports == {"CALSCIM_CONFIG": str(mine)}
    assert chosen.settings() == load(mine, {})
    assert not (tmp_path / "var/calscim.toml").exists()


def test_beside_a_configuration_without_an_organization_the_simulated_one_is_in_variables(
    wanted, mine
):
    chosen = _chosen(wanted(mine), CALCOM)

    assert exported(chosen) == chosen.settings()
    assert [one.api_key for one in exported(chosen).organizations] == ["cal_sim"]


def test_a_port_wins_over_a_configuration_that_is_there(wanted, mine):
    mine.write_text(MINE + ORGANIZATION)

    settings = exported(_chosen(wanted(mine, 9000), None))

    assert (settings.scim.listen, settings.scim.public_url) == (
        "127.0.0.1:9000",
        "http://127.0.0.1:9000",
    )


async def test_where_an_organization_is_configured_nothing_is_simulated(wanted, mine):
    mine.write_text(MINE + ORGANIZATION)
    async with playground._calcom(wanted(mine)) as url:
        assert url is None
    variables = {"CALSCIM_ORGANIZATION_X_ORGANIZATION_ID": "7"}
    async with playground._calcom(wanted(**variables)) as url:
        assert url is None
    async with playground._calcom(wanted()) as url:
        assert url is not None
