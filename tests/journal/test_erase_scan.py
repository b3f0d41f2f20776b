"""After an erasure no column of any table has the person, in any spelling, but where the report says that it stays."""

import json
import uuid
from dataclasses import replace
from unicodedata import normalize
from urllib.parse import quote

import pytest

from calscim import admin
from calscim.directory import resources
from calscim.directory.resources import GroupState, MemberChange
from calscim.errors import UsageError
from calscim.journal import append as journal
from calscim.journal import chain
from calscim.journal.erasure import erase
from calscim.journal.replay import rebuild
from tests.support.acme import ANN, BOB, EDITOR, OLD

FULL, GIVEN, FAMILY = "Annabel Exemplar-Müller", "Annabel", "Exemplar-Müller"
USER_NAME = "annabel7"
IDENTIFIERS = (ANN, OLD, FULL, USER_NAME, "00uann", f"{FAMILY}, {GIVEN}")


def spellings(text):
    """Every form in which a column may have a text: as it is, decomposed, encoded for a URL, JSON or as bytes."""
    plain = {normalize(form, text) for form in ("NFC", "NFD")}
    encoded = {quote(one, safe="") for one in plain} | {quote(one) for one in plain}
    escaped = {json.dumps(one)[1:-1] for one in plain}
    every = {one.lower() for one in plain | encoded | escaped}
    return every | {one.encode().hex() for one in plain | encoded | escaped}


FORMS = {one for text in IDENTIFIERS for one in spellings(text)}


async def where(db):
    """Each column that names the person, as (table, column, row)."""
    found = []
    columns = await db.fetch(
        "SELECT c.oid::regclass::text AS table, a.attname AS column FROM pg_class c JOIN pg_attribute a "
        "ON a.attrelid = c.oid WHERE c.relnamespace = 'calscim'::regnamespace AND c.relkind IN ('r', 'p') "
        "AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped"
    )
    for table, column in columns:
        rows = await db.fetch(
            f'SELECT lower(t."{column}"::text) AS plain, t::text AS row FROM {table} t'
        )
        for row in rows:
            text = row["plain"] or ""
            text += (
                bytes.fromhex(text[2:]).decode(errors="replace").lower()
                if text[:2] == "\\x"
                else ""
            )
            text = normalize("NFC", text.encode().decode()) + text
            if any(form in text for form in FORMS):
                found.append((table, column, row["row"]))
    return found


async def refuse(db, acme, origin, status, kind="", key=""):
    """Journal a refused request with a token that is valid."""
    token, _ = await admin.create_token(db, EDITOR, acme.directory, name="t")
    seq = await journal.refuse(db, replace(origin, token_id=token.id), status, kind, key)
    assert seq is not None
    return seq


@pytest.fixture
async def named(db, acme):
    """Ann in every place that the database has for her, and gone from Cal.com."""
    ann, bob = acme.ann, acme.bob
    data = {"displayName": FULL, "name": {"givenName": GIVEN, "familyName": FAMILY}}

    def origin(**body):
        return replace(acme.origin(json.dumps(body).encode()), method="POST")

    state = acme.state(ann, ANN, **data)
    state = replace(
        state,
        user_name=USER_NAME,
        data=json.dumps({**json.loads(state.data), "userName": USER_NAME}),
    )
    await resources.update_user(db, origin(**data, userName=USER_NAME), ann, state, "", None)
    # Other people's requests: members with display, a reference, and operations in bulk.
    member = {"value": str(ann).upper(), "display": "Annie", "$ref": f"https://x/Users/{ann}"}
    await resources.create_group(
        db,
        origin(displayName="Later", members=[member, {"value": "?", "display": FULL.upper()}]),
        uuid.uuid4(),
        GroupState("Later", None, '{"displayName": "Later"}'),
        MemberChange(frozenset([ann]), unknown=(f"{USER_NAME}", ANN)),
        "",
    )
    for body in (
        {"method": "PATCH", "path": f"/Users/{ann}", "data": {"nickName": "Annie"}},
        {"Operations": [{"op": "add", "path": f'members[value eq "{ann}"]', "value": "Annie"}]},
        {"userName": USER_NAME.upper()},
        {"filter": f'userName eq "{USER_NAME}"'},
        {"members": [{"display": normalize("NFD", FULL)}]},
        {"redirect": f"https://x/?login_hint={quote(ANN, safe='')}"},
    ):
        await refuse(db, acme, origin(**body), 400, "Group", str(bob))
    escaped = b'{"members":[{"display":"Annabel Exemplar-M\\u00fcller"}]}'
    await refuse(db, acme, acme.origin(escaped), 409)
    await refuse(db, acme, acme.origin(b'{"broken": "ann\\u0040acme.example'), 400)
    await acme.put(ann, ANN, active=False, **data)
    await acme.done_in_calcom()
    about = {"user_id": str(ann), "email": ANN, "user_name": USER_NAME, "because": f"{FULL} left"}
    for statement, *values in (
        (
            "INSERT INTO calscim.holds (organization, hash, guard, actions, is_current) VALUES ('acme', 'h', 'g', $1::text::jsonb, false)",
            json.dumps([about, {"email": BOB}]),
        ),
        (
            "INSERT INTO calscim.reconcile_passes (organization, scope, report) VALUES ('acme', 'full', $1::text::jsonb)",
            json.dumps({"waiting": [about | {"email": ""}]}),
        ),
        (
            "INSERT INTO calscim.sync_requests (organization, detail) VALUES ('acme', $1)",
            f"{ANN} waits",
        ),
        ("INSERT INTO calscim.drift_observations VALUES ('acme', 'd', 3, $1)", ANN.upper()),
        (
            "INSERT INTO calscim.notifications (id, channel, type, payload) "
            "VALUES (gen_random_uuid(), 'pager', 'action.parked', $1::text::jsonb)",
            json.dumps(
                about | {"organization": "acme", "summary": f"user.create of {ANN} failed: {FULL}"}
            ),
        ),
        (
            "INSERT INTO calscim.parked_actions VALUES ('acme', 'user.create', $1, 0, $2, $3, true, 'f', 1, now(), now())",
            str(ann),
            ANN,
            f"{USER_NAME} ({FULL}) refused",
        ),
        ("UPDATE calscim.actions SET detail = $1", f"told {FULL}, {USER_NAME}"),
        (
            "INSERT INTO calscim.account_links VALUES ('acme', $1, 7, 'created', $2, now(), 3)",
            ann,
            ANN,
        ),
    ):
        await db.execute(statement, *values)
    return acme


