# ruff: noqa: RUF001 - letters that look alike are what this is about
"""Names that earlier releases told apart and this one does not: nobody is lost in the migration."""

import uuid
from unicodedata import normalize

import orjson
import pytest

from calscim import admin
from calscim.directory import resources
from calscim.directory.resources import GroupState, MemberChange, UserState
from calscim.journal.append import Origin
from calscim.journal.replay import rebuild
from calscim.planner.model import Mode, Role
from calscim.postgres import migrations as migrate
from tests.support.acme import EDITOR

NFC, NFD = "Café", "Cafe\u0301"
[MIGRATION] = [one for one in migrate.migrations() if one.version == 14]
STORED = MIGRATION.text.partition("what is stored\n")[2]


def earlier(text: str) -> str:
    """The key that earlier releases made of a name."""
    return normalize("NFC", text).lower()


class Pushed:
    def __init__(self, db, okta):
        self.db, self.okta = db, okta
        self.ids: dict[str, uuid.UUID] = {}

    def origin(self):
        return Origin(self.okta.id, "r", body=b"{}")

    def state(self, name, **data):
        emails = (earlier(f"{name}@acme.example"),)
        text = orjson.dumps({"userName": name, **data}).decode()
        return UserState(name, None, f"{name}@acme.example", emails, True, text)

    async def user(self, name):
        self.ids[name] = uuid.uuid4()
        await resources.create_user(self.db, self.origin(), self.ids[name], self.state(name), "")

    async def put(self, name, wanted, **data):
        state = self.state(wanted, **data)
        written = await resources.update_user(self.db, self.origin(), self.ids[name], state, "")
        return written.status

    async def group(self, name, *members):
        self.ids[name] = uuid.uuid4()
        change = MemberChange(frozenset(self.ids[one] for one in members))
        await resources.create_group(
            self.db, self.origin(), self.ids[name], self.group_state(name, name), change, ""
        )

    @staticmethod
    def group_state(name, pushed):
        return GroupState(name, None, orjson.dumps({"displayName": pushed}).decode())

    async def put_group(self, name, spelling, pushed):
        written = await resources.update_group(
            self.db,
            self.origin(),
            self.ids[name],
            self.group_state(spelling, pushed),
            MemberChange(),
            "",
        )
        return written.status

    async def keys(self, table, name, key):
        rows = await self.db.fetch(f"SELECT {name}, {key} FROM calscim.{table} ORDER BY ordinal")
        return [tuple(row) for row in rows]


@pytest.fixture
def pushed(db, okta, monkeypatch):
    """Pushes as an earlier release stored them, until the monkeypatch is undone."""
    for name in ("user_name_key", "group_key"):
        monkeypatch.setattr(resources, name, earlier)
    return Pushed(db, okta)


async def test_each_name_gets_its_key_and_of_two_that_are_one_now_each_is_kept(
    pushed, owning, monkeypatch
):
    for name in ("ΑΝΝΑΣ", "bob", "bob ", " carl", "carl  ", "İda"):
        await pushed.user(name)
    await pushed.group("Mkt ", "bob ")
    await pushed.group("mkt", "bob")
    await pushed.group(NFD, " carl")
    monkeypatch.undo()

    await owning.execute(STORED)

    assert await pushed.keys("users", "user_name", "user_name_key") == [
        ("ΑΝΝΑΣ", "αννασ"),
        ("bob", "bob"),
        ("bob ", "bob "),
        (" carl", "carl"),
        ("carl  ", "carl  "),
        ("İda", "i\u0307da"),
    ]
    assert await pushed.keys("groups", "display_name", "display_name_key") == [
        ("Mkt", "mkt "),
        ("mkt", "mkt"),
        (NFC, "café"),
    ]
    emails = await pushed.db.fetch("SELECT value_key FROM calscim.user_emails ORDER BY 1")
    assert "αννασ@acme.example" in [row["value_key"] for row in emails]
    assert len(emails) == 6
    assert await pushed.db.fetchval("SELECT count(*) FROM calscim.members") == 3
    compared = await rebuild.compare(pushed.db, pushed.okta)
    assert compared.differences == ()


async def test_both_of_two_that_are_one_now_can_be_changed(pushed, owning, monkeypatch):
    for name in ("bob", "bob ", "ann"):
        await pushed.user(name)
    await pushed.group("Mkt")
    await pushed.group("Mkt ")
    monkeypatch.undo()
    await owning.execute(STORED)

    statuses = [
        await pushed.put("bob ", "bob", title="x"),
        await pushed.put("bob", "bob", title="y"),
        await pushed.put("ann", "bob"),
        await pushed.put_group("Mkt ", "Mkt", "Mkt"),
        await pushed.put_group("Mkt", "Mkt", "Mkt"),
        await pushed.put_group("Mkt", "Other", "Other"),
        await pushed.put_group("Mkt ", "Third", "Third"),
    ]

    assert statuses == [200, 200, 409, 200, 200, 200, 200]
    assert [key for _, key in await pushed.keys("users", "user_name", "user_name_key")] == ["bob", "bob ", "ann"]  # fmt: skip
    compared = await rebuild.compare(pushed.db, pushed.okta)
    assert compared.differences == ()


async def test_a_mapping_that_could_not_be_bound_is_bound(pushed, owning, monkeypatch):
    for number, name in enumerate((NFC, "Mkt", "No such group"), start=1):
        await admin.add_mapping(
            pushed.db,
            EDITOR,
            pushed.okta,
            group=name,
            team=admin.TeamRef(number, "Team"),
            role=Role.MEMBER,
            mode=Mode.MANAGED,
        )
    await owning.execute("UPDATE calscim.mappings SET group_name = $1 WHERE team_id = 1", NFD)
    await pushed.group(NFC)
    await pushed.group("Mkt ")
    monkeypatch.undo()

    await owning.execute(STORED)

    rows = {row.group_name: row.group_id for row in await admin.mappings(pushed.db)}
    assert rows == {
        NFC: str(pushed.ids[NFC]),
        "Mkt": str(pushed.ids["Mkt "]),
        "No such group": None,
    }
