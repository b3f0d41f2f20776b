"""What a change leaves behind besides the resource: mappings bound, reasons for removals, people of Cal.com."""

import uuid
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from calscim import admin
from calscim.directory import imported_users, resources
from calscim.directory.imported_users import Account
from calscim.directory.resources import GroupState, MemberChange, UserState, Written
from calscim.encryption import PLAIN
from calscim.journal.append import Origin
from calscim.planner.ids import CalUserId, DirectoryId, UserId
from calscim.planner.modes import Mode
from calscim.planner.roles import Role
from calscim.postgres.pool import Database

EDITOR = admin.Editor(by="test", cipher=PLAIN)
MISSING = uuid.UUID("00000000-0000-4000-8000-000000000000")


@dataclass
class Pushes:
    """A directory, and changes of it as the SCIM room asks for them."""

    db: Database
    directory: admin.Directory

    @property
    def origin(self) -> Origin:
        return Origin(self.directory.id, "r1", "POST", "/scim/v2/x", body=b"{}")

    async def user(self, name: str) -> uuid.UUID:
        number = uuid.uuid4()
        written = await resources.create_user(self.db, self.origin, number, user_state(name), "")
        assert written.status == 201
        return number

    async def group(self, name: str, *members: uuid.UUID) -> uuid.UUID:
        number = uuid.uuid4()
        change = MemberChange(frozenset(members))
        written = await resources.create_group(
            self.db, self.origin, number, group_state(name), change, ""
        )
        assert written.status == 201
        return number

    async def change(self, group: uuid.UUID, name: str | None = None, **members: Any) -> Written:
        state = None if name is None else group_state(name)
        given = {
            key: frozenset(value) if key != "replace" else value for key, value in members.items()
        }
        return await resources.update_group(
            self.db, self.origin, group, state, MemberChange(**given), ""
        )

    async def map(self, group: str, team: int = 7) -> None:
        await admin.add_mapping(
            self.db,
            EDITOR,
            admin.draft(
                self.directory,
                group=group,
                team=admin.TeamRef(team, "Sales"),
                role=Role.MEMBER,
                mode=Mode.MANAGED,
            ),
        )

    async def bound(self) -> list[uuid.UUID | None]:
        rows = await self.db.fetch("SELECT group_id FROM calscim.mappings ORDER BY id")
        return [row["group_id"] for row in rows]

    async def former(self, group: uuid.UUID) -> dict[uuid.UUID, int]:
        rows = await self.db.fetch(
            "SELECT member_id, seq FROM calscim.former_members WHERE group_id = $1", group
        )
        return {row["member_id"]: row["seq"] for row in rows}

    async def effect(self, seq: int | None) -> Any:
        return orjson.loads(
            await self.db.fetchval(
                "SELECT effect FROM calscim.journal WHERE stream = $1 AND seq = $2",
                self.directory.id,
                seq,
            )
        )

    async def counted(self) -> tuple[int, int]:
        row = await self.db.fetchrow(
            "SELECT user_count, group_count FROM calscim.journal_heads WHERE stream = $1",
            self.directory.id,
        )
        assert row is not None
        return tuple(row)

    async def bring(self, *emails: str) -> int:
        accounts = [
            Account(CalUserId(number), email, "Ann", "Example")
            for number, email in enumerate(emails, start=100)
        ]
        return await imported_users.import_accounts(
            self.db, "acme", DirectoryId(self.directory.id), accounts, "r2"
        )

    async def named(self, name: str) -> uuid.UUID:
        found = await self.db.fetchval("SELECT id FROM calscim.users WHERE user_name = $1", name)
        assert found is not None
        return uuid.UUID(str(found))


def user_state(name: str, **more: Any) -> UserState:
    data = {"schemas": [], "userName": name, **more}
    return UserState(name, None, name, (name.lower(),), True, orjson.dumps(data).decode())


def group_state(name: str) -> GroupState:
    return GroupState(name, None, orjson.dumps({"schemas": [], "displayName": name}).decode())


@pytest.fixture
async def pushes(db: Database) -> Pushes:
    directory = await admin.create_directory(
        db, EDITOR, organization="acme", name="Okta", provider="okta-scim-v2"
    )
    return Pushes(db, directory)


# -------------------------------------------------------------------- mappings


async def test_a_mapping_binds_to_the_group_of_exactly_its_name(pushes):
    await pushes.map("Sales")

    await pushes.group("sales emea")
    assert await pushes.bound() == [None]
    other = await pushes.group("SALES")
    assert await pushes.bound() == [None]
    await resources.delete_group(pushes.db, pushes.origin, other)
    sales = await pushes.group("Sales")

    assert await pushes.bound() == [sales]


