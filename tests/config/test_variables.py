"""CALSCIM_* variables win over the file."""

from calscim.config import load
from calscim.planner.safeguards.limits import Limit
from tests.support.configuration import ACME, MINIMAL


def test_a_variable_wins_over_the_file(read):
    settings = read(
        MINIMAL, CALSCIM_DATABASE_DSN="postgresql://other/db", CALSCIM_SCIM_LISTEN="[::]:1"
    )

    assert settings.database.dsn == "postgresql://other/db"
    assert settings.scim.listen == "[::]:1"


def test_variables_are_converted_to_the_types_of_their_keys(read):
    settings = read(
        MINIMAL + ACME,
        CALSCIM_DATABASE_POOL_SIZE="3",
        CALSCIM_SCIM_TRUSTED_PROXIES="127.0.0.1, 10.0.0.0/8",
        CALSCIM_ORGANIZATION_ACME_IMPORT_EXISTING="false",
        CALSCIM_ORGANIZATION_ACME_PROTECTED="ceo@acme.com",
        CALSCIM_GUARDS_MAX_DEPROVISIONS="3",
    )

    assert settings.database.pool_size == 3
    assert settings.scim.trusted_proxies == ("127.0.0.1", "10.0.0.0/8")
    assert settings.organizations[0].import_existing is False
    assert settings.organizations[0].protected == {"ceo@acme.com"}
    assert settings.guards.max_deprovisions == Limit(count=3)


def test_variables_alone_are_a_configuration():
    settings = load(
        None,
        {
            "CALSCIM_DATABASE_DSN": "postgresql://localhost/calscim",
            "CALSCIM_ORGANIZATION_ACME_EU_ORGANIZATION_ID": "42",
            "CALSCIM_ORGANIZATION_ACME_EU_API_KEY": "cal_x",
        },
    )

    assert [organization.name for organization in settings.organizations] == ["acme-eu"]


def test_a_variable_spells_an_organization_with_underscores(read):
    settings = read(
        MINIMAL + ACME.replace('"acme"', '"acme-eu.1"'),
        CALSCIM_ORGANIZATION_ACME_EU_1_API_KEY="other",
    )

    assert settings.organizations[0].api_key == "other"


def test_an_empty_variable_is_ignored(read):
    assert read(MINIMAL, CALSCIM_SCIM_LISTEN="").scim.listen == "127.0.0.1:8085"


def test_variables_of_a_kubernetes_service_named_calscim_are_ignored(read):
    read(
        MINIMAL,
        CALSCIM_PORT="tcp://10.0.0.1:8085",
        CALSCIM_SERVICE_HOST="10.0.0.1",
        CALSCIM_SERVICE_PORT_HTTP="8085",
        CALSCIM_PORT_8085_TCP_ADDR="10.0.0.1",
    )


def test_a_misspelled_variable_is_refused_with_the_right_name(wrong):
    (problem,) = wrong(MINIMAL, CALSCIM_SCIM_LISTN="[::]:1")

    assert (
        problem
        == "CALSCIM_SCIM_LISTN: is not a variable of calscim: did you mean CALSCIM_SCIM_LISTEN?"
    )


def test_a_variable_of_an_unknown_organization_is_refused(wrong):
    (problem,) = wrong(MINIMAL + ACME, CALSCIM_ORGANIZATION_ACNE_API_KEY="x")

    assert "CALSCIM_ORGANIZATION_ACME_API_KEY" in problem
