"""calscim support-bundle: what is in it, and what must never be."""

import base64
import json
import stat
import tarfile

import pytest

from calscim import admin
from calscim.admin.support.scrub import Scrubber, secret_texts
from calscim.config import load
from tests.support.acme import ANN, BOB, EDITOR, OLD, Acme

SECRETS = ("cal_sim", "hunter2", "c2VjcmV0IGtleSBvZiBhIHdlYmhvb2s=")


def texts(path):
    with tarfile.open(path) as tar:
        return {one.name.partition("/")[2]: tar.extractfile(one).read().decode() for one in tar}


@pytest.fixture
async def people(db, calscim_directory):
    made = Acme(db, calscim_directory)
    await made.happen()
    await made.done_in_calcom()
    return made


@pytest.fixture
async def calscim_directory(db):

    return await admin.create_directory(
        db, EDITOR, organization="acme", name="Okta", provider="okta-scim-v2"
    )


@pytest.fixture
def configured(configuration, tmp_path):
    with configuration.open("a") as written:
        written.write(
            '[[notify]]\nname = "hook"\nwebhook = "https://hooks.example/hunter2"\n'
            'secret = "whsec_c2VjcmV0IGtleSBvZiBhIHdlYmhvb2s="\n'
        )
    log = tmp_path / "daemon.log"
    log.write_text(
        f'{{"event": "reconcile.action", "email": "{ANN}", "detail": "key cal_sim of Ann Lee"}}\n'
    )
    return log


def test_the_bundle_has_neither_secrets_nor_people(calscim, calcom, people, configured, tmp_path):
    out = tmp_path / "bundle.tar.gz"

    ran = calscim("support-bundle", "--output", str(out), "--log", str(configured))

    assert ran.code == 0
    found = texts(out)
    assert set(found) == {
        "manifest.json", "doctor.json", "config.json", "versions.json", "status.json", "tables.json",
        "journal.jsonl", "actions.jsonl", "passes.jsonl", "log.txt", "missing.txt",
    }  # fmt: skip
    whole = "\n".join(found.values()).casefold()
    for gone in (ANN, BOB, OLD, "00uann", *SECRETS):
        assert gone.casefold() not in whole
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    manifest = json.loads(found["manifest.json"])
    assert set(manifest["files"]) == set(found) - {"manifest.json"}
    assert manifest["personal_data"] is False


def test_a_person_has_the_same_pseudonym_in_every_file(
    calscim, calcom, people, configured, tmp_path
):
    out = tmp_path / "bundle.tar.gz"
    calscim("support-bundle", "--output", str(out), "--log", str(configured))
    found = texts(out)

    logged = json.loads(found["log.txt"])["email"]

    assert logged.endswith("@example.invalid")
    assert logged in found["actions.jsonl"]


def test_people_are_kept_if_that_is_asked_for_and_secrets_never(
    calscim, calcom, people, configured, tmp_path
):
    out = tmp_path / "bundle.tar.gz"

    calscim("support-bundle", "--output", str(out), "--log", str(configured), "--personal-data")

    whole = "\n".join(texts(out).values())
    assert ANN in whole
    for gone in SECRETS:
        assert gone not in whole


def test_a_bundle_is_written_without_a_database(calscim, calcom, configuration, tmp_path):
    text = configuration.read_text()
    configuration.write_text(
        text.replace("dsn =", 'dsn = "postgresql://me:hunter2@127.0.0.1:9/none" #')
    )
    out = tmp_path / "bundle.tar.gz"

    assert calscim("support-bundle", "--output", str(out)).code == 0

    found = texts(out)
    assert "the database cannot be used" in found["missing.txt"]
    assert "hunter2" not in "\n".join(found.values())


def test_a_log_is_left_out_if_the_names_in_it_are_unknown(calscim, calcom, configuration, tmp_path):
    text = configuration.read_text()
    configuration.write_text(
        text.replace("dsn =", 'dsn = "postgresql://me:hunter2@127.0.0.1:9/none" #')
    )
    log, out, whole = (tmp_path / name for name in ("daemon.log", "a.tar.gz", "b.tar.gz"))
    log.write_text("Ann Lee was here, hunter2\n")

    calscim("support-bundle", "--output", str(out), "--log", str(log))
    calscim("support-bundle", "--output", str(whole), "--log", str(log), "--personal-data")

    assert "log.txt" not in texts(out)
    assert "log.txt" in texts(out)["missing.txt"]
    assert texts(whole)["log.txt"] == "Ann Lee was here, ***\n"