async def test_a_renamed_group_keeps_its_mapping_and_gets_what_waits_for_its_new_name(pushes):
    await pushes.map("Sales")
    await pushes.map("Marketing", 8)
    sales = await pushes.group("Sales")

    await pushes.change(sales, "Marketing")
    again = await pushes.group("Sales")

    assert await pushes.bound() == [sales, sales]
    assert again != sales


async def test_a_mapping_of_a_deleted_group_waits_for_the_name_again(pushes):
    await pushes.map("Sales")
    sales = await pushes.group("Sales")

    await resources.delete_group(pushes.db, pushes.origin, sales)
    assert await pushes.bound() == [None]

    again = await pushes.group("Sales")
    assert await pushes.bound() == [again]


async def test_mappings_of_another_directory_are_left_alone(pushes, db):
    other = await admin.create_directory(
        db, EDITOR, organization="acme", name="Entra", provider="azure-scim-v2"
    )
    await Pushes(db, other).map("Sales")

    await pushes.group("Sales")

    assert await pushes.bound() == [None]


# -------------------------------------------------------------------- members


async def test_who_left_is_remembered_with_the_row_that_took_them_off(pushes):
    ann, bob = await pushes.user("ann"), await pushes.user("bob")
    group = await pushes.group("Sales", ann, bob)

    gone = await pushes.change(group, remove=[ann])

    assert await pushes.former(group) == {ann: gone.seq}
    assert (await pushes.effect(gone.seq))["removed"] == [str(ann)]


async def test_who_comes_back_is_no_longer_remembered_as_gone(pushes):
    ann = await pushes.user("ann")
    group = await pushes.group("Sales", ann)
    await pushes.change(group, remove=[ann])

    await pushes.change(group, add=[ann])

    assert await pushes.former(group) == {}


async def test_replacing_touches_only_those_that_differ(pushes):
    ann, bob, cem = [await pushes.user(name) for name in ("ann", "bob", "cem")]
    group = await pushes.group("Sales", ann, bob)

    changed = await pushes.change(group, replace=True, add=[bob, cem])

    effect = await pushes.effect(changed.seq)
    assert (effect["added"], effect["removed"]) == ([str(cem)], [str(ann)])
    assert changed.version == 2


async def test_adding_who_is_there_changes_nothing_but_the_journal(pushes):
    ann = await pushes.user("ann")
    group = await pushes.group("Sales", ann)

    changed = await pushes.change(group, add=[ann], remove=[MISSING])

    assert changed.version == 1
    assert (await pushes.effect(changed.seq))["added"] == []


async def test_a_deleted_groups_members_are_remembered_as_gone_by_that_row(pushes):
    ann = await pushes.user("ann")
    group = await pushes.group("Sales", ann)

    deleted = await resources.delete_group(pushes.db, pushes.origin, group)

    assert await pushes.former(group) == {ann: deleted.seq}
    assert await pushes.db.fetchval("SELECT count(*) FROM calscim.members") == 0
    tombstone = await pushes.db.fetchrow("SELECT kind, name, seq FROM calscim.tombstones")
    assert tuple(tombstone) == ("Group", "Sales", deleted.seq)


async def test_a_deleted_user_leaves_its_groups_and_their_versions_say_so(pushes):
    ann = await pushes.user("ann")
    group = await pushes.group("Sales", ann)

    deleted = await resources.delete_user(pushes.db, pushes.origin, ann)

    assert await pushes.former(group) == {ann: deleted.seq}
    version, _ = await resources.group_state(pushes.db, pushes.directory.id, group)
    assert version == 2
    assert await pushes.db.fetchval("SELECT count(*) FROM calscim.user_emails") == 0


async def test_a_group_may_be_a_member_but_not_of_itself(pushes):
    ann = await pushes.user("ann")
    inner = await pushes.group("Inner", ann)
    outer = await pushes.group("Outer")

    changed = await pushes.change(outer, add=[inner, outer])

    assert changed.skipped == (str(outer),)
    rows = await resources.members(pushes.db, pushes.directory.id, outer)
    assert rows == [{"value": str(inner), "type": "Group", "display": "Inner"}]


async def test_members_of_another_directory_are_unknown(pushes, db):
    other = await admin.create_directory(
        db, EDITOR, organization="acme", name="Entra", provider="azure-scim-v2"
    )
    stranger = await Pushes(db, other).user("ann")
    group = await pushes.group("Sales")

    changed = await pushes.change(group, add=[stranger], unknown=["x"])

    assert sorted(changed.skipped) == sorted(["x", str(stranger)])
    assert (await pushes.effect(changed.seq))["skipped"] == list(changed.skipped)


