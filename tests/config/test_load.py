"""The configuration: file, variables and secret files; all problems are reported together."""

import base64
import re
from pathlib import Path

import pytest

from calscim.config import Database, Journal, Settings, find, load
from calscim.errors import ConfigError
from calscim.planner.safeguards.limits import Limit

MINIMAL = """
[database]
dsn = "postgresql://calscim@localhost/calscim"
"""

ACME = """
[[organization]]
name = "acme"
organization_id = 42
api_key = "cal_secret"
"""


@pytest.fixture
def read(tmp_path):
    def read(text: str, **variables: str) -> Settings:
        path = tmp_path / "calscim.toml"
        path.write_text(text)
        return load(path, variables)

    return read


@pytest.fixture
def wrong(read, tmp_path):
    """Return the problems of a configuration, as ``key: message`` without the file's name."""

    def wrong(text: str, **variables: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            read(text, **variables)
        return [
            str(problem).removeprefix(f"{tmp_path}/calscim.toml: ")
            for problem in caught.value.problems
        ]

    return wrong


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


# ------------------------------------------------------------------ variables


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


# ------------------------------------------------------------------ secrets


def test_a_secret_is_read_from_a_file_beside_the_configuration(read, tmp_path):
    (tmp_path / "acme.key").write_text("cal_from_file\n")

    settings = read(MINIMAL + ACME.replace('api_key = "cal_secret"', 'api_key_file = "acme.key"'))

    assert settings.organizations[0].api_key == "cal_from_file"


def test_a_systemd_credential_wins_over_a_file_beside_the_configuration(read, tmp_path):
    (tmp_path / "acme.key").write_text("beside")
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "acme.key").write_text("from systemd")

    (credentials / "acme.key").write_text("cal_systemd")
    settings = read(
        MINIMAL + ACME.replace('api_key = "cal_secret"', 'api_key_file = "acme.key"'),
        CREDENTIALS_DIRECTORY=str(credentials),
    )

    assert settings.organizations[0].api_key == "cal_systemd"


def test_a_dsn_can_be_in_a_file(read, tmp_path):
    (tmp_path / "dsn").write_text("postgresql://calscim:geheim@db/calscim")

    assert read('[database]\ndsn_file = "dsn"').database.dsn.endswith("geheim@db/calscim")


def test_a_variable_replaces_the_secret_file_of_the_same_key(read):
    settings = read(
        MINIMAL + ACME.replace('api_key = "cal_secret"', 'api_key_file = "nowhere"'),
        CALSCIM_ORGANIZATION_ACME_API_KEY="cal_other",
    )

    assert settings.organizations[0].api_key == "cal_other"


RAW = bytes(range(32))
KEY, HEX = base64.b64encode(RAW).decode(), RAW[::-1].hex()


def test_a_key_is_written_in_base64_or_in_hexadecimal_digits(read):
    journal = read(MINIMAL + f'[journal]\nencryption_key = "{KEY}"\nold_keys = ["{HEX}"]').journal

    assert journal == Journal(RAW, (RAW[::-1],))


def test_keys_are_in_files_one_file_for_each_old_key(read, tmp_path):
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "journal.key").write_text(KEY + "\n")
    (tmp_path / "a.key").write_text(HEX)
    (tmp_path / "b.key").write_text(KEY)

    settings = read(
        MINIMAL
        + '[journal]\nencryption_key_file = "journal.key"\nold_key_files = ["a.key", "b.key"]',
        CREDENTIALS_DIRECTORY=str(credentials),
    )

    assert settings.journal == Journal(RAW, (RAW[::-1], RAW))


def test_variables_name_keys_and_files_of_keys(read, tmp_path):
    (tmp_path / "a.key").write_text(HEX)

    by_files = read(MINIMAL, CALSCIM_JOURNAL_OLD_KEY_FILES=f"a.key, {tmp_path}/a.key")
    by_keys = read(MINIMAL, CALSCIM_JOURNAL_ENCRYPTION_KEY=KEY, CALSCIM_JOURNAL_OLD_KEYS=KEY)

    assert by_files.journal == Journal(None, (RAW[::-1], RAW[::-1]))
    assert by_keys.journal == Journal(RAW, (RAW,))


def test_all_problems_with_keys_are_reported_and_no_key_is_shown(wrong, tmp_path):
    (tmp_path / "short.key").write_text(KEY[:-5])
    (tmp_path / "empty.key").write_text("")

    problems = wrong(
        MINIMAL + f'[journal]\nencryption_key = "{KEY}=x"\n'
        'old_key_files = ["none.key", "short.key", "empty.key"]\n[log]\nlevel = "loud"'
    )

    assert [problem.partition(": ")[0] for problem in problems] == [
        "journal.encryption_key",
        "journal.old_key_files[0]",
        "journal.old_key_files[1]",
        "journal.old_key_files[2]",
        "log.level",
    ]
    for problem, expected in zip(
        problems,
        ["calscim journal key", "cannot be read", "is not a key", "is empty", "loud"],
        strict=True,
    ):
        assert expected in problem
        assert KEY[:-5] not in problem


@pytest.mark.parametrize("text", ["short", "00" * 31, "zz" * 32, "AAAA", "ä" * 64])
def test_an_invalid_key_is_refused_with_what_to_write(wrong, text):
    problems = wrong(MINIMAL + f'[journal]\nencryption_key = "{text}"\nold_keys = ["{text}"]')

    assert len(problems) == 2
    for problem in problems:
        assert "32 random bytes" in problem
        assert text not in problem


