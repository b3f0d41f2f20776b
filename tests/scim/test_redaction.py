"""No secret of a request is stored, in any spelling."""

import hashlib
import json

import pytest

from calscim.scim import redaction
from calscim.scim.redaction import body_digest, redact_body, redact_id, redact_path
from tests.scim.conftest import GROUP, USER, patch

SECRET = "hunter2-4711"
ACME = "urn:acme:params:1.0:User"
ANN = "2819c223-7f76-453a-919d-413861904646"


def operation(path, value=SECRET):
    return patch({"op": "replace", "path": path, "value": value})


PASSWORDS = [
    {"password": SECRET},
    {"PassWord": [SECRET]},
    {"passwords": [{"value": SECRET}]},
    {"userPassword": SECRET},
    {"passwd": SECRET},
    {"user_pwd": SECRET},
    {"pass-phrase": SECRET},
    {"newPassword": {"value": SECRET}},
    {"passwordHash": SECRET},
    {f"{USER}:password": SECRET},
    {'password[type eq "x"]': SECRET},
    {ACME: {"login": {"Password": SECRET}}},
    {ACME: {"credentials": [{"type": "password", "value": SECRET}]}},
    {"Operations": [{"op": "add", "value": {"name.password": SECRET}}]},
    operation("password"),
    operation(" Password "),
    operation('password[type eq "x"]'),
    operation(f'password[value eq "{SECRET}"]', "x"),
    operation(f'{ACME}:accounts[password eq "{SECRET}"].name', "x"),
    operation("password.value"),
    operation(f"{USER}:password"),
    operation(f"{ACME}:userPassword"),
    operation("nickName", json.dumps({"password": SECRET})),
    operation("nickName", json.dumps({"password": SECRET}).replace("a", "\\u0061", 1)),
    {"filter": f'password eq "{SECRET}"'},
    {"Operations": [{"method": "POST", "path": "/Users", "data": {"passwd": SECRET}}]},
]


def escaped(text):
    """Return the same JSON with an escape in every key."""
    return text.replace("ass", "\\u0061ss").replace("wd", "\\u0077d")


@pytest.mark.parametrize("body", PASSWORDS, ids=json.dumps)
@pytest.mark.parametrize("spelled", [str, escaped])
def test_a_password_is_hidden_by_every_spelling(body, spelled):
    kept = redact_body(spelled(json.dumps(body)).encode())

    assert SECRET.encode() not in kept
    assert isinstance(json.loads(kept), dict)


@pytest.mark.parametrize(
    "text",
    [
        f'{{"password": "{SECRET}", "password": "x"}}',
        f'{{"a": {{"password": "{SECRET}"}}, "a": 1}}',
        f'{{"p\\u0061ssword": "{SECRET}"',
        f'{{"x": "{SECRET}"',
        f"{SECRET}",
        f'"{SECRET}"',
        f'["{SECRET}"]',
        f"password={SECRET}&grant_type=password",
    ],
)
def test_neither_a_repeated_key_nor_a_broken_body_keeps_it(text):
    assert SECRET.encode() not in redact_body(text.encode())


def test_of_a_body_that_is_no_object_the_length_and_the_digest_are_kept():
    body = b'{"x": "y"'

    assert json.loads(redact_body(body)) == {
        "unparsable": {"bytes": 9, "sha256": hashlib.sha256(body).hexdigest()}
    }
    assert redact_body(b"[1]") == body_digest(b"[1]")
    assert redact_body(b"\xff\xfe") == body_digest(b"\xff\xfe")
    assert redact_body(b"[" * 100_000) == body_digest(b"[" * 100_000)
    assert redact_body(b"") == b""


@pytest.mark.parametrize("name", ["password", "p\\u0061ssword"])
def test_a_very_large_body_that_names_a_password_is_kept_as_a_digest(name):
    members = "x" * redaction.MAX_REWRITTEN
    body = f'{{"{name}": "{SECRET}", "a": "{members}"}}'.encode()

    assert redact_body(body, is_object=True) == body_digest(body)
    large = f'{{"note": "<\\u0026>", "a": "{members}"}}'.encode()
    assert redact_body(large, is_object=True) == large


def test_a_body_without_a_password_stays_as_it_came():
    for text in ('{"userName" : "Zo\\u00eb"}', '{"a":1,"a":2}', '{"note":"p\\u0061ss the salt"}'):
        assert redact_body(text.encode()) == text.encode()


def test_an_attribute_about_a_password_is_kept():
    body = {ACME: {"passwordLastChanged": "2026-01-01", "note": "reset the password"}}

    assert json.loads(redact_body(json.dumps(body).encode())) == body


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("/scim/v2/abc/Users?token=x", "/scim/v2/abc/Users"),
        (f"/scim/v2/abc/Users/{ANN}?a#b", f"/scim/v2/abc/Users/{ANN}"),
        ("/scim/v2/abc?token=x/Users", "/scim/v2/abc"),
        ("/scim/v2/abc%3Ftoken=x/Users", "/scim/v2/abc"),
        ("/scim/v2/abc/Users/ann@acme.com", "/scim/v2/abc/Users/*"),
        ("/scim/v2/abc/Users/ann%40acme.com", "/scim/v2/abc/Users/*"),
        ("/scim/v2/abc/Bulk?token=x#3", "/scim/v2/abc/Bulk#3"),
        ("/scim/v2/abc/Groups/", "/scim/v2/abc/Groups/"),
    ],
)
def test_a_path_is_journaled_without_secrets_and_personal_data(raw, kept):
    assert redact_path(raw) == kept


def test_an_id_that_can_be_none_is_not_kept():
    assert (redact_id(ANN), redact_id("ann@acme.com")) == (ANN, "")


def test_a_message_for_the_log_loses_quoted_passwords():
    assert SECRET not in redaction.redact_message(f'password[value eq "{SECRET}"] is no path')
    assert SECRET not in redaction.redact_message(f"User x?token={SECRET} does not exist")
    assert redaction.redact_message('userName "x" is taken') == 'userName "x" is taken'


@pytest.mark.parametrize(
    "body", [one for one in PASSWORDS if "nickName" not in json.dumps(one)], ids=json.dumps
)
async def test_neither_a_table_nor_the_log_has_a_password_afterwards(provider, body, capsys):
    number = await provider.user("first@acme.com")

    created = {"userName": "ann@acme.com", "schemas": [USER], **body}
    for method, path, sent in (
        ("POST", f"/Users?token={SECRET}", created),
        ("PUT", f"/Users/{number}?token={SECRET}", {**created, "userName": "first@acme.com"}),
        ("PATCH", f"/Users/{number}", body),
        ("POST", "/Groups", {"schemas": [GROUP], "displayName": "Sales", **body}),
        ("DELETE", f"/Users/x%3Ftoken={SECRET}", None),
        ("POST", "/Bulk", {"Operations": [{"method": "POST", "path": "/Users", **body}]}),
    ):
        await provider(method, path, sent)

    spelled = (SECRET, SECRET.encode().hex())  # as Postgres shows bytes
    for table in await provider.db.fetch(
        "SELECT c.oid::regclass::text AS name FROM pg_class c WHERE relkind = 'r' "
        "AND relnamespace = 'calscim'::regnamespace"
    ):
        rows = await provider.db.fetch(f"SELECT t::text AS row FROM {table['name']} t")
        assert not any(one in row["row"] for row in rows for one in spelled)
    assert SECRET not in capsys.readouterr().out
