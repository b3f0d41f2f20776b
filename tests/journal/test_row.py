"""JournalRow: what operators read of a journal row."""

import hashlib
from dataclasses import fields

import orjson
import pytest

from calscim.admin.as_json import as_json
from calscim.encryption import PLAIN, cipher, key_id, new_key
from calscim.journal.row import JournalRow, journal_row

NOTHING = hashlib.sha256().hexdigest()
KEY = new_key()


def stored(body=b'{"userName": "ann"}', effect=b'{"op": "user.put", "user_name": "ann"}', **more):
    return {
        "stream": "okta",
        "seq": 7,
        "at": "2026-03-01T08:30:00.000001Z",
        "kind": "scim",
        "request_id": "r",
        "method": "POST",
        "path": "/Users",
        "status": 201,
        "remote": None,
        "token_id": 3,
        "resource_type": "User",
        "resource_id": "u1",
        "body": body,
        "effect": effect,
        "body_digest": NOTHING,
        "effect_digest": NOTHING,
        "prev_hash": "00",
        "hash": "11",
        "traceparent": None,
        **more,
    }


def test_the_json_of_a_plain_row_has_no_optional_keys():
    shown = orjson.loads(as_json(journal_row(stored(), PLAIN)))

    optional = {column.name for column in fields(JournalRow) if column.metadata}
    assert shown.keys() == {column.name for column in fields(JournalRow)} - optional
    assert (shown["body"], shown["effect"]["op"]) == ('{"userName": "ann"}', "user.put")


def test_a_row_is_about_the_name_in_its_effect_or_else_about_its_id():
    assert journal_row(stored(), PLAIN).about == "ann"
    assert journal_row(stored(effect=None), PLAIN).about == "u1"


@pytest.mark.parametrize(("body", "shown"), [(None, None), (b"", "")])
def test_no_body_and_an_empty_body_differ(body, shown):
    row = journal_row(stored(body), PLAIN)

    assert (row.body, row.body_base64, row.erased) == (shown, None, None)


def test_a_body_that_is_not_text_is_shown_as_base64():
    row = journal_row(stored(b"\xff\x00"), PLAIN)

    assert (row.body, row.body_base64, row.content) == (None, "/wA=", "/wA=")


def test_a_missing_body_with_the_digest_of_something_was_erased():
    row = journal_row(stored(None, None, body_digest="ab", effect_digest="cd"), PLAIN)

    assert row.erased == ("body", "effect")
    assert dict(row.columns())["erased"] == "body and effect"


def test_a_encrypted_body_names_its_key_and_without_the_key_what_to_do():
    encrypted = cipher(KEY).encrypt(b"secret")

    readable = journal_row(stored(encrypted), cipher(KEY))
    unreadable = journal_row(stored(encrypted), PLAIN)

    assert (readable.body, readable.encrypted_with) == ("secret", key_id(KEY))
    assert (unreadable.body, unreadable.missing_key) == (None, key_id(KEY))
    assert unreadable.content == unreadable.unreadable
    assert key_id(KEY) in str(unreadable.unreadable)


def test_the_columns_have_neither_contents_nor_empty_values():
    names = dict(journal_row(stored(), PLAIN).columns()).keys()

    assert names.isdisjoint({"body", "effect", "unreadable", "body_base64", "remote", "erased"})
    assert names >= {"stream", "seq", "at", "hash"}