def test_an_existing_file_is_not_replaced(calscim, calcom, configuration, tmp_path):
    out = tmp_path / "bundle.tar.gz"
    out.write_text("mine")

    ran = calscim("support-bundle", "--output", str(out))

    assert ran.code == 1
    assert "--output" in ran.err
    assert out.read_text() == "mine"


# ------------------------------------------------------------------ the scrubber


@pytest.fixture
def scrubber():
    made = Scrubber((), people=True)
    made.add_people(
        ["Ann Lee", "Ann", "ann.lee@acme.example", "O'Neil, Pat", "Zoë Ångström", "*pat*"]
    )
    made.finish()
    return made


@pytest.mark.parametrize(
    "text",
    [
        "Ann Lee",
        "ANN LEE",
        "ann",
        "ann.lee@acme.example",
        "O'Neil, Pat",
        "Zoë Ångström",
        "*pat*",
        "Other+Tag@x.example",
    ],
)
def test_a_name_is_replaced_in_any_case(scrubber, text):
    cleaned = scrubber.clean(f"before {text} after")

    assert text not in cleaned
    assert cleaned.startswith("before person-")
    assert cleaned.endswith(" after")


@pytest.mark.parametrize(
    "text", ["no bearer token was sent", "Annual planning", "the plan", "anna", "Lee", "2026-11-29"]
)
def test_other_words_stay(scrubber, text):
    assert scrubber.clean(text) == text


def test_every_secret_of_a_configuration_is_known(configured, configuration):
    found = secret_texts(load(configuration, {}))

    assert {"cal_sim", "https://hooks.example/hunter2"} <= set(found)


@pytest.mark.parametrize(
    "text",
    [
        "GET /Users?filter=userName%20eq%20%22Ann.Lee%40acme.example%22 HTTP/1.1",
        "GET /Users?filter=ann.lee@acme.example",
    ],
)
def test_an_address_in_a_request_line_is_replaced_by_the_same_pseudonym(scrubber, text):
    cleaned = scrubber.clean(text)

    assert "lee" not in cleaned.casefold()
    assert scrubber.clean("ann.lee@acme.example") in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer s3cr3tt0ken-s3cr3tt0ken",
        'header="bearer s3cr3tt0ken-s3cr3tt0ken"',
        "http://127.0.0.1:1/sign-in/link?key=s3cr3tt0ken-s3cr3tt0ken",
    ],
)
def test_tokens_and_links_that_sign_in_are_hidden_with_people_too(text):
    assert "s3cr3tt0ken-s3cr3tt0ken" not in Scrubber((), people=False).clean(text)


def test_a_secret_is_known_in_each_of_its_forms(configuration):
    key = base64.b64encode(bytes(range(32))).decode()
    configuration.write_text(
        configuration.read_text().replace(
            "[database]\n",
            '[database]\nmigration_dsn = "postgresql://a:pass%40word@h/c"\n'
            'operator_dsn = "postgresql://a@h/c?password=querypass"\n',
        )
        + f'[journal]\nencryption_key = "{key}"\n'
        '[[notify]]\nname = "slack"\nwebhook = "https://hooks.example/services/T0123456789"\n'
        'secret = "whsec_c2VjcmV0IGtleSBvZiBhIHdlYmhvb2s="\n'
    )

    found = set(secret_texts(load(configuration, {})))

    assert found >= {"pass%40word", "pass@word", "querypass", "T0123456789"}
    assert found >= {key, bytes(range(32)).hex()}


def test_every_secret_key_of_the_configuration_is_replaced(tmp_path):
    keys = {
        "database": ["dsn", "migration_dsn", "operator_dsn", "listen_dsn"],
        "journal": ["checkpoint_url"],
    }
    text, secrets = "", []
    for section, names in keys.items():
        text += f"[{section}]\n"
        for name in names:
            secrets.append(f"secret-of-{name}")
            kind = "postgresql://me:{}@host/db" if name.endswith("dsn") else "https://host/?key={}"
            text += f'{name} = "{kind.format(secrets[-1])}"\n'
    text += '[console.oidc]\nissuer = "https://id.example"\nclient_id = "a"\nadmins = ["b"]\n'
    text += 'client_secret = "secret-of-oidc"\n'
    path = tmp_path / "calscim.toml"
    path.write_text(text)
    scrubber = Scrubber(secret_texts(load(path, {})), people=False)

    cleaned = scrubber.clean(text)

    for secret in [*secrets, "secret-of-oidc"]:
        assert secret not in cleaned
