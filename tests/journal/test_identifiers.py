"""Whether a text speaks of a person: their address wherever it stands, other names only where they are names."""

import pytest

from calscim.journal.erasure.identifiers import Identifiers

WHO = Identifiers.of(["Ann@Acme.example", "ann", "7", "o'neil@acme.example", "é@acme.example"])


@pytest.mark.parametrize(
    "body",
    [
        b'{"userName": "ANN@acme.EXAMPLE"}',
        b'{"x": "ann\\u0040acme.example"}',
        b'{"x": "\\u00e9@acme.example"}',
        '{"x": "é@acme.example"}'.encode(),
        '{"x": "É@acme.example"}'.encode(),
        b'{"path": "emails[value eq \\"ann@acme.example\\"].type"}',
        b'{"x": ["To: Ann <ann@acme.example>, Bob"]}',
        b'{"x": "ann@acme.example."}',
        b'{"ann@acme.example": 1}',
        b'{"userName": "ann"}',
        b'{"externalId": "7"}',
        b'{"members": [{"value": "x", "display": "Ann"}]}',
        b'{"path": "members[userName eq \\"ann\\"]"}',
        b"no JSON, ann@acme.example",
        b"\xff ann@acme.example",
        b'["o\'neil@acme.example"]',
    ],
)
def test_a_body_that_names_them_is_found(body):
    assert WHO.speaks(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"x": "joann@acme.example"}',
        b'{"x": "jo.ann@acme.example"}',
        b'{"x": "ann@acme.example.org"}',
        b'{"x": "ann@acme.examples"}',
        b'{"givenName": "ann"}',
        b'{"value": "7", "n": 7}',
        b'{"path": "externalId eq \\"77\\""}',
        b"",
    ],
)
def test_a_body_that_names_another_person_is_not_found(body):
    assert not WHO.speaks(body)


def test_no_identifiers_match_no_text():
    assert not Identifiers.of(["", " "]).speaks(b'{"userName": ""}')


def test_an_address_gives_way_to_a_name_that_says_nothing():
    assert WHO.without("Ann@acme.example, joann@acme.example", "erased-1") == (
        "erased-1, joann@acme.example"
    )


def test_what_postgres_is_asked_for_is_how_it_shows_bytes():
    needles = Identifiers.of(["Zoé@Acme", 'a\\b"']).needles()

    assert needles == ["@acme", "a%5cb%22", 'a\\\\\\\\b\\\\"', "zo%c3%a9%40acme"]
