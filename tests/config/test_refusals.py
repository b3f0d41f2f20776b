"""Every problem is reported, with the key and what to write instead."""

import re

import pytest

from tests.support.configuration import ACME, MINIMAL


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[scim]\nlistn = 'x'", "scim.listn: is not known: did you mean listen?"),
        ("[scmi]\nlisten = 'x'", "scmi: is not known: did you mean [scim]?"),
        (
            "[scim]\ninterval = '5m'",
            "scim.interval: is not known here: it belongs under [reconcile]",
        ),
        ("[scim]\nlisten = 8085", "scim.listen: is a number: write text in quotes"),
        (
            "[scim]\nmax_body_bytes = '4'",
            "scim.max_body_bytes: is text: write a whole number without quotes",
        ),
        (
            "[scim]\nmax_body_bytes = true",
            "scim.max_body_bytes: is true or false: write a whole number without quotes",
        ),
        (
            "[scim]\nmax_body_bytes = 0",
            "scim.max_body_bytes: is 0: write a number of at least 1024",
        ),
        (
            "[scim]\nlisten = ':80'",
            "scim.listen: ':80' is not an address: write host:port as in \"127.0.0.1:80\"",
        ),
        ("[scim]\nlisten = 'x:99999'", "scim.listen: there is no port 99999"),
        ("[scim]\nlisten = 'unix:x'", "scim.listen: write the full path of the socket"),
        ("[scim]\npublic_url = 'cal.acme.com'", "scim.public_url: 'cal.acme.com' is not a URL"),
        ("[scim]\npublic_url = 'https://a:b@c'", "scim.public_url: contains a user or a password"),
        (
            "[scim]\npublic_url = 'https://a/?x'",
            "scim.public_url: 'https://a/?x' continues after the path",
        ),
        ("[scim]\ntrusted_proxies = '127.0.0.1'", "scim.trusted_proxies: is text: write a list"),
        (
            "[scim]\nrequests_per_second = 24",
            "scim.requests_per_second: is 24: write at least 25, which Microsoft Entra ID",
        ),
        ("[scim]\ntrusted_proxies = ['proxy']", "scim.trusted_proxies: 'proxy' is not an address"),
        (
            "[reconcile]\ninterval = 300",
            'reconcile.interval: needs a unit: write "300s" for 300 seconds',
        ),
        (
            "[reconcile]\ninterval = '5 minutes'",
            "reconcile.interval: '5 minutes' is not a duration",
        ),
        ("[reconcile]\ninterval = '0s'", "reconcile.interval: must be longer than zero"),
        ("[guards]\ndrift_removals = '120%'", "guards.drift_removals: is over 100% (120%)"),
        (
            "[guards]\ndrift_removals = 'ten'",
            'guards.drift_removals: \'ten\' is not a limit: write "5", "30%" or',
        ),
        (
            "[guards]\ndrift_removals = '5% or 6%'",
            "guards.drift_removals: '5% or 6%' is not a limit",
        ),
        ("[guards]\ndrift_removals = '-5'", "guards.drift_removals: '-5' is not a limit"),
        (
            "[log]\nlevel = 'loud'",
            "log.level: 'loud' is not known: write one of debug, info, warning, error",
        ),
        ("[ops]\nlisten = '127.0.0.1:8085'", "ops.listen: is the same as scim.listen"),
        (
            "[organization]\nname = 'acme'\norganization_id = 1\napi_key = 'x'",
            "organization: is a list: write [[organization]]",
        ),
    ],
)
def test_a_mistake_is_named_with_what_to_write_instead(wrong, text, expected):
    problems = wrong(MINIMAL + text)

    assert len(problems) == 1
    assert problems[0].startswith(expected)


