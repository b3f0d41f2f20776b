"""Edits of directories, tokens, mappings, and pauses, each with its journal row."""

import hashlib
import re
import uuid
from dataclasses import replace

import orjson
import pytest

from calscim import admin
from calscim.admin import Directory, Editor, TeamRef
from calscim.admin.groups import MappedTeam
from calscim.encryption import PLAIN
from calscim.errors import UsageError
from calscim.journal.audit import transaction
from calscim.planner.modes import Mode
from calscim.planner.roles import Role
from calscim.postgres.pool import Database
from calscim.reconciler.state import passes

SALES = TeamRef(101, "Sales")
EDITOR = Editor(by="ada@desk", cipher=PLAIN)


@pytest.fixture
async def okta(db: Database) -> Directory:
    return await admin.create_directory(
        db, EDITOR, organization="acme", name="Okta", provider="okta-scim-v2"
    )


async def journal(db: Database, stream: str = "@acme") -> list[tuple[str, dict]]:
    rows = await db.fetch(
        "SELECT path, effect FROM calscim.journal WHERE stream = $1 ORDER BY seq", stream
    )
    return [(row["path"], orjson.loads(row["effect"])) for row in rows]


async def push_group(db: Database, directory: Directory, name: str) -> str:
    key = str(uuid.uuid4())
    await db.execute(
        "INSERT INTO calscim.groups (id, directory_id, display_name, display_name_key, data,"
        " changed_seq, created_at, updated_at) VALUES ($1::text::uuid, $2, $3, lower($3), '{}', 1, now(), now())",
        key,
        directory.id,
        name,
    )
    return key


async def add(db: Database, directory: Directory, group: str, **changes):
    wanted = {"team": SALES, "role": Role.MEMBER, "mode": Mode.MANAGED} | changes
    return await admin.add_mapping(
        db,
        EDITOR,
        admin.draft(directory, group=group, **wanted),
    )


def test_an_editor_requires_a_cipher():
    with pytest.raises(TypeError, match="cipher"):
        Editor(by="ada")


async def test_a_directory_gets_an_id_that_fits_in_a_url_and_a_journal_head(db, okta):
    assert re.fullmatch(r"[a-z0-9]{20,40}", okta.id)
    assert (
        await db.fetchval("SELECT seq FROM calscim.journal_heads WHERE stream = $1", okta.id) == 0
    )
    assert await admin.directories(db) == [okta]


async def test_an_edit_is_a_row_of_the_organizations_journal_with_its_operator(db, okta):
    row = await db.fetchrow("SELECT * FROM calscim.journal")

    assert (row["stream"], row["kind"], row["remote"], row["resource_id"]) == (
        "@acme",
        "admin",
        "ada@desk",
        okta.id,
    )
    assert row["request_id"] == EDITOR.request_id
    assert orjson.loads(row["body"])["name"] == "Okta"


async def test_a_directory_name_that_differs_only_in_case_is_refused(db, okta):
    with pytest.raises(UsageError, match="already"):
        await admin.create_directory(
            db, EDITOR, organization="acme", name="OKTA", provider="okta-scim-v2"
        )

    assert len(await journal(db)) == 1


@pytest.mark.parametrize(
    ("name", "provider"), [(" ", "okta-scim-v2"), ("x\n", "okta"), ("x", "okta")]
)
async def test_an_empty_name_or_an_unknown_provider_is_refused(db, name, provider):
    with pytest.raises(UsageError, match="write"):
        await admin.create_directory(db, EDITOR, organization="acme", name=name, provider=provider)


async def test_a_directory_is_found_by_id_and_by_name_in_any_case(db, okta):
    assert await admin.find_directory(db, okta.id) == okta
    assert await admin.find_directory(db, "okta") == okta


async def test_an_unknown_directory_is_refused_with_near_misses(db, okta):
    with pytest.raises(UsageError, match="did you mean Okta"):
        await admin.find_directory(db, "Otka")


async def test_deleting_a_directory_revokes_its_tokens(db, okta):
    await admin.create_token(db, EDITOR, okta, name="first")

    revoked = await admin.delete_directory(db, EDITOR, okta)

    assert revoked == 1
    assert await admin.directories(db) == []
    assert await db.fetchval("SELECT count(*) FROM calscim.tokens WHERE revoked_at IS NULL") == 0
    with pytest.raises(UsageError):
        await admin.find_directory(db, "Okta")


async def test_the_name_of_a_deleted_directory_is_free_again(db, okta):
    await admin.delete_directory(db, EDITOR, okta)

    again = await admin.create_directory(
        db, EDITOR, organization="acme", name="Okta", provider="okta-scim-v2"
    )

    assert again.id != okta.id


async def test_only_the_digest_of_a_token_is_stored_and_the_journal_has_none_of_it(db, okta):
    _, secret = await admin.create_token(db, EDITOR, okta, name="first")

    stored = await db.fetchval("SELECT digest FROM calscim.tokens")
    dump = await db.fetchval("SELECT string_agg(j::text, '') FROM calscim.journal j")
    assert len(secret) >= 43
    assert stored == hashlib.sha256(secret.encode()).digest()
    assert secret not in dump
    assert secret.encode().hex() not in dump


