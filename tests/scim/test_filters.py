"""Filters and sort orders on the real tables: every operator with every kind of attribute, and the indexes."""

import json
import re
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson
import pytest
from scim2_models import EnterpriseUser, Group, User

from calscim import admin
from calscim.directory import resources
from calscim.directory.indexed_attributes import INDEXED_ATTRIBUTES, IndexedAttribute, Match
from calscim.directory.keyset_pages import Kind, Listing, Place, page_query, read_page
from calscim.directory.resources import MemberChange, Reader
from calscim.encryption import PLAIN
from calscim.errors import ScimError
from calscim.journal.append import Origin
from calscim.postgres.pool import Database
from calscim.scim import groups, users
from calscim.scim.filter.compile import compile_filter, has_index, look_up_attribute
from calscim.scim.filter.sort import compile_listing
from calscim.scim.schema import ENTERPRISE_URN, GROUP, GROUP_URN, USER, USER_URN, Type

MODELS: dict[str, Any] = {"User": User[EnterpriseUser], "Group": Group}
TABLES: dict[str, Kind] = {"User": "users", "Group": "groups"}
BASE = "https://scim.example.com/scim/v2/x"


@dataclass(frozen=True)
class Searched:
    """A directory with resources, and ways to create and find them."""

    db: Database
    reader: Reader

    async def found(self, kind: Type, listing: Listing) -> list[dict[str, Any]]:
        stretch = await read_page(self.db, TABLES[kind.name], self.reader, listing, 1000)
        page = stretch.page
        assert page.total == len(page.bodies)
        return [orjson.loads(body) for body in page.bodies]

    async def everything(self, kind: Type) -> list[Any]:
        return [self.model(kind, body) for body in await self.found(kind, Listing("true"))]

    @staticmethod
    def model(kind: Type, body: dict[str, Any]) -> Any:
        """Return the model of a resource without empty lists, which are unassigned (RFC 7643 section 2.5)."""
        assigned = {name: part for name, part in body.items() if part != []}
        return MODELS[kind.name].model_validate(assigned)

    async def put_users(self, people: list[dict[str, Any]]) -> list[str]:
        made = []
        for number, person in enumerate(people):
            user_id = uuid.uuid4()
            schemas = [USER_URN, *(name for name in person if name.startswith("urn:"))]
            body = {"userName": f"{'aAbB'[number % 4]}{number}", **person, "schemas": schemas}
            await resources.create_user(
                self.db, self.origin(), user_id, users.to_state(body), self.reader.base
            )
            made.append(str(user_id))
        return made

    async def put_groups(self, named: dict[str, list[str]], **more: Any) -> None:
        for name, members in named.items():
            body = {"schemas": [GROUP_URN], "displayName": name, **more}
            change = MemberChange(add=frozenset(map(uuid.UUID, members)))
            await resources.create_group(
                self.db,
                self.origin(),
                uuid.uuid4(),
                groups.to_state(body),
                change,
                self.reader.base,
            )

    def origin(self) -> Origin:
        return Origin(self.reader.directory, "test", body=b"{}")


@asynccontextmanager
async def staged(db: Database) -> AsyncIterator[Searched]:
    """Create a separate directory, so that a search finds no other resources."""
    editor = admin.Editor(by="test", cipher=PLAIN)
    directory = await admin.create_directory(
        db, editor, organization="acme", name=uuid.uuid4().hex, provider="okta-scim-v2"
    )
    token, _ = await admin.create_token(db, editor, directory, name="test")
    yield Searched(db, Reader(token.id, directory.id, BASE))


ANN = {
    "userName": "Ann",
    "externalId": "00uA",
    "displayName": "Ann Élan",
    "title": '100% "real" C:\\_x',
    "name": {"givenName": "Ann", "familyName": "Élan"},
    "emails": [
        {"value": "Ann@home.example", "type": "home"},
        {"value": "ann@work.example", "type": "work", "primary": True},
    ],
    "active": True,
    ENTERPRISE_URN: {"employeeNumber": "100", "manager": {"value": "m1"}},
}
BOB = {
    "userName": "bob_%",
    "externalId": "00ua",
    "displayName": "Bob E\u0301lan",
    "emails": [{"type": "work", "display": "none yet"}],
    "active": False,
    ENTERPRISE_URN: {"employeeNumber": "20"},
}
CY = {
    "userName": "cy",
    "title": "",
    "active": True,
    "photos": [{"value": "https://x.example/A.png"}],
}


@pytest.fixture
async def stage(db: Database) -> AsyncIterator[Searched]:
    async with staged(db) as stage:
        made = await stage.put_users([ANN, BOB, CY])
        await stage.put_groups({"Sales_%": made[:2], "sales": made[:1]}, externalId="g1")
        await stage.put_groups({"Empty": []})
        yield stage


async def _names(stage: Searched, kind: Type, text: str) -> str:
    name = "userName" if kind is USER else "displayName"
    return " ".join(body[name] for body in await stage.found(kind, compile_filter(kind, text)))


