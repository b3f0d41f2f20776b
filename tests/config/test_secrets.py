"""Secrets: in the file, in files of their own, and in systemd's credentials."""

import base64
import errno
from pathlib import Path

import pytest

from calscim.config import Journal, hazards, load
from calscim.config.effective import secret_values
from calscim.errors import ConfigError
from tests.support.configuration import ACME, MINIMAL


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


def test_a_credential_of_a_folder_has_the_name_that_systemd_gives_it(read, tmp_path):
    loaded = tmp_path / "loaded"
    loaded.mkdir()
    (loaded / "credentials_acme.key").write_text("cal_systemd")

    settings = read(
        MINIMAL + ACME.replace('api_key = "cal_secret"', 'api_key_file = "credentials/acme.key"'),
        CREDENTIALS_DIRECTORY=str(loaded),
    )

    assert settings.organizations[0].api_key == "cal_systemd"


def test_the_daemon_needs_no_right_to_read_the_dsn_of_the_owner(read, tmp_path, monkeypatch):
    def refuse(path: Path, **_: object) -> str:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_text", refuse)
    environ = {
        "CALSCIM_DATABASE_DSN": "postgresql://calscim@localhost/calscim",
        "CALSCIM_DATABASE_MIGRATION_DSN_FILE": str(tmp_path / "owner.dsn"),
    }

    settings = load(None, environ)

    assert list(secret_values(settings)) == [environ["CALSCIM_DATABASE_DSN"]]
    assert hazards(settings, (), {}) == []
    with pytest.raises(ConfigError, match=r"migration_dsn_file: .*owner.dsn cannot be read"):
        settings.database.owner_dsn()


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