async def test_a_token_is_valid_expired_or_revoked(db, okta):
    _, _ = await admin.create_token(db, EDITOR, okta, name="for good")
    _, _ = await admin.create_token(db, EDITOR, okta, name="over", seconds=0)
    third, _ = await admin.create_token(db, EDITOR, okta, name="stolen", seconds=3600)

    assert await admin.revoke_token(db, EDITOR, third)

    states = {token.name: token.state for token in await admin.tokens(db, okta)}
    assert states == {"for good": "valid", "over": "expired", "stolen": "revoked"}


async def test_revoking_a_token_again_does_nothing(db, okta):
    token, _ = await admin.create_token(db, EDITOR, okta, name="first")

    assert await admin.revoke_token(db, EDITOR, token)
    assert not await admin.revoke_token(db, EDITOR, token)

    assert [path for path, _ in await journal(db)].count("token.revoke") == 1


async def test_a_token_is_found_by_number_or_by_a_name_that_only_one_token_has(db, okta):
    first, _ = await admin.create_token(db, EDITOR, okta, name="okta")
    await admin.create_token(db, EDITOR, okta, name="okta")

    assert (await admin.find_token(db, str(first.id))).id == first.id
    with pytest.raises(UsageError, match="type the id"):
        await admin.find_token(db, "okta")


async def test_a_mapping_binds_to_the_group_of_exactly_its_name(db, okta):
    group = await push_group(db, okta, "Sales EMEA")

    mapping, warnings = await add(db, okta, "Sales EMEA")

    assert (mapping.group_id, mapping.state, warnings) == (group, "active", [])


async def test_a_mapping_of_a_group_that_was_not_pushed_waits_and_names_near_misses(db, okta):
    await push_group(db, okta, "Sales EMEA")

    mapping, warnings = await add(db, okta, "sales emea")

    assert (mapping.group_id, mapping.state) == (None, "waiting")
    assert "'Sales EMEA'" in warnings[0]


async def test_the_seq_of_a_mapping_is_its_journal_row_which_names_the_team(db, okta):
    mapping, _ = await add(db, okta, "Sales")

    path, effect = (await journal(db))[mapping.seq - 1]
    assert path == "mapping.add"
    assert effect["id"] == mapping.id
    assert effect["team_id"] == 101


async def test_a_group_cannot_be_mapped_to_the_same_team_twice(db, okta):
    mapping, _ = await add(db, okta, "Sales")

    with pytest.raises(UsageError, match=f"calscim mapping change {mapping.id}"):
        await add(db, okta, "Sales", mode=Mode.OBSERVE)

    assert len(await journal(db)) == 2


async def test_a_removed_mapping_keeps_its_row_and_the_journal_row_that_removed_it(db, okta):
    mapping, _ = await add(db, okta, "Sales")

    seq = await admin.remove_mapping(db, EDITOR, mapping)

    row = await db.fetchrow("SELECT removed_seq, removed_at FROM calscim.mappings")
    assert row["removed_seq"] == seq
    assert row["removed_at"] is not None
    assert await admin.mappings(db) == []
    with pytest.raises(UsageError):
        await admin.remove_mapping(db, EDITOR, mapping)


async def test_edits_in_one_transaction_are_all_saved_or_none(db, okta):
    mapping, _ = await add(db, okta, "Sales")

    with pytest.raises(UsageError):
        async with transaction(db) as connection:
            await add(connection, okta, "Platform")
            await admin.change_mapping(
                connection, EDITOR, mapping, role=Role.ADMIN, mode=Mode.MANAGED
            )
            await add(connection, okta, "Sales")

    assert await admin.mappings(db) == [mapping]
    assert len(await journal(db)) == 2


async def test_changing_a_mapping_keeps_its_id(db, okta):
    mapping, _ = await add(db, okta, "Sales")

    changed = await admin.change_mapping(db, EDITOR, mapping, role=Role.ADMIN, mode=Mode.OBSERVE)

    assert changed == replace(mapping, role=Role.ADMIN, mode=Mode.OBSERVE, seq=mapping.seq + 1)


async def test_a_mapping_that_another_operator_has_edited_is_not_edited_again(db, okta):
    mapping, _ = await add(db, okta, "Sales")
    changed = await admin.change_mapping(db, EDITOR, mapping, role=Role.ADMIN, mode=Mode.MANAGED)

    for edit in (
        admin.change_mapping(db, EDITOR, mapping, role=Role.MEMBER, mode=Mode.OBSERVE),
        admin.remove_mapping(db, EDITOR, mapping),
    ):
        with pytest.raises(UsageError, match="has changed mapping"):
            await edit
    assert await admin.mappings(db) == [changed]

    await admin.remove_mapping(db, EDITOR, changed)
    with pytest.raises(UsageError, match="has removed mapping"):
        await admin.remove_mapping(db, EDITOR, changed)


async def test_a_mapping_that_makes_its_team_exclusive_gets_a_warning(db, okta):
    await add(db, okta, "Sales")

    _, warnings = await add(db, okta, "Sales EMEA", mode=Mode.EXCLUSIVE)

    assert any("becomes exclusive" in warning and "Sales" in warning for warning in warnings)


