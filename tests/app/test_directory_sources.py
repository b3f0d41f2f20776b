"""A second source beside SCIM, from the wiring of the daemon to a team in Cal.com."""

import asyncio
import json
import uuid
from contextlib import asynccontextmanager

import pytest

from calscim import admin
from calscim.app import daemon
from calscim.app.daemon import serve
from calscim.app.directory_sources import directory_sources
from calscim.config import Database, Ops, Organization, Scim, Settings
from calscim.directory import resources
from calscim.directory.resources import GroupState, MemberChange, UserState
from calscim.journal.append import Origin
from calscim.planner.modes import Mode
from calscim.planner.roles import Role
from calscim.testing.calcom import calcom
from tests.support.stage import EDITOR, KEY
from tests.support.waiting import until

ANN = "ann@acme.example"


class Pulled:
    """A source that finds ann and her group in another directory, once."""

    name = "pulled"

    def __init__(self, db, directory):
        self._db = db
        self._origin = Origin(directory.id, "pull-1")
        self.stopped = False

    async def start(self):
        pass

    async def run(self):
        ann, sales = uuid.uuid4(), uuid.uuid4()
        data = {"userName": ANN, "emails": [{"value": ANN}], "name": {"givenName": "Ann"}}
        user = UserState(ANN, None, ANN, (ANN,), True, json.dumps(data))
        await resources.create_user(self._db, self._origin, ann, user, "")
        group = GroupState("Sales", None, json.dumps({"displayName": "Sales"}))
        members = MemberChange(add=frozenset({ann}))
        await resources.create_group(self._db, self._origin, sales, group, members, "")
        await asyncio.Event().wait()

    async def stop(self):
        self.stopped = True


class Failing(Pulled):
    async def run(self):
        raise LookupError("the other directory is broken")


@pytest.fixture
def added(monkeypatch):
    """Return a function that adds a source to those of the daemon; ``made`` has the sources."""
    made = []

    def add(kind, directory):
        def sources(parts):
            made.append(kind(parts.databases.requests, directory))
            return (*directory_sources(parts), *made)

        monkeypatch.setattr(daemon, "directory_sources", sources)

    add.made = made
    return add


@asynccontextmanager
async def acme(db, database):
    """Yield a simulated Cal.com with the team Sales, a directory mapped to it, and a daemon's settings."""
    world = calcom.World(organization_id=42, api_key=KEY)
    world.add_person("owner@acme.example", name="Olive Owner", role="OWNER")
    team = world.add_team("Sales")
    directory = await admin.create_directory(
        db, EDITOR, organization="acme", name="LDAP", provider="generic-scim-v2"
    )
    await admin.add_mapping(
        db,
        EDITOR,
        admin.draft(
            directory,
            group="Sales",
            team=admin.TeamRef(team, "Sales"),
            role=Role.MEMBER,
            mode=Mode.MANAGED,
        ),
    )
    async with calcom.serve(world) as url:
        yield (
            world,
            directory,
            Settings(
                Database(dsn=database.dsn),
                Scim(listen="127.0.0.1:0"),
                ops=Ops(listen="127.0.0.1:0"),
                organizations=(Organization("acme", 42, KEY, api_url=url),),
            ),
        )


async def test_a_group_of_a_second_source_comes_onto_its_team(db, database, added):
    async with acme(db, database) as (world, directory, settings):
        added(Pulled, directory)
        running = asyncio.create_task(serve(settings))
        try:
            await until(lambda: running.done() or ANN in world.snapshot()["teams"]["Sales"])
        finally:
            running.cancel()
            await asyncio.wait((running,))

    assert added.made[0].stopped
    rows = await db.fetch(
        "SELECT kind, request_id FROM calscim.journal WHERE stream = $1 AND resource_type = 'Group'",
        directory.id,
    )
    assert [tuple(row) for row in rows] == [("scim", "pull-1")]


async def test_a_source_that_fails_stops_the_daemon(db, database, added):
    async with acme(db, database) as (_, directory, settings):
        added(Failing, directory)
        with pytest.raises(ExceptionGroup) as stopped:
            await serve(settings)

    assert stopped.group_contains(LookupError, match="broken")
    assert added.made[0].stopped
