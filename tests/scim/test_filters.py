"""Filters on the real tables: every operator with every kind of attribute."""

import uuid

import pytest

from calscim.errors import ScimError
from calscim.scim.filter.compile import compile_filter
from calscim.scim.schema import ENTERPRISE_URN, GROUP, USER, Type
from tests.scim.searched_directory import Searched, staged


async def _names(stage: Searched, kind: Type, text: str) -> str:
    name = "userName" if kind is USER else "displayName"
    return " ".join(body[name] for body in await stage.found(kind, compile_filter(kind, text)))


E = ENTERPRISE_URN
USERS_FOUND = [
    ('userName eq "ANN"', "Ann"),
    ('USERNAME EQ "ann"', "Ann"),
    ("userName eq ANN", "Ann"),
    (" externalId EQ 00uA ", "Ann"),
    ("emails.value eq nobody@example.com", ""),
    ('urn:ietf:params:scim:schemas:core:2.0:User:userName eq "ann"', "Ann"),
    ('userName ne "ann"', "bob_% cy"),
    ('userName sw "BOB_"', "bob_%"),
    ('userName sw "b%"', ""),
    ('userName sw "_"', ""),
    ('userName co "O"', "bob_%"),
    ('userName ew "_%"', "bob_%"),
    ('userName gt "bob"', "bob_% cy"),
    ('userName le "ANN"', "Ann"),
    ('externalId eq "00uA"', "Ann"),
    ('externalId sw "00U"', ""),
    ('externalId ne "00uA"', "bob_% cy"),
    ('not (externalId eq "00uA")', "bob_% cy"),
    ("externalId pr", "Ann bob_%"),
    ("externalId eq null", "cy"),
    ('title co "\\"REAL\\""', "Ann"),
    ('title co "\\\\_"', "Ann"),
    ('title sw "100%"', "Ann"),
    ('title ne "x"', "Ann bob_% cy"),
    ('not (title co "x")', "bob_% cy"),
    ("title ne null", "Ann cy"),
    ("title pr", "Ann"),
    ('title eq ""', "cy"),
    ("title gt null", ""),
    ('displayName ew "\u00e9LAN"', "Ann bob_%"),
    ('displayName co "e\u0301l"', "Ann bob_%"),
    ("name pr", "Ann"),
    ("name eq null", "bob_% cy"),
    ('name.familyName eq "\u00e9lan"', "Ann"),
    ('familyName eq "\u00e9lan"', "Ann"),
    ('givenName sw "an"', "Ann"),
    ("active eq true", "Ann cy"),
    ('active eq "False"', "bob_%"),
    ("active ne true", "bob_%"),
    ("not (active eq true)", "bob_%"),
    ('emails eq "ANN@HOME.example"', "Ann"),
    ('email eq "ann@home.example"', "Ann"),
    ('emails.value sw "ann@h"', "Ann"),
    ('emails co "HOME"', "Ann"),
    ('emails ne "ann@home.example"', "bob_% cy"),
    ("emails eq null", "bob_% cy"),
    ("emails ne null", "Ann"),
    ("emails pr", "Ann bob_%"),
    ("emails.value pr", "Ann"),
    ('emails.type eq "WORK"', "Ann bob_%"),
    ("emails.primary eq true", "Ann"),
    ('emails[type eq "work" and value co "@work"]', "Ann"),
    ('emails[type eq "home" and primary eq true]', ""),
    ('emails[type eq "work" and not (value pr)]', "bob_%"),
    ('emails[not (type eq "work")]', "Ann"),
    ("emails[value eq null]", "bob_%"),
    ('emails[type eq "work"].value eq "ann@work.example"', "Ann"),
    ('photos eq "https://x.example/a.png"', ""),
    ('photos.value eq "https://x.example/A.png"', "cy"),
    (f'{E}:employeeNumber eq "100"', "Ann"),
    (f'{E.upper()}:EMPLOYEENUMBER gt "100"', "bob_%"),
    (f'{E}:manager.value eq "m1"', "Ann"),
    (f"{E}:manager pr", "Ann"),
    (f'{E}:manager eq "m1"', "Ann"),
    (f'{E}:manager ne "m1"', "bob_% cy"),
    (f"{E}:manager eq null", "bob_% cy"),
    ('manager eq "m1"', "Ann"),
    (f'schemas eq "{E}"', "Ann bob_%"),
    (f'schemas[value eq "{E}"]', "Ann bob_%"),
    ('groups.display eq "SALES"', "Ann"),
    ("groups pr", "Ann bob_%"),
    ("groups eq null", "cy"),
    ('groups[display co "_%"]', "Ann bob_%"),
    (f'groups.value eq "{uuid.UUID(int=1)}"', ""),
    ('groups.$ref sw "https://scim.example.com/scim/v2/x/Groups/"', "Ann bob_%"),
    ('meta.created gt "2000-01-01T00:00:00Z"', "Ann bob_% cy"),
    ('meta.created gt "2000-01-01T00:00:00+02:00"', "Ann bob_% cy"),
    ('meta.lastModified lt "2000-01-01T00:00:00Z"', ""),
    ("meta pr", "Ann bob_% cy"),
    ('meta.resourceType eq "User"', "Ann bob_% cy"),
    ('meta.version eq "W/\\"1\\""', "Ann bob_% cy"),
    ('meta.location co "/Users/"', "Ann bob_% cy"),
    ('id eq "nobody"', ""),
    ('id ne "nobody"', "Ann bob_% cy"),
    ("id pr", "Ann bob_% cy"),
    ('userName eq "ann" or active eq false', "Ann bob_%"),
    ('userName eq "ann" and active eq false or userName eq "cy"', "cy"),
    ('not (userName eq "ann" or active eq false)', "cy"),
]
GROUPS_FOUND = [
    ('displayName eq "SALES"', "sales"),
    ('displayName sw "SALES_"', "Sales_%"),
    ('displayName sw "s"', "Sales_% sales"),
    ('displayName ne "sales"', "Sales_% Empty"),
    ("members pr", "Sales_% sales"),
    ("members eq null", "Empty"),
    ('members.value eq "nobody"', ""),
    ('members.display eq "BOB_%"', "Sales_%"),
    ('members[type eq "User" and display sw "ann"]', "Sales_% sales"),
    ('members.type eq "Group"', ""),
    ("externalId ne null", "Sales_% sales"),
    ('meta.resourceType eq "User"', ""),
]