async def test_a_mapping_that_leaves_its_team_exclusive_gets_a_warning(db, okta):
    await add(db, okta, "Sales", mode=Mode.EXCLUSIVE)

    _, warnings = await add(db, okta, "Sales EMEA", mode=Mode.ADD_ONLY)

    assert any("stays exclusive" in warning for warning in warnings)


async def test_a_mapping_to_the_organization_cannot_be_exclusive(db, okta):
    everyone = TeamRef(None, "acme")

    mapping, _ = await add(db, okta, "Admins", team=everyone, role=Role.ADMIN)
    assert mapping.team_id is None

    with pytest.raises(UsageError, match="exclusive"):
        await add(db, okta, "All", team=everyone, mode=Mode.EXCLUSIVE)


async def test_a_paused_directory_shows_when_its_pause_ends(db, okta):
    until = await admin.pause(
        db, EDITOR, organization="acme", scope="directory", target=okta.id, seconds=3600
    )

    found = await admin.find_directory(db, okta.id)
    assert (found.paused, found.paused_until) == (True, until)


async def test_a_pause_that_has_ended_does_not_count(db, okta):
    await admin.pause(db, EDITOR, organization="acme", scope="directory", target=okta.id, seconds=0)

    assert not (await admin.find_directory(db, okta.id)).paused
    assert await admin.pauses(db) == []
    assert not await admin.resume(
        db, EDITOR, organization="acme", scope="directory", target=okta.id
    )


async def test_the_mappings_of_a_paused_team_are_paused_until_it_is_resumed(db, okta):
    await push_group(db, okta, "Sales")
    await add(db, okta, "Sales")
    target = {"organization": "acme", "scope": "team", "target": "acme/101"}

    await admin.pause(db, EDITOR, **target)
    assert [row.state for row in await admin.mappings(db)] == ["paused"]

    assert await admin.resume(db, EDITOR, **target)
    assert [row.state for row in await admin.mappings(db)] == ["active"]
    assert [path for path, _ in await journal(db)][-2:] == ["team.pause", "team.resume"]


async def test_groups_are_listed_with_members_and_mappings(db, okta):
    await push_group(db, okta, "Sales")
    mapping, _ = await add(db, okta, "Sales")

    (group,) = await admin.groups(db, organization="acme")

    assert (group.name, group.members) == ("Sales", 0)
    assert group.mappings == (MappedTeam(mapping.id, 101, "Sales", "MEMBER", "managed"),)


# ------------------------------------------------------------------ requests for full passes


async def asked(db: Database) -> int:
    """Return how many full passes are requested, and mark them as done."""
    requests = await passes.list_requests(db, "acme")
    await passes.answer_requests(db, requests, 0, "")
    return len(requests)


async def test_every_edit_of_the_desired_state_asks_for_one_full_pass(db, okta):
    counted = {"create": await asked(db)}
    mapping, _ = await add(db, okta, "Sales")
    counted["add"] = await asked(db)
    mapping = await admin.change_mapping(db, EDITOR, mapping, role=Role.ADMIN, mode=Mode.MANAGED)
    counted["change"] = await asked(db)
    await admin.remove_mapping(db, EDITOR, mapping)
    counted["remove"] = await asked(db)
    for scope, target in (
        ("directory", okta.id),
        ("team", "acme/101"),
        ("organization", "acme"),
    ):
        await admin.pause(db, EDITOR, organization="acme", scope=scope, target=target)
        assert await asked(db) == 0
        await admin.resume(db, EDITOR, organization="acme", scope=scope, target=target)
        counted[f"resume {scope}"] = await asked(db)
    await admin.delete_directory(db, EDITOR, okta)
    counted["delete"] = await asked(db)

    assert counted == dict.fromkeys(counted, 1)


async def test_an_edit_that_leaves_the_desired_state_alone_asks_for_no_pass(db, okta):
    await asked(db)

    token, _ = await admin.create_token(db, EDITOR, okta, name="first")
    await admin.revoke_token(db, EDITOR, token)
    await admin.resume(db, EDITOR, organization="acme", scope="directory", target=okta.id)

    assert await asked(db) == 0


async def test_edits_in_one_transaction_ask_for_one_pass_and_for_none_when_rolled_back(db, okta):
    await asked(db)

    async with transaction(db) as connection:
        for group in ("Sales", "Platform", "Support"):
            await add(connection, okta, group)
    assert await asked(db) == 1

    with pytest.raises(UsageError):
        async with transaction(db) as connection:
            await add(connection, okta, "Legal")
            await add(connection, okta, "Sales")
    assert await asked(db) == 0


async def test_a_directory_can_be_created_paused(db):
    made = await admin.create_directory(
        db, EDITOR, organization="acme", name="Okta", provider="okta-scim-v2", paused=True
    )

    assert (made.paused, made.paused_until) == (True, None)
    assert [path for path, _ in await journal(db)] == ["directory.create", "directory.pause"]
    assert await asked(db) == 1
