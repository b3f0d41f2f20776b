"""A person is erased: nothing in the database says their address any more, and everything is still provable."""

import json
import re
import uuid

import pytest

from calscim import admin, encryption
from calscim.directory import imported_users, resources
from calscim.directory.imported_users import Account
from calscim.directory.resources import GroupState, MemberChange
from calscim.errors import StoreError, UsageError
from calscim.journal import chain, checkpoints, history
from calscim.journal.archive import export, read
from calscim.journal.erasure import erase
from calscim.journal.history import Wanted
from calscim.journal.replay import rebuild
from calscim.reconciler.state.attempts import Attempts
from tests.support.acme import ANN, BOB, EDITOR, EVERYTHING, OLD, Acme, everything


async def test_no_table_contains_the_address_after_the_erasure(db, owning, left):
    assert ANN in await everything(owning)

    found = await erase.erase(owning, EDITOR, ANN)

    text = await everything(owning)
    assert found.name == f"erased-{str(left.ann)[:8]}"
    assert found.name in text
    for gone in (ANN, OLD, "00uann"):
        assert gone not in text
    assert BOB in text
    assert "00ubob" in text


@pytest.mark.parametrize("person", [ANN, ANN.upper(), OLD, "id"])
async def test_a_person_is_meant_by_any_address_and_by_the_id(db, owning, left, person):
    found = await erase.erase(owning, EDITOR, str(left.ann) if person == "id" else person)

    assert set(found.identifiers) == {ANN, OLD, "00uann"}
    assert ANN not in await everything(owning)


async def test_the_chain_holds_and_the_tables_follow_from_the_journal(db, owning, okta, left):
    marks = await checkpoints.read_heads(db)
    await erase.erase(owning, EDITOR, ANN)

    assert (await chain.verify(db)).broken == ()
    assert await checkpoints.verify_against(db, marks) == ()
    assert (await rebuild.compare(db, okta)).differences == ()
    assert (await rebuild.rebuild(db, EDITOR, okta)).different == 0
    assert (await rebuild.compare(db, okta)).differences == ()


async def test_a_user_whom_the_provider_deleted_can_be_erased(db, owning, okta, acme):
    await resources.delete_user(db, acme.origin(b""), acme.ann)

    await erase.erase(owning, EDITOR, ANN)

    assert ANN not in await everything(owning)
    assert (await chain.verify(db)).broken == ()
    assert (await rebuild.compare(db, okta)).differences == ()


async def test_the_erasure_stands_in_the_journal_without_the_person(db, owning, okta, left):
    await erase.erase(owning, EDITOR, ANN)

    (row,) = await db.fetch(
        "SELECT stream, remote, effect FROM calscim.journal WHERE path = 'person.erase'"
    )
    effect = json.loads(row["effect"])
    lost = await db.fetch(
        "SELECT seq FROM calscim.journal WHERE body IS NULL AND body_digest <> sha256('') AND stream = $1 ORDER BY 1",
        okta.id,
    )
    assert (row["stream"], row["remote"]) == ("@acme", "ada")
    assert effect["rows"][okta.id]["body"] == [seq for (seq,) in lost] == [1, 3, 4, 5]
    assert effect["rows"][okta.id]["effect"] == [1, 3, 4, 5]
    assert effect["users"] == [{"id": str(left.ann), "directory": okta.id, "managed": True}]


async def test_a_group_keeps_its_effect_without_the_unknown_member(db, owning, okta, left):
    await erase.erase(owning, EDITOR, ANN)

    (effect,) = json.loads(
        await db.fetchval("SELECT effect FROM calscim.journal WHERE path = 'person.erase'")
    )["instead"][okta.id].values()
    assert json.loads(effect)["skipped"] == []
    then = await rebuild.as_of(db, okta.id, None)
    assert set(then.people_of(str(left.group))) == {str(left.bob)}


async def test_two_people_whom_one_row_names_can_both_be_erased(db, owning, okta, acme):
    await resources.create_group(
        db,
        acme.origin(b"{}"),
        uuid.uuid4(),
        GroupState("Later", None, '{"displayName": "Later"}'),
        MemberChange(unknown=(ANN, BOB)),
        "",
    )
    await acme.deactivate()
    await acme.put(acme.bob, BOB, active=False)

    await erase.erase(owning, EDITOR, ANN)
    await erase.erase(owning, EDITOR, BOB)

    text = await everything(owning)
    assert ANN not in text
    assert BOB not in text
    assert not (await chain.verify(owning)).broken
    assert (await rebuild.compare(db, okta)).different == 0