@pytest.mark.parametrize("text", ['a"b', "a\\b", "a,b", "{a}", "NULL", "", " ", "é", "a'b", '\\"'])
async def test_any_text_of_an_unknown_member_is_kept_unchanged(pushes, text):
    group = await pushes.group("Sales")

    written = await resources.update_group(
        pushes.db, pushes.origin, group, None, MemberChange(unknown=(text, "b")), ""
    )

    assert written.skipped == (text, "b")


# -------------------------------------------------------------------- users


async def test_nothing_is_changed_when_a_change_is_refused(pushes):
    ann, bob = await pushes.user("ann"), await pushes.user("bob")
    before = await pushes.db.fetchval("SELECT count(*) FROM calscim.journal")
    db, origin = pushes.db, pushes.origin

    refused = [
        await resources.create_user(db, origin, uuid.uuid4(), user_state("ANN"), ""),
        await resources.update_user(db, origin, bob, user_state("Ann"), ""),
        await resources.update_user(db, origin, ann, user_state("ann"), "", expected=9),
        await resources.update_user(db, origin, MISSING, user_state("x"), ""),
        await resources.delete_user(db, origin, ann, expected=9),
        await resources.delete_group(db, origin, MISSING),
        await pushes.change(MISSING, add=[ann]),
    ]

    assert [one.status for one in refused] == [409, 409, 412, 404, 412, 404, 404]
    assert await pushes.db.fetchval("SELECT count(*) FROM calscim.journal") == before
    assert await pushes.counted() == (2, 0)


async def test_a_change_by_a_revoked_token_is_not_made_even_when_it_was_let_in(pushes):
    token, _ = await admin.create_token(pushes.db, EDITOR, pushes.directory, name="t")
    await pushes.db.execute("UPDATE calscim.tokens SET revoked_at = now()")
    origin = Origin(pushes.directory.id, "r1", token_id=token.id)

    written = await resources.create_user(pushes.db, origin, uuid.uuid4(), user_state("ann"), "")

    assert written.status == 401
    assert await pushes.counted() == (0, 0)


async def test_addresses_follow_the_user(pushes):
    ann = await pushes.user("ann@acme.example")

    state = UserState("ann", None, "b@x", ("b@x", "c@x"), True, user_state("ann").data)
    await resources.update_user(pushes.db, pushes.origin, ann, state, "")

    rows = await pushes.db.fetch("SELECT value_key FROM calscim.user_emails ORDER BY 1")
    assert [row["value_key"] for row in rows] == ["b@x", "c@x"]


# -------------------------------------------------------------------- people of Cal.com


async def test_an_imported_user_is_unmanaged_until_the_provider_writes(pushes):
    await pushes.bring("ann@acme.example")
    ann = await pushes.named("ann@acme.example")

    managed = "SELECT managed FROM calscim.users"
    assert await pushes.db.fetchval(managed) is False
    await resources.update_user(pushes.db, pushes.origin, ann, user_state("ann@acme.example"), "")

    assert await pushes.db.fetchval(managed) is True


@pytest.mark.parametrize("name", ["ann@acme.example", "ANN@acme.example"])
async def test_a_known_user_is_not_imported_again(pushes, name):
    await pushes.user("ann@acme.example")

    assert await pushes.bring(name) == 0

    assert await pushes.counted() == (1, 0)


async def test_an_imported_user_is_dropped_only_while_unmanaged(pushes):
    await pushes.bring("ann@acme.example", "bob@acme.example")
    ann, bob = [await pushes.named(f"{name}@acme.example") for name in ("ann", "bob")]
    directory = DirectoryId(pushes.directory.id)
    await resources.update_user(pushes.db, pushes.origin, bob, user_state("bob@acme.example"), "")

    dropped = await imported_users.drop_imported(
        pushes.db, directory, [UserId(str(ann)), UserId(str(bob))], "r3"
    )

    assert dropped == 1
    tombstone = await pushes.db.fetchrow("SELECT id, managed FROM calscim.tombstones")
    assert tuple(tombstone) == (ann, False)
    assert await pushes.counted() == (1, 0)


async def test_imports_are_rows_of_the_journal(pushes):
    await pushes.bring("ann@acme.example")

    row = await pushes.db.fetchrow(
        "SELECT kind, request_id, status FROM calscim.journal WHERE stream = $1",
        pushes.directory.id,
    )
    assert tuple(row) == ("import", "r2", 201)
