import json
import uuid
from dataclasses import replace

import pytest

from calscim.admin import Editor
from calscim.directory import resources
from calscim.directory.resources import GroupState, MemberChange, UserState
from calscim.encryption import PLAIN
from calscim.journal.append import Origin
from tests.support.journaled import acme, age, left, okta, owning

__all__ = ["acme", "age", "left", "okta", "owning"]


EDITOR = Editor(by="ada", cipher=PLAIN)


class Pushed:
    """Ann and Bob, of whom Bob goes; a group with Ann."""

    def __init__(self, db, directory):
        self.db, self.origin = db, Origin(directory.id, "r", body=b'{"pushed": "\xc3\xa4"}')
        self.ann, self.bob, self.group = (uuid.uuid4() for _ in range(3))

    async def user(self, key, name):
        data = json.dumps({"userName": name, "n": 12345678901234567890.5})
        state = UserState(name, None, f"{name}@acme.example", (f"{name}@acme.example",), True, data)
        await resources.create_user(self.db, self.origin, key, state, "")

    async def first(self):
        await self.user(self.ann, "ann")
        await self.user(self.bob, "bob")
        await resources.create_group(
            self.db,
            replace(self.origin, body=b"\xff\x00 no text"),
            self.group,
            GroupState("Sales", None, '{"displayName": "Sales"}'),
            MemberChange(frozenset([self.ann, self.bob])),
            "",
        )

    async def second(self):
        await resources.delete_user(self.db, self.origin, self.bob)


@pytest.fixture
async def pushed(db, okta, age):
    """One month of pushes, another one, and what came since."""
    pushed = Pushed(db, okta)
    await pushed.first()
    await age("2020-03-15T12:00:00+00:00")
    await pushed.second()
    await age("2020-04-15T12:00:00+00:00")
    await pushed.user(uuid.uuid4(), "cleo")
    return pushed