E = ENTERPRISE_URN
USERS_FOUND = [
    ('userName eq "ANN"', "Ann"),
    ('USERNAME EQ "ann"', "Ann"),
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


# ---------------------------------------------------------------- orders

ORDERED = [
    ("userName", "Ann bob_% cy"),
    ("title", "cy Ann bob_%"),
    ("externalId", "Ann bob_% cy"),
    ("displayName", "Ann bob_% cy"),
    ("active", "bob_% Ann cy"),
    ("emails", "Ann bob_% cy"),
    ("emails.type", "Ann bob_% cy"),
    (f"{E}:employeeNumber", "Ann bob_% cy"),
    ("groups.display", "Ann bob_% cy"),
    ("meta.created", "Ann bob_% cy"),
]


@pytest.mark.parametrize(("name", "expected"), ORDERED)
async def test_an_ascending_order_puts_users_without_a_value_last(
    stage: Searched, name: str, expected: str
) -> None:
    order = compile_listing(USER, None, name, descending=False)

    found = await stage.found(USER, order)

    assert " ".join(body["userName"] for body in found) == expected


async def test_a_descending_order_puts_users_without_a_value_first(stage: Searched) -> None:
    order = compile_listing(USER, None, "externalId", descending=True)

    found = await stage.found(USER, order)

    assert [body["userName"] for body in found] == ["cy", "bob_%", "Ann"]


async def test_several_values_are_ordered_by_the_primary_one_or_else_the_first(
    db: Database,
) -> None:
    def having(*values: tuple[str, bool]) -> dict[str, Any]:
        entries = [{"value": value, "primary": primary} for value, primary in values]
        return {"active": True, "phoneNumbers": entries}

    async with staged(db) as stage:
        people = [
            having(("3", False), ("1", False)),
            having(("9", False), ("2", True)),
            having(("1", False)),
        ]
        made = await stage.put_users(people)

        order = compile_listing(USER, None, "phoneNumbers", descending=False)
        found = [body["id"] for body in await stage.found(USER, order)]

        assert found == [made[2], made[1], made[0]]


async def test_groups_of_a_user_are_ordered_by_the_first_of_their_names(db: Database) -> None:
    async with staged(db) as stage:
        made = await stage.put_users([{"active": True}] * 3)
        await stage.put_groups(
            {"zeta": made[:1], "beta": made[1:2], "eta": made[:1], "alpha": made[:1]}
        )

        order = compile_listing(USER, None, "groups.display", descending=False)

        assert [body["id"] for body in await stage.found(USER, order)] == made


async def test_a_filter_and_an_order_go_together(stage: Searched) -> None:
    text = 'emails.type eq "work" and active pr'

    both = compile_listing(USER, text, "userName", descending=True)

    assert [body["userName"] for body in await stage.found(USER, both)] == ["bob_%", "Ann"]


@pytest.mark.parametrize(
    "text",
    [
        "nosuch",
        "name",
        "addresses",
        "x509Certificates",
        "password",
        "userName pr",
        'emails[type eq "x"]',
        "",
        "\x00",
        "\ud800",
    ],
    ids=range(10),
)
def test_an_attribute_without_an_order_is_an_invalid_path(text: str) -> None:
    with pytest.raises(ScimError) as refused:
        compile_listing(USER, None, text, descending=False)

    assert (refused.value.status, refused.value.scim_type) == (400, "invalidPath")


# ---------------------------------------------------------------- indexes

FILLED = """
INSERT INTO calscim.users (id, directory_id, user_name, user_name_key, external_id, active, managed, source, data,
                           changed_seq, created_at, updated_at)
SELECT gen_random_uuid(), $1, 'u' || n, 'u' || n, 'e' || n, true, true, 'provider', '{}', 1, now(), now()
FROM generate_series(1, 5000) n;
"""
FILLED_EMAILS = """
INSERT INTO calscim.user_emails
SELECT directory_id, user_name_key || '@acme.com', id FROM calscim.users WHERE directory_id = $1
"""
FILLED_GROUPS = """
INSERT INTO calscim.groups (id, directory_id, display_name, display_name_key, external_id, data, changed_seq,
                            created_at, updated_at)
SELECT gen_random_uuid(), $1, 'g' || n, 'g' || n, 'e' || n, '{}', 1, now(), now() FROM generate_series(1, 5000) n
"""


@pytest.fixture
async def crowd(database: Any, db: Database) -> AsyncIterator[tuple[asyncpg.Connection, Reader]]:
    """Five thousand users and groups, analyzed, and a connection that may run EXPLAIN."""
    owner = await asyncpg.connect(database.owner_dsn)
    async with staged(db) as stage:
        for statement in (FILLED, FILLED_EMAILS, FILLED_GROUPS):
            await owner.execute(statement.replace("$1", f"'{stage.reader.directory}'"))
        await owner.execute("ANALYZE calscim.users, calscim.user_emails, calscim.groups")
        yield owner, stage.reader
    await owner.close()


Scan = tuple[str, str]  # an index of a plan, and what it is searched by


async def _plan(
    crowd: tuple[asyncpg.Connection, Reader], kind: Type, listing: Listing, place: Place | None
) -> tuple[list[Scan], bool]:
    """Return the index scans of a page's plan, and whether a whole list is sorted by the value."""
    owner, reader = crowd
    key = f"${7 + len(listing.parameters)}::{listing.key_type}"
    query = page_query(TABLES[kind.name], listing, place, key, forward=True)
    ordinal = -1 if place is None else place.ordinal
    given = [reader.token_id, reader.directory, reader.base, ordinal, 100, 0, *listing.parameters]
    if place is not None:
        given.append(place.key)
    plan = json.loads(await owner.fetchval(f"EXPLAIN (FORMAT JSON) {query}", *given))[0]["Plan"]
    nodes = list(_nodes(plan))
    scans = [
        (node["Index Name"], node.get("Index Cond", "").replace(reader.directory, "d"))
        for node in nodes
        if "Index Name" in node
    ]
    return scans, any(node["Node Type"] == "Sort" and node["Plan Rows"] > 1000 for node in nodes)


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for part in node.get("Plans", ()):
        yield from _nodes(part)


def _type_of(attribute: IndexedAttribute) -> Type:
    return USER if attribute.row == "u" else GROUP


def _stored(attribute: IndexedAttribute) -> str:
    return str(uuid.UUID(int=1)) if attribute.match is Match.ID else "u77"


EACH = pytest.mark.parametrize(
    "attribute", INDEXED_ATTRIBUTES, ids=[f"{one.row}.{one.name}" for one in INDEXED_ATTRIBUTES]
)
EACH_WITH_ORDER = pytest.mark.parametrize(
    "attribute",
    [one for one in INDEXED_ATTRIBUTES if not one.owners],
    ids=[f"{one.row}.{one.name}" for one in INDEXED_ATTRIBUTES if not one.owners],
)


@EACH
async def test_equality_uses_the_index_of_the_attribute(
    crowd: tuple[asyncpg.Connection, Reader], attribute: IndexedAttribute
) -> None:
    kind = _type_of(attribute)
    text = f'{attribute.name} eq "{_stored(attribute)}"'

    scans, _ = await _plan(crowd, kind, compile_filter(kind, text), None)

    equality = f" = '{_stored(attribute)}'"
    assert any(name == attribute.index and equality in cond for name, cond in scans), scans
    assert has_index(kind, text)
    assert look_up_attribute(kind, attribute.name) is attribute


@EACH
async def test_a_prefix_uses_the_index_of_a_name(
    crowd: tuple[asyncpg.Connection, Reader], attribute: IndexedAttribute
) -> None:
    kind = _type_of(attribute)
    listing = compile_filter(kind, f'{attribute.name} sw "U777"')

    scans, _ = await _plan(crowd, kind, listing, None)

    used = any(name == attribute.index and "~>=~ 'u777'" in cond for name, cond in scans)
    assert used is (attribute.match is Match.NAME), scans


@EACH_WITH_ORDER
@pytest.mark.parametrize("descending", [False, True])
async def test_an_order_is_read_from_the_index_of_the_attribute(
    crowd: tuple[asyncpg.Connection, Reader], attribute: IndexedAttribute, descending: bool
) -> None:
    kind = _type_of(attribute)
    listing = compile_listing(kind, None, attribute.name, descending=descending)

    scans, is_sorted = await _plan(crowd, kind, listing, None)

    assert attribute.index in [name for name, _ in scans], scans
    assert not is_sorted


@EACH_WITH_ORDER
@pytest.mark.parametrize("descending", [False, True])
async def test_a_page_of_an_order_begins_at_its_place_in_the_index(
    crowd: tuple[asyncpg.Connection, Reader], attribute: IndexedAttribute, descending: bool
) -> None:
    kind = _type_of(attribute)
    listing = compile_listing(kind, None, attribute.name, descending=descending)

    scans, is_sorted = await _plan(crowd, kind, listing, Place(7, _stored(attribute)))

    conditions = [cond for name, cond in scans if name == attribute.index]
    assert conditions, scans
    # Rows without a value follow when ascending: no one range of the index has both.
    if descending or not attribute.nullable:
        reached = re.compile(rf" ~?[<>]=~? '{_stored(attribute)}'")
        assert any(map(reached.search, conditions)), conditions
    assert not is_sorted


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (USER, 'userName eq "ann"', True),
        (USER, 'externalId eq "1" or id eq "2"', True),
        (USER, 'emails eq "ann@acme.example" and active eq true', True),
        (USER, 'emails.value eq "ann@acme.example"', True),
        (GROUP, 'displayName eq "Sales"', True),
        (GROUP, 'members.value eq "x"', True),
        (USER, 'userName sw "a"', False),
        (USER, 'userName co "a"', False),
        (USER, 'userName eq "ann" or active eq true', False),
        (USER, 'not (userName eq "ann")', False),
        (USER, 'userName ne "ann"', False),
        (USER, 'emails[value eq "ann@acme.example"]', False),
        (USER, 'name.familyName eq "Lee"', False),
        (GROUP, 'userName eq "ann"', False),
    ],
)
def test_a_filter_that_no_index_serves_counts_as_a_search(
    kind: Any, text: str, expected: bool
) -> None:
    assert has_index(kind, text) is expected
