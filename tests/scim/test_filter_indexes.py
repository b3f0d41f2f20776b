"""Each indexed attribute is searched, sorted and paged by its index."""

import json
import re
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from calscim.directory.indexed_attributes import INDEXED_ATTRIBUTES, IndexedAttribute, Match
from calscim.directory.keyset_pages import Listing, Place, page_query
from calscim.directory.resources import Reader
from calscim.postgres.pool import Database
from calscim.scim.filter.compile import compile_filter, has_index, look_up_attribute
from calscim.scim.filter.sort import compile_listing
from calscim.scim.schema import GROUP, USER, Type
from tests.scim.searched_directory import TABLES, staged

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