async def test_membership_of_an_earlier_moment_is_shown_under_the_new_name(db, owning, okta, left):
    moment = await db.fetchval(
        "SELECT at FROM calscim.journal WHERE stream = $1 AND seq = 4", okta.id
    )
    found = await erase.erase(owning, EDITOR, ANN)

    then = await rebuild.as_of(db, okta.id, moment)

    assert {then.called(key)[0] for key in then.people_of(str(left.group))} == {found.name, BOB}


async def test_looking_changes_nothing_and_says_the_same(db, owning, left):
    before = await everything(owning)

    looked = await erase.examine(owning, ANN)

    assert await everything(owning) == before
    done = await erase.erase(owning, EDITOR, ANN)
    assert looked.name == done.name
    assert looked.rows.body.items() <= done.rows.body.items()


async def test_asking_again_finds_nothing_left(db, owning, left):
    await erase.erase(owning, EDITOR, ANN)

    with pytest.raises(UsageError, match="no person is or was known as"):
        await erase.examine(owning, ANN)
    assert (await erase.examine(owning, str(left.ann))).nothing
    assert (await erase.examine(owning, f"erased-{str(left.ann)[:8]}")).nothing


async def test_a_person_whom_no_directory_knows_is_erased_from_the_attempts(db, owning, okta):
    number = await db.fetchval(
        "INSERT INTO calscim.actions (organization, pass_id, plan_hash, kind, email, cal_user_id, because, request_id,"
        " term) VALUES ('acme', 1, 'h', 'member.remove', $1, 7, 'drift', 'r', 1) RETURNING id",
        ANN,
    )
    await Attempts(db, None, 1, "h").finish(number, "done", "", None)

    await erase.erase(owning, EDITOR, ANN)

    assert ANN not in await everything(owning)
    assert (await chain.verify(db)).broken == ()


async def test_what_waits_and_was_reported_loses_the_address_and_keeps_the_rest(db, owning, left):
    await db.execute(
        "INSERT INTO calscim.holds (organization, hash, guard, actions, is_current)"
        " VALUES ('acme', 'h', 'g', $1::text::jsonb, false)",
        json.dumps([{"email": ANN, "team_id": 3}]),
    )
    await db.execute(
        "INSERT INTO calscim.reconcile_passes (organization, scope, report) VALUES ('acme', 'full', $1::text::jsonb)",
        json.dumps({"waiting": [{"email": ANN, "reason": "x"}]}),
    )
    await db.execute(
        "INSERT INTO calscim.sync_requests (organization, detail) VALUES ('acme', $1)", ANN
    )
    await db.execute(
        "INSERT INTO calscim.parked_actions VALUES ('acme', 'user.create', $1, 0, $2, $3, true, 'f', 1, now(), now())",
        str(left.ann),
        ANN,
        f"{ANN} refused",
    )

    await db.execute("INSERT INTO calscim.drift_observations VALUES ('acme', 'd', 3, $1)", ANN)

    name = (await erase.erase(owning, EDITOR, ANN)).name

    assert json.loads(await db.fetchval("SELECT actions FROM calscim.holds")) == [
        {"email": name, "team_id": 3}
    ]
    assert await db.fetchval("SELECT reason FROM calscim.parked_actions") == f"{name} refused"
    assert ANN not in await everything(owning)


async def test_an_address_is_found_and_erased_in_whatever_spelling_it_stands(db, owning, okta):
    composed, decomposed, capital = "éva@acme.example", "e\u0301va@acme.example", "ÉVA@ACME.example"
    for number, spelling in enumerate((composed, decomposed, capital)):
        await db.execute(
            "INSERT INTO calscim.sync_requests (organization, detail) VALUES ('acme', $1)", spelling
        )
        await db.execute(
            "INSERT INTO calscim.drift_observations VALUES ('acme', $1, 3, $2)",
            str(number),
            spelling,
        )
        await db.execute(
            "INSERT INTO calscim.reconcile_passes (organization, scope, report) VALUES ('acme', 'full', $1::text::jsonb)",
            json.dumps({"waiting": [{"email": spelling}]}),
        )

    found = await erase.erase(owning, EDITOR, f" {capital}")

    text = await everything(owning)
    assert (
        found.tables["sync_requests"]
        == found.tables["drift_observations"]
        == found.tables["reconcile_passes"]
        == 3
    )
    for gone in (composed, decomposed, capital.lower()):
        assert gone not in text


# ------------------------------------------------------------------ who is not erased


async def test_an_active_user_is_refused(owning, acme):
    with pytest.raises(UsageError, match="active user of the directory Okta: deactivate or delete"):
        await erase.erase(owning, EDITOR, ANN)