def test_a_section_is_not_a_key(wrong):
    assert wrong("scim = 3" + MINIMAL) == ["scim: is a section: write [scim] above its keys"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("name = 'a b'", "organization.a b.name: 'a b' cannot be a name"),
        (
            "name = 'acme'\npeople = 'exclusive'",
            "organization.acme.people: 'exclusive' is not known",
        ),
        (
            "name = 'acme'\nimport_existing = 'yes'",
            "organization.acme.import_existing: is text: write true or false",
        ),
        (
            "name = 'acme'\nprotected = ['ceo']",
            "organization.acme.protected: 'ceo' is not an e-mail address",
        ),
        (
            "name = 'acme'\napi_url = 'https://api.cal.com/v2'",
            "organization.acme.api_url: 'https://api.cal.com/v2' contains a version",
        ),
        (
            "name = 'acme'\napi_key_file = 'x'",
            "organization.acme.api_key: and api_key_file are both given",
        ),
        ("", "organization[1].name: is missing: write name = ..."),
    ],
)
def test_a_mistake_in_an_organization_is_named(wrong, change, expected):
    problems = wrong(MINIMAL + ACME.replace('name = "acme"', change))

    assert len(problems) == 1
    assert problems[0].startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "database.dsn: is missing"),
        (
            "[database]\ndsn = 'postgresql://x/y'\nembedded = 'z'",
            "database.dsn: and embedded are both given",
        ),
        (
            "[database]\ndsn_file = 'x'\ndsn = 'postgresql://x/y'",
            "database.dsn: and dsn_file are both given",
        ),
        (
            "[database]\nembedded = 'z'\nmigration_dsn = 'postgresql://x/y'",
            "database.migration_dsn: has no effect with embedded",
        ),
        (
            "[database]\nembedded = 'z'\nlisten_dsn = 'postgresql://x/y'",
            "database.listen_dsn: has no effect with embedded",
        ),
        ("[database]\ndsn = 'host=x'", "database.dsn: is not a DSN"),
    ],
)
def test_exactly_one_database_is_configured(wrong, text, expected):
    problems = wrong(text)

    assert len(problems) == 1
    assert problems[0].startswith(expected)


@pytest.mark.parametrize(
    ("dsn", "expected"),
    [
        ("postgresql://u:geheim@h:abc/db", "has an invalid host"),
        ("postgresql://u:geheim@one,two:99999999/db", "has an invalid host"),
        ("postgresql://u:geheim@[::1/db", "is not a DSN: write / @"),
        (
            "postgresql://u:geheim@h/db?sslmode=on",
            "has an unknown sslmode: write one of disable",
        ),
        (
            "postgresql://u:geheim@h/db?target_session_attrs=x",
            "has an unknown target_session_attrs",
        ),
        ("postgresql://u:geheim@h/db?sslmode", "is not a DSN"),
    ],
)
def test_an_invalid_dsn_is_refused_without_showing_it(wrong, dsn, expected):
    (problem,) = wrong(f'[database]\ndsn = "{dsn}"')

    assert problem.startswith(f"database.dsn: {expected}")
    assert "geheim" not in problem


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://calscim@/calscim?host=/run/postgresql",
        "postgresql://u:p%40ss@one:5432,two,[::1]:5433/db?target_session_attrs=read-write&sslmode=verify-full",
        "postgres://localhost",
        "postgresql:///calscim",
        "postgresql://u@%2Frun%2Fpostgresql/db",
    ],
)
def test_dsns_of_all_kinds_are_accepted(read, dsn):
    assert read(f'[database]\ndsn = "{dsn}"').database.dsn == dsn


def test_a_certificate_needs_its_key(wrong, tmp_path):
    (tmp_path / "tls.crt").write_text("x")

    (problem,) = wrong(MINIMAL + "[scim]\ntls_certificate_file = 'tls.crt'")

    assert problem.startswith("scim.tls_key_file: is missing")


def test_organizations_cannot_share_a_name_a_variable_or_a_target(wrong):
    other = ACME.replace("42", "43")

    assert wrong(MINIMAL + ACME + other)[0].startswith("organization.acme: occurs 2 times")
    assert wrong(MINIMAL + ACME + other.replace('"acme"', '"ACME"'))[0].endswith(
        "acme and ACME are both ACME as variables: rename one"
    )
    assert "is also the id of acme" in wrong(MINIMAL + ACME + ACME.replace('"acme"', '"other"'))[0]


def test_every_problem_is_reported_at_once(wrong):
    problems = wrong(
        "[database]\npool_size = 'many'\n[scim]\nlistn = 'x'\n[guards]\ndrift_removals = '200%'\n"
        "[[organization]]\nname = 'acme'\n",
        CALSCIM_LOG_LEVEL="loud",
    )

    keys = [re.split(r":\s", problem)[0] for problem in problems]
    assert sorted(keys) == [
        "CALSCIM_LOG_LEVEL",
        "database.dsn",
        "database.pool_size",
        "guards.drift_removals",
        "organization.acme.api_key",
        "organization.acme.organization_id",
        "scim.listn",
    ]


def test_a_problem_never_shows_a_secret(wrong):
    problems = wrong(
        "[database]\ndsn = 'mysql://root:geheim@x/y'" + ACME.replace('"cal_secret"', '"cal_a\\nb"')
    )

    assert len(problems) == 2
    assert "geheim" not in "".join(problems)
    assert "cal_a" not in "".join(problems)


def test_invalid_toml_is_refused_with_its_line(wrong):
    (problem,) = wrong("[database\ndsn = 1")

    assert "is not TOML" in problem
    assert "line 1" in problem
