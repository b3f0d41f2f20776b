"""calscim check: what is as it has to be, and what is not."""

import re

import asyncpg
import pytest

from tests.postgres.test_health import FULL


def test_everything_as_it_has_to_be_is_exit_0(calscim, calcom):
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


def test_a_token_that_ends_soon_is_a_warning_with_the_next_step(calscim, calcom):
    calscim("directory", "create", "--name", "Okta", "--provider", "okta-scim-v2")
    calscim("token", "rotate", "Okta")

    ran = calscim("check")

    assert ran.code == 0
    assert "put its replacement" in ran.err


def test_the_build_of_cal_com_and_what_it_cannot_do_are_said(calscim, calcom):
    ran = calscim("check", "--json")

    [build] = [one["detail"] for one in ran.json["checks"] if one["what"] == "Cal.com of acme"]
    assert build.startswith("self-hosted")
    assert "lists all teams in one answer" in build


def test_a_wrong_key_is_named(calscim, calcom):
    calcom.api_key = "another"

    ran = calscim("check")

    assert ran.code == 1
    assert "401" in ran.out
    assert "another" not in ran.out + ran.err


def test_a_key_of_a_mere_member_is_refused(calscim, calcom):
    calcom.add_person("second@acme.example", role="OWNER")
    calcom.set_role(None, "owner@acme.example", "MEMBER")

    ran = calscim("check")

    assert ran.code == 1
    assert "has to be an ADMIN or OWNER" in ran.out


def test_another_organization_is_noticed(calscim, calcom, configuration):
    configuration.write_text(
        configuration.read_text().replace("organization_id = 42", "organization_id = 43")
    )

    assert calscim("check").code == 1


def test_cal_com_is_looked_at_although_the_database_is_away(
    calscim, calcom, configuration, tmp_path
):
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


def test_a_folder_for_the_journals_heads_that_is_not_there_is_a_warning(
    calscim, calcom, configuration
):
    text = configuration.read_text()
    configuration.write_text(text + '[journal]\ncheckpoint_file = "nowhere/heads.jsonl"\n')

    ran = calscim("check")

    assert ran.code == 0
    assert "journal.checkpoint_file" in ran.err
    configuration.write_text(text + '[journal]\ncheckpoint_file = "heads.jsonl"\n')
    assert "checkpoint_file" not in calscim("check").err


def test_an_attribute_of_the_table_that_cal_com_does_not_have_is_a_warning(
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
    ("fault", "said"),
    [
        ("ALTER DATABASE {name} SET default_transaction_read_only = on", "is read-only"),
        ("REVOKE INSERT ON calscim.journal FROM calscim", "INSERT on calscim.journal"),
        ("ALTER DATABASE {name} SET temp_file_limit = '8kB'", "has no room"),
        (FULL.format(table="journal"), "has no room"),
        ("REVOKE USAGE ON SCHEMA calscim FROM calscim", "calscim migrate"),
    ],
    ids=["read-only", "without a right", "full", "a journal that cannot grow", "shut out"],
)
def test_a_database_that_takes_no_change_is_exit_1(calscim, calcom, database, run, fault, said):
    run(as_owner(database, fault.format(name=database.name) if "{name}" in fault else fault))

    ran = calscim("check", "--json")

    assert ran.code == 1
    [found] = [one for one in ran.json["checks"] if one["what"] == "database"]
    assert not found["ok"]
    assert said in found["detail"]


async def as_owner(database, statement):
    connection = await asyncpg.connect(database.owner_dsn)
    await connection.execute(statement)
    await connection.close()


def test_a_listener_for_a_proxy_that_is_not_trusted_is_said(calscim, calcom, configuration):
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


def test_strict_refuses_nothing_that_is_sound(calscim, calcom):
    assert calscim("check", "--strict").code == 0