@pytest.mark.parametrize("written", ['"a.key"', "3"])
def test_files_of_keys_are_a_list(wrong, written):
    (problem,) = wrong(MINIMAL + f"[journal]\nold_key_files = {written}")

    assert "write a list" in problem


def test_a_checkpoint_file_is_relative_and_a_checkpoint_url_is_secret(read, tmp_path):
    (tmp_path / "url").write_text("https://other.example/heads?key=geheim")

    journal = read(
        MINIMAL
        + '[journal]\ncheckpoint_interval = "1m"\ncheckpoint_file = "heads.jsonl"\ncheckpoint_url_file = "url"'
    ).journal

    assert (journal.checkpoint_interval, journal.checkpoint_file) == (
        60.0,
        tmp_path / "heads.jsonl",
    )
    assert journal.checkpoint_url == "https://other.example/heads?key=geheim"
    assert "geheim" not in repr(journal)


@pytest.mark.parametrize(
    "url",
    ["ftp://x/geheim", "https://u:geheim@x/", "x?geheim", "http://x:geheim/", "http://x#geheim"],
)
def test_an_invalid_checkpoint_url_is_refused_without_showing_it(wrong, url):
    (problem,) = wrong(MINIMAL + f'[journal]\ncheckpoint_url = "{url}"')

    assert problem.startswith("journal.checkpoint_url: ")
    assert "geheim" not in problem


def test_no_secret_shows_in_a_repr(read):
    settings = read('[database]\ndsn = "postgresql://u:geheim@db/x"' + ACME)

    assert "geheim" not in repr(settings)
    assert "cal_secret" not in repr(settings)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "cannot be read"),
        ("", "is empty"),
        ("one two", "more than one word"),
        (b"\xff", "UTF-8"),
    ],
)
def test_an_invalid_key_file_is_refused(wrong, tmp_path, content, expected):
    if content is not None:
        (tmp_path / "acme.key").write_bytes(
            content if isinstance(content, bytes) else content.encode()
        )

    (problem,) = wrong(
        MINIMAL + ACME.replace('api_key = "cal_secret"', 'api_key_file = "acme.key"')
    )

    assert problem.startswith("organization.acme.api_key_file: ")
    assert expected in problem


# ------------------------------------------------------------------ what is refused


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


# ------------------------------------------------------------------ the table of attributes

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def table(*rows: str) -> str:
    return MINIMAL + ACME + "".join(f"[[organization.attributes]]\n{row}\n" for row in rows)


def test_attributes_are_a_table_of_an_organization(read):
    (acme,) = read(
        table(
            f'from = "{ENTERPRISE}:department"\nto = "department"\ncreate_options = true',
            'from = "title"\nto = "job-title"',
        )
    ).organizations

    assert [(one.source.text, one.to, one.create_options) for one in acme.attributes] == [
        (f"{ENTERPRISE}:department", "department", True),
        ("title", "job-title", False),
    ]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("title", (None, "title", None, None, None)),
        ("name.familyName", (None, "name", None, None, "familyName")),
        ('emails[type eq "work"].value', (None, "emails", "type", "work", "value")),
        (f"{ENTERPRISE}:manager.displayName", (ENTERPRISE, "manager", None, None, "displayName")),
        ("urn:ietf:params:scim:schemas:core:2.0:User:title", (None, "title", None, None, None)),
        ("urn:acme:hr:1.0:costCenter", ("urn:acme:hr:1.0", "costCenter", None, None, None)),
    ],
)
def test_from_is_the_path_of_one_attribute(read, written, expected):
    (acme,) = read(table(f"from = '{written}'\nto = \"x\"")).organizations

    found = acme.attributes[0].source
    assert (found.schema, found.attribute, found.where, found.equals, found.sub) == expected


def test_all_problems_with_attributes_are_reported(wrong):
    problems = wrong(
        table(
            'from = "name.family.x"\nto = "a"',
            'from = "groups"\nto = "b"',
            'form = "title"\nto = ""',
            'from = "title"\nto = "Same"\ncreate_options = "yes"',
            'from = "title"\nto = "d"',
            'from = "locale"\nto = "D"',
        )
    )

    assert [problem.split(": ")[0] for problem in problems] == [
        "organization.acme.attributes",
        "organization.acme.attributes[1].from",
        "organization.acme.attributes[2].from",
        "organization.acme.attributes[3].form",
        "organization.acme.attributes[3].from",
        "organization.acme.attributes[3].to",
        "organization.acme.attributes[4].create_options",
    ]
    assert "did you mean from?" in problems[3]
    assert problems[0].endswith("has 2 rows to d: leave one of them")


def test_attributes_cannot_be_a_variable(wrong):
    (problem,) = wrong(MINIMAL + ACME, CALSCIM_ORGANIZATION_ACME_ATTRIBUTES="title")

    assert "write tables into the file" in problem


def test_attributes_in_single_brackets_are_refused(wrong):
    (problem,) = wrong(MINIMAL + ACME + '[organization.attributes]\nfrom = "title"\nto = "x"')

    assert "[[organization.attributes]] in double brackets" in problem


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