async def test_each_filter_finds_the_users_it_describes(stage: Searched) -> None:
    found = {text: await _names(stage, USER, text) for text, _ in USERS_FOUND}

    assert found == dict(USERS_FOUND)


async def test_each_filter_finds_the_groups_it_describes(stage: Searched) -> None:
    found = {text: await _names(stage, GROUP, text) for text, _ in GROUPS_FOUND}

    assert found == dict(GROUPS_FOUND)


async def test_ids_are_found_as_they_are_written_and_in_no_other_spelling(stage: Searched) -> None:
    ann = (await stage.found(USER, compile_filter(USER, 'userName eq "ann"')))[0]["id"]
    sales = (await stage.found(GROUP, compile_filter(GROUP, 'displayName eq "sales"')))[0]["id"]

    assert await _names(stage, USER, f'id eq "{ann}"') == "Ann"
    assert await _names(stage, USER, f'id eq "{ann.upper()}"') == ""
    assert await _names(stage, USER, f'id eq "{ann.replace("-", "")}----"') == ""
    assert await _names(stage, USER, f'groups eq "{sales}"') == "Ann"
    assert await _names(stage, GROUP, f'members eq "{ann}"') == "Sales_% sales"
    assert await _names(stage, GROUP, f'members[value eq "{ann}"]') == "Sales_% sales"
    assert await _names(stage, GROUP, f'not (members.value eq "{ann}")') == "Empty"


async def test_nothing_of_another_directory_is_found(stage: Searched) -> None:
    async with staged(stage.db) as other:
        for text in ("userName pr", 'emails eq "ann@work.example"', 'externalId eq "00uA"'):
            assert await _names(other, USER, text) == ""


REFUSED = [
    "",
    " ",
    "userName",
    'userName xx "x"',
    'nosuch eq "x"',
    'name.nosuch eq "x"',
    'emails.nosuch eq "x"',
    'emails[nosuch eq "x"]',
    'emails[value.type eq "x"]',
    f'emails[{ENTERPRISE_URN}:type eq "work"]',
    'userName[value eq "x"]',
    'urn:x:y:userName eq "x"',
    'password eq "x"',
    "password pr",
    'name eq "x"',
    'addresses eq "x"',
    "userName eq 1",
    "userName eq ann lee",
    "userName eq ann or active eq true",
    "userName co ann",
    "emails[value eq ann]",
    "nosuch eq ann",
    "title co true",
    "active eq 1",
    'active eq "maybe"',
    "active gt true",
    "active co null",
    'x509Certificates co "x"',
    'x509Certificates gt "x"',
    'meta.created gt "yesterday"',
    'meta.created co "20"',
    'meta.lastModified sw "2026-"',
    "meta.created gt 1",
    'meta.created gt "0001-01-01T00:00:00+14:00"',
    'meta.created gt "9999-12-31T23:59:59-14:00"',
    'userName eq "\\u0000"',
    'userName eq "\x00"',
    'userName eq "\\ud800"',
    'userName eq "\ud800"',
    'emails[value eq "\\udfff"]',
    "title eq 1e400",
    "title eq " + "9" * 5000,
    "(" * 100 + "userName pr" + ")" * 100,
    "not (" * 30 + "userName pr" + ")" * 30,
    " or ".join(["title pr"] * 201),
    'userName eq "' + "x" * 9000 + '"',
    "u\u017ferName pr",
]


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_an_unsupported_filter_is_invalid(text: str) -> None:
    with pytest.raises(ScimError) as refused:
        compile_filter(USER, text)

    assert (refused.value.status, refused.value.scim_type) == (400, "invalidFilter")
    assert 0 < len(refused.value.detail.encode()) < 1000


def test_an_unknown_attribute_is_named_in_the_refusal() -> None:
    with pytest.raises(ScimError, match="nosuch"):
        compile_filter(USER, 'nosuch eq "x"')


def test_nothing_a_client_sends_stands_in_the_sql() -> None:
    text = 'userName co "\'; DROP" and emails[type eq "DROP"] and title sw "DROP"'

    selection = compile_filter(USER, text)

    assert "DROP" not in selection.where
    assert [value for value in selection.parameters if "DROP" in str(value)] != []
