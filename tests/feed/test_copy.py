"""A program that follows the change feed from the beginning has the same users, groups and members as calscim."""

import json
import random
import uuid

import pytest

from calscim.directory import resources
from calscim.directory.resources import GroupState, MemberChange, UserState
from tests.support.acme import Acme
from tests.support.feed import all_events

STEPS = 120


class Copy:
    """The program's copy. An event that does not fit the copy is an error."""

    def __init__(self) -> None:
        self.users: dict[str, tuple] = {}
        self.groups: dict[str, str] = {}
        self.members: set[tuple[str, str]] = set()
        self.last = 0
        self.seen: set[str] = set()

    def apply(self, event: dict) -> None:
        assert event["seq"] > self.last
        self.last = event["seq"]
        self.seen.add(event["type"].partition(".")[2])
        getattr(self, event["type"].partition(".")[0], self.other)(event["type"], event["data"])

    def other(self, *_) -> None:
        """Edits and calls to Cal.com do not change the copy."""

    def user(self, kind: str, data: dict) -> None:
        key, verb = data["user_id"], kind.partition(".")[2]
        assert (key in self.users) == (verb != "created")
        if verb == "deleted":
            assert not any(member == key for _, member in self.members)
            del self.users[key]
            return
        if verb in {"deactivated", "reactivated"}:
            assert self.users[key][2] != data["active"]
        self.users[key] = (data["user_name"], data["email"], data["active"], data["version"])

    def group(self, kind: str, data: dict) -> None:
        key, verb = data["group_id"], kind.partition(".")[2]
        assert (key in self.groups) == (verb != "created")
        if verb == "deleted":
            assert not any(key in pair for pair in self.members)
            del self.groups[key]
        else:
            self.groups[key] = data["name"]

    def membership(self, kind: str, data: dict) -> None:
        pair = (data["group_id"], data.get("user_id") or data["member_group_id"])
        assert (pair in self.members) == (kind == "membership.removed")
        (self.members.add if kind == "membership.added" else self.members.remove)(pair)


class Provider:
    """An identity provider that does anything, from a seed."""

    def __init__(self, db, acme: Acme, seed: int) -> None:
        self.db, self.acme, self.choice = db, acme, random.Random(seed)
        self.users: list[uuid.UUID] = []
        self.groups: list[uuid.UUID] = []

    def state(self, key: uuid.UUID) -> UserState:
        name = f"{self.choice.choice('abc')}-{key}@acme.example"
        data = json.dumps({"userName": name, "title": self.choice.choice("xyz")})
        return UserState(name, None, name, (name,), self.choice.random() < 0.7, data)

    def group_state(self, key: uuid.UUID) -> GroupState:
        name = f"{self.choice.choice('abc')}-{key}"
        return GroupState(name, None, json.dumps({"displayName": name}))

    def some(self) -> frozenset[uuid.UUID]:
        known = [*self.users, *self.groups]
        return frozenset(self.choice.sample(known, min(len(known), self.choice.randrange(4))))

    async def step(self) -> None:
        origin, pick = self.acme.origin(b"{}"), self.choice.choice
        match self.choice.randrange(8):
            case 0 | 1:
                key = uuid.uuid4()
                await resources.create_user(self.db, origin, key, self.state(key), "")
                self.users.append(key)
            case 2:
                key = uuid.uuid4()
                members = MemberChange(self.some())
                await resources.create_group(
                    self.db, origin, key, self.group_state(key), members, ""
                )
                self.groups.append(key)
            case 3 | 4 if self.users:
                key = pick(self.users)
                await resources.update_user(self.db, origin, key, self.state(key), "")
            case 5 if self.groups:
                key, add = pick(self.groups), self.some()
                change = MemberChange(add, self.some() - add)
                state = self.group_state(key) if self.choice.random() < 0.3 else None
                await resources.update_group(self.db, origin, key, state, change, "")
            case 6 if self.groups:
                change = MemberChange(self.some(), replace=True)
                await resources.update_group(self.db, origin, pick(self.groups), None, change, "")
            case 7 if self.users and self.choice.random() < 0.5:
                key = self.users.pop(self.choice.randrange(len(self.users)))
                await resources.delete_user(self.db, origin, key)
            case 7 if self.groups:
                key = self.groups.pop(self.choice.randrange(len(self.groups)))
                await resources.delete_group(self.db, origin, key)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("reads", [0.0, 0.3])
async def test_a_copy_that_follows_the_feed_equals_the_tables(db, okta, seed, reads):
    """``reads``: how often the feed is read in between. Without that it is made from the journal in the end."""
    provider, copy = Provider(db, Acme(db, okta), seed), Copy()
    for _ in range(STEPS):
        await provider.step()
        if provider.choice.random() < reads:
            for event in await all_events(db, copy.last):
                copy.apply(event)

    for event in await all_events(db, copy.last):
        copy.apply(event)

    users = await db.fetch("SELECT id::text, user_name, email, active, version FROM calscim.users")
    groups = await db.fetch("SELECT id::text, display_name FROM calscim.groups")
    members = await db.fetch("SELECT group_id::text, member_id::text FROM calscim.members")
    assert copy.users == {key: tuple(rest) for key, *rest in users}
    assert copy.groups == dict(groups)
    assert copy.members == {tuple(pair) for pair in members}
    assert {"added", "removed", "deactivated", "reactivated", "deleted"} <= copy.seen