async def test_the_erasure_of_an_imported_user_is_refused(db, owning, okta):
    await imported_users.import_accounts(db, "acme", okta.id, [Account(7, ANN, "A", "N")], "r")

    with pytest.raises(UsageError, match=r"is in the Cal\.com organization"):
        await erase.erase(owning, EDITOR, ANN)


async def test_an_unfinished_deprovision_is_refused(db, owning, left):
    await db.execute(
        "INSERT INTO calscim.account_links VALUES ('acme', $1, 7, 'created', $2, now(), 0)",
        left.ann,
        ANN,
    )
    with pytest.raises(UsageError, match="still has an account"):
        await erase.erase(owning, EDITOR, ANN)

    await db.execute("UPDATE calscim.account_links SET missed_passes = 3")
    await db.execute(
        "INSERT INTO calscim.applied_attributes VALUES ('acme', 7, 'a1', '[\"Sales\"]')"
    )
    await erase.erase(owning, EDITOR, ANN)
    assert await db.fetchval("SELECT count(*) FROM calscim.account_links") == 0
    assert await db.fetchval("SELECT count(*) FROM calscim.applied_attributes") == 0


async def test_a_call_under_way_and_a_held_removal_are_refused(db, owning, left):
    await left.done_in_calcom(outcome=None)
    with pytest.raises(UsageError, match="just being changed"):
        await erase.erase(owning, EDITOR, ANN)

    await db.execute("UPDATE calscim.actions SET finished_at = now()")
    await db.execute(
        "INSERT INTO calscim.holds (organization, hash, guard, actions) VALUES ('acme', 'abc', 'g', $1::text::jsonb)",
        json.dumps([{"email": ANN}]),
    )
    with pytest.raises(UsageError, match="calscim approve abc"):
        await erase.erase(owning, EDITOR, ANN)


async def test_an_address_that_another_user_has_now_stays_in_that_user_s_rows(
    db, owning, okta, left
):
    await resources.delete_user(db, left.origin(b""), left.ann)
    other = uuid.uuid4()
    left.ids[other] = "00uother"
    await left.push(other, ANN)
    with pytest.raises(UsageError, match="active user"):
        await erase.erase(owning, EDITOR, ANN)

    found = await erase.erase(owning, EDITOR, str(left.ann))

    assert found.shared == (ANN,)
    assert await db.fetchval("SELECT user_name FROM calscim.users WHERE id = $1", other) == ANN
    assert await db.fetchval(
        "SELECT count(*) FROM calscim.journal WHERE resource_id = $1 AND body IS NOT NULL",
        str(other),
    )
    assert OLD not in await everything(owning)
    assert (await rebuild.compare(db, okta)).differences == ()


async def test_other_users_who_name_them_are_told_of_and_kept(db, owning, okta, left):
    await left.put(left.bob, BOB, manager={"value": "x", "displayName": ANN})

    found = await erase.erase(owning, EDITOR, ANN)

    assert found.rows.others == {str(left.bob)}
    assert (await rebuild.compare(db, okta)).differences == ()


async def test_another_organization_is_left_alone(db, owning, left):
    globex = await admin.create_directory(
        db, EDITOR, organization="globex", name="Globex", provider="okta-scim-v2"
    )
    there = Acme(db, globex)
    await there.happen()
    await there.deactivate()

    found = await erase.erase(owning, EDITOR, ANN, "acme")

    assert found.shared == ()
    bodies = "SELECT count(*) FROM calscim.journal WHERE stream = $1 AND body IS NOT NULL"
    assert await db.fetchval(bodies, left.directory.id) == 1  # Bob's
    assert (
        await db.fetchval(
            "SELECT count(*) FROM calscim.journal WHERE stream = $1 AND body IS NULL", globex.id
        )
        == 0
    )
    await erase.erase(owning, EDITOR, ANN)
    assert ANN not in await everything(owning)
    assert (await chain.verify(db)).broken == ()


# ------------------------------------------------------------------ encrypted bodies


async def test_encrypted_bodies_are_opened_to_be_looked_through(db, owning, okta, left):
    cipher = encryption.cipher(encryption.new_key())
    encrypted = cipher.encrypt(json.dumps({"members": [{"display": ANN}]}).encode())
    await resources.delete_user(db, left.origin(encrypted), left.bob)
    row = "SELECT body FROM calscim.journal WHERE resource_id = $1 ORDER BY seq DESC LIMIT 1"

    with pytest.raises(StoreError, match="add its file"):
        await erase.erase(owning, EDITOR, ANN)
    assert await db.fetchval(row, str(left.bob)) == encrypted

    await erase.erase(owning, EDITOR, ANN, cipher=cipher)
    assert await db.fetchval(row, str(left.bob)) is None
    assert (await chain.verify(db)).broken == ()