async def test_no_column_of_any_table_names_the_person_afterwards(db, owning, okta, named):
    tables = {table for table, _, _ in await where(owning)}
    assert {
        f"calscim.{name}"
        for name in (
            "journal",
            "users",
            "user_emails",
            "actions",
            "holds",
            "notifications",
            "reconcile_passes",
        )
    } <= tables

    found = await erase.erase(owning, EDITOR, ANN)

    assert found.rows.stays == []
    assert await where(owning) == []
    left = await db.fetch("SELECT encode(body, 'escape') AS body FROM calscim.journal")
    assert [row["body"] for row in left if "annie" in (row["body"] or "").lower()] == []
    assert (await chain.verify(db)).broken == ()
    assert (await rebuild.compare(db, okta)).differences == ()


async def test_what_stays_is_listed_row_by_row(db, owning, named):
    path = f"/scim/v2/x/Users?filter=userName%20eq%20%22{quote(ANN)}%22"
    old = replace(named.origin(b"{}"), path=path)  # as earlier releases kept it
    seq = await refuse(db, named, old, 400, "User", ANN)

    found = await erase.erase(owning, EDITOR, ANN)

    assert found.rows.stays == [(named.directory.id, seq, ("path", "resource_id"))]
    assert {(table, column) for table, column, _ in await where(owning)} == {
        ("calscim.journal", "path"),
        ("calscim.journal", "resource_id"),
    }


async def test_a_held_set_that_names_the_person_by_id_alone_is_in_the_way(db, owning, named):
    await db.execute(
        "INSERT INTO calscim.holds (organization, hash, guard, actions) VALUES ('acme', 'abc', 'g', $1::text::jsonb)",
        json.dumps([{"user_id": str(named.ann), "email": ""}]),
    )

    with pytest.raises(UsageError, match="calscim approve abc"):
        await erase.erase(owning, EDITOR, ANN)


async def test_a_full_name_that_another_user_has_as_well_is_left(db, owning, named):
    await named.put(named.bob, BOB, displayName=FULL)

    found = await erase.erase(owning, EDITOR, ANN)

    assert FULL.lower() not in found.called
    assert any(
        FULL.lower() in row.lower() for table, _, row in await where(owning) if "users" in table
    )


async def test_other_peoples_rows_stay_where_they_do_not_name_the_person(db, owning, named):
    before = await db.fetchval("SELECT count(*) FROM calscim.journal WHERE body IS NOT NULL")
    unrelated = named.origin(
        json.dumps({"displayName": "Annabel", "userName": "annabel77"}).encode()
    )
    seq = await refuse(db, named, unrelated, 409)

    await erase.erase(owning, EDITOR, ANN)

    kept = "SELECT body IS NOT NULL FROM calscim.journal WHERE stream = $1 AND seq = $2"
    assert before > 0
    assert await db.fetchval(kept, named.directory.id, seq)
