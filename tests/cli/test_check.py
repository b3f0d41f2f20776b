"""calscim check: each check, its warnings, and the exit code."""

import re

import asyncpg
import pytest

from tests.postgres.test_health import FULL


def test_a_sound_installation_is_exit_0(calscim, calcom):
    ran = calscim("check", "--json")

    assert ran.code == 0
    assert ran.json["ok"]
    assert [check["what"] for check in ran.json["checks"]] == [
        "configuration",
        "listener",
        "database",
        "journal",
        "organization acme",
        "Cal.com of acme",
        "tokens",
    ]


def test_a_token_that_expires_soon_is_a_warning_with_the_next_step(calscim, calcom):
    calscim("directory", "create", "--name", "Okta", "--provider", "okta-scim-v2")
    calscim("token", "rotate", "Okta")

    ran = calscim("check")

    assert ran.code == 0
    assert "put its replacement" in ran.err


def test_check_shows_the_build_of_cal_com_and_what_it_cannot_do(calscim, calcom):
    ran = calscim("check", "--json")

    [build] = [
        check["detail"] for check in ran.json["checks"] if check["what"] == "Cal.com of acme"
    ]
    assert build.startswith("self-hosted")
    assert "lists all teams in one answer" in build


def test_a_wrong_api_key_is_reported_without_showing_it(calscim, calcom):
    calcom.api_key = "another"

    ran = calscim("check")

    assert ran.code == 1
    assert "401" in ran.out
    assert "another" not in ran.out + ran.err


def test_an_api_key_of_a_member_is_refused(calscim, calcom):
    calcom.add_person("second@acme.example", role="OWNER")
    calcom.set_role(None, "owner@acme.example", "MEMBER")

    ran = calscim("check")

    assert ran.code == 1
    assert "must be an ADMIN or OWNER" in ran.out


def test_an_api_key_of_another_organization_is_refused(calscim, calcom, configuration):
    configuration.write_text(
        configuration.read_text().replace("organization_id = 42", "organization_id = 43")
    )

    assert calscim("check").code == 1


def test_cal_com_is_checked_even_if_the_database_is_down(calscim, calcom, configuration, tmp_path):
    text = re.sub(
        r"dsn = .*", f'dsn = "postgresql://calscim@/x?host={tmp_path}"', configuration.read_text()
    )
    configuration.write_text(text)

    checks = {check["what"]: check["ok"] for check in calscim("check", "--json").json["checks"]}

    assert checks == {
        "configuration": True,
        "listener": True,
        "database": False,
        "journal": True,
        "organization acme": True,
        "Cal.com of acme": True,
    }


def test_a_missing_folder_of_the_checkpoint_file_is_a_warning(calscim, calcom, configuration):
    text = configuration.read_text()
    configuration.write_text(text + '[journal]\ncheckpoint_file = "nowhere/heads.jsonl"\n')

    ran = calscim("check")

    assert ran.code == 0
    assert "journal.checkpoint_file" in ran.err
    configuration.write_text(text + '[journal]\ncheckpoint_file = "heads.jsonl"\n')
    assert "checkpoint_file" not in calscim("check").err


def test_a_configured_attribute_that_cal_com_does_not_have_is_a_warning(
    calscim, calcom, configuration
):
    calcom.add_attribute("Office")
    rows = "".join(
        f'[[organization.attributes]]\nfrom = "title"\nto = "{name}"\n'
        for name in ("office", "Titel")
    )
    configuration.write_text(configuration.read_text() + rows)

    ran = calscim("check")

    assert ran.code == 0
    assert "Cal.com has no attribute Titel" in ran.err
    assert "office:" not in ran.err


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("ALTER DATABASE {name} SET default_transaction_read_only = on", "is read-only"),
        ("REVOKE INSERT ON calscim.journal FROM calscim", "INSERT on calscim.journal"),
        ("ALTER DATABASE {name} SET temp_file_limit = '8kB'", "has no room"),
        (FULL.format(table="journal"), "has no room"),
        ("REVOKE USAGE ON SCHEMA calscim FROM calscim", "calscim migrate"),
    ],
    ids=[
        "read-only",
        "missing privilege",
        "full",
        "a journal that cannot grow",
        "no access to the schema",
    ],
)
def test_a_database_that_takes_no_change_is_exit_1(calscim, calcom, database, run, fault, expected):
    run(as_owner(database, fault.format(name=database.name) if "{name}" in fault else fault))

    ran = calscim("check", "--json")

    assert ran.code == 1
    [found] = [check for check in ran.json["checks"] if check["what"] == "database"]
    assert not found["ok"]
    assert expected in found["detail"]


async def as_owner(database, statement):
    connection = await asyncpg.connect(database.owner_dsn)
    await connection.execute(statement)
    await connection.close()


def test_a_listener_without_trusted_proxies_is_a_warning(calscim, calcom, configuration):
    assert "trusted_proxies" in calscim("check").err

    configuration.write_text(
        configuration.read_text() + '\n[scim]\ntrusted_proxies = ["127.0.0.1", "unix"]\n'
    )

    assert "trusted_proxies" not in calscim("check").err


@pytest.fixture
def plain_http(configuration):
    text = configuration.read_text().replace("https://scim", "http://scim")
    configuration.write_text(text)


@pytest.mark.usefixtures("plain_http")
def test_dangerous_configuration_is_a_warning_with_the_fix(calscim, calcom):
    ran = calscim("check")

    assert ran.code == 0
    assert "scim.public_url: starts with http://" in ran.err
    assert "write https://" in ran.err


@pytest.mark.usefixtures("plain_http")
@pytest.mark.parametrize("verb", ["check", "serve"])
def test_dangerous_configuration_is_refused_with_strict(calscim, verb):
    ran = calscim(verb, "--strict")

    assert ran.code == 78
    assert "scim.public_url" in ran.err


def test_strict_accepts_a_sound_configuration(calscim, calcom):
    assert calscim("check", "--strict").code == 0