# ------------------------------------------------------------------ archived months


async def test_archived_months_are_named_and_what_they_came_to_is_erased(
    db, owning, okta, acme, age, tmp_path
):
    await age("2020-03-15T12:00:00+00:00")
    done = await export.archive(owning, EDITOR, "2020-03", tmp_path)
    await acme.deactivate()

    found = await erase.erase(owning, EDITOR, ANN)

    assert ANN not in await everything(owning)
    assert await erase.in_archives(db, found, [tmp_path]) == {done.file.name: 3}
    assert (await rebuild.compare(db, okta)).differences == ()
    opened = await read.opened(db, [tmp_path])
    assert (await rebuild.compare(db, okta, opened)).differences == ()


async def test_erased_rows_are_archived_and_still_proven(db, owning, okta, left, age, tmp_path):
    await erase.erase(owning, EDITOR, ANN)
    await age("2020-03-15T12:00:00+00:00")

    await export.archive(owning, EDITOR, "2020-03", tmp_path)

    assert (await read.verify(db, [tmp_path])).broken == ()
    assert (await rebuild.compare(db, okta)).differences == ()
    opened = await read.opened(db, [tmp_path])
    assert (await rebuild.compare(db, okta, opened)).differences == ()
    assert not await erase.in_archives(db, await erase.examine(owning, str(left.ann)), [tmp_path])


async def test_a_later_archive_still_has_the_erased_name(db, owning, okta, acme, age, tmp_path):
    await age("2020-03-15T12:00:00+00:00")
    await export.archive(owning, EDITOR, "2020-03", tmp_path)
    await acme.deactivate()
    await erase.erase(owning, EDITOR, ANN)
    await age("2020-04-15T12:00:00+00:00")

    await export.archive(owning, EDITOR, "2020-04", tmp_path)

    assert ANN not in await everything(owning)
    assert (await rebuild.compare(db, okta)).differences == ()
    opened = await read.opened(db, [tmp_path])
    assert (await rebuild.compare(db, okta, opened)).differences == ()


async def test_the_rows_of_an_erased_person_can_still_be_found(db, owning, okta, left):
    name = (await erase.erase(owning, EDITOR, ANN)).name

    ids = await history.people(db, name, None)

    assert ids == [str(left.ann)]
    assert len([row async for row in history.rows(db, Wanted(about=ids))]) >= 4


WITHOUT_PEOPLE = [
    "console_sessions",  # operators, until their session ends
    "console_sign_ins",
    "log_level",
    "conditions",
    "schema_version",
    "directories",
    "tokens",
    "token_uses",
    "pauses",
    "database_identity",
    "journal_heads",
    "groups",
    "members",
    "former_members",
    "mappings",
    "created_teams",
    "org_role_grants",
    "former_accounts",
    "build_traits",
    "ledger",
    "journal_offsets",
    "leases",
    "daemons",
    "lease_candidates",
    "rate_budgets",
    "journal_archives",
    "event_deliveries",
    "event_head",
    "event_offsets",
]


async def test_every_table_is_searched_or_known_to_contain_no_person(owning):
    """A new table: teach erase_tables of it and add it to EVERYTHING, or name it in WITHOUT_PEOPLE."""
    tables = await owning.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'calscim'::regnamespace AND relkind IN ('r', 'p')"
        " AND NOT relispartition"
    )

    assert {name for (name,) in tables} == {
        *re.findall(r"calscim\.(\w+)", EVERYTHING),
        *WITHOUT_PEOPLE,
    }


async def test_attributes_set_in_cal_com_are_erased_with_the_person(db, owning, left):
    await db.execute(
        "INSERT INTO calscim.account_links VALUES ('acme', $1, 7, 'created', $2, now(), 3)",
        left.ann,
        ANN,
    )
    await db.execute(
        "INSERT INTO calscim.applied_attributes VALUES ('acme', 7, 'a1', '[\"Grade 7\"]')"
    )
    await db.execute(
        "INSERT INTO calscim.actions (organization, pass_id, plan_hash, kind, email, user_id, because, request_id, term,"
        " outcome, finished_at) VALUES ('acme', 1, 'h', 'user.update', $1, $2, $3, 'r', 1, 'done', now())",
        ANN,
        left.ann,
        'grade: nothing -> "Grade 7" (journal 3)',
    )

    await erase.erase(owning, EDITOR, ANN)

    assert "Grade 7" not in await everything(owning)
