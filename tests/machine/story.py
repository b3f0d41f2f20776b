"""Starts a random run, checks every removal during the run, and compares Cal.com with the model at the end."""

import asyncio
import math
import os
from contextlib import AsyncExitStack, suppress
from dataclasses import replace

import asyncpg
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
)

from calscim import admin
from calscim.errors import RemoteError
from calscim.journal.replay import rebuild
from calscim.planner.policy import AttributePath, AttributeRule
from calscim.postgres.pool import Database
from calscim.reconciler.state import holds
from calscim.testing.calcom import builds
from tests.machine.model import Model, Watched
from tests.support.server import OWNER
from tests.support.stage import staged

BUILDS = [os.environ["SOAK_BUILD"]] if "SOAK_BUILD" in os.environ else list(builds.NAMES)
NAMES = ("ann", "bob", "cem", "dan", "eve", "fay")
TEAMS = ("Sales", "Engineering")
NEW = "Support"  # a team that Cal.com does not have at first
KINDS = {"title": "TEXT", "office": "SINGLE_SELECT", "skills": "MULTI_SELECT"}
HR = "urn:acme:hr"
WINDOW = 86_400.0  # longer than any story
SHARE, LEAST = 0.3, 5  # max_removals_per_team and min_team_size
LEAVERS, LEAST_PEOPLE = 0.05, 20  # max_deprovisions and min_organization_size


def address(name):
    return f"{name}@acme.example"


class Story(RuleBasedStateMachine):
    """Rules are added by a subclass."""

    databases = None

    def __init__(self):
        super().__init__()
        self.runner = asyncio.Runner()
        self.model = Model()
        self.wrong = []

    def run(self, coroutine):
        return self.runner.run(coroutine)

    @initialize(
        passes=st.sampled_from([1, 1, 2]),
        build=st.sampled_from(BUILDS),
        mode=st.sampled_from([None, "managed", "exclusive"]),
    )
    def begin(self, passes, build, mode):
        """Start the daemon. ``mode``: the mode of a team that a group has filled with everyone; None: no such team."""
        self.run(self._begin(passes, build))
        if mode is not None:
            self.run(self._fill(mode))

    async def _begin(self, passes, build):
        self.name = await self.databases.lend()
        self.stack = AsyncExitStack()
        db = await self.stack.enter_async_context(
            await Database.open(self.databases.server.dsn(self.name))
        )
        self.stage = await self.stack.enter_async_context(staged(db, Watched))
        self.stage.okta.style = "oin"
        self.stage.world.build = self.build = build
        self.stage.reconcile(drift_passes=passes)
        self.stage.guard(window=WINDOW)
        for name, kind in KINDS.items():
            self.stage.world.add_attribute(name, kind, ("a", "b"))
        self.stage.organize(
            attributes=tuple(
                AttributeRule(AttributePath(name, HR, name), name, create_options=True)
                for name in KINDS
            )
        )
        self._watch()
        await self._pass(full=True)

    async def _fill(self, mode):
        await self.stage.map("Sales", self.stage.team_id("Sales"), mode)
        for name in NAMES:
            await self.stage.okta.assign(address(name), name.capitalize(), "Example")
        await self.stage.okta.push_group("Sales", [address(name) for name in NAMES])
        self.model.mapped["Sales", "Sales"] = mode
        self.model.active = dict.fromkeys(NAMES, True)
        self.model.groups["Sales"] = set(NAMES)
        await self._pass(full=True)

    def _watch(self):
        """Check each removal that Cal.com receives over the API."""
        self.by_hand = False
        world = self.stage.world

        def dropped(membership):
            if not self.by_hand and membership.team_id in world.teams:
                team = world.teams[membership.team_id].name
                name = world.accounts[membership.user_id].email.partition("@")[0]
                self._judge(team, name)
                self._count(team, name, len(world.of_team(membership.team_id)), SHARE, LEAST)

        def left(user):
            name = world.accounts[user].email.partition("@")[0]
            if name == "owner" or self.model.active.get(name) is not False:
                self.wrong.append(f"{name} lost the organization")
            self._count(None, name, len(world.of_team(42)), LEAVERS, LEAST_PEOPLE)
            self.model.by_hand = {one for one in self.model.by_hand if one[1] != name}

        world.dropped, world.left = dropped, left

    def _count(self, team, name, present, share, least):
        """Check that no limit is exceeded without an approval. The window is longer than any run."""
        model = self.model
        size = present + model.gone[team]
        model.gone[team] += 1
        if (team, name) in model.approved:
            return
        model.removed[team] += 1
        if team and model.active.get(name) is False and self.build == builds.BEFORE_2025_08_18:
            return  # goes with the organization membership, which has a limit of its own
        allowed = max(1, math.floor(share * max(size, least) + 1e-9))
        if model.removed[team] > allowed:
            self.wrong.append(
                f"{model.removed[team]} left {team or 'the organization'}, {allowed} of {size} may"
            )

    async def _approve(self):
        for hold in await holds.load_current(self.stage.db, "acme"):
            for action in hold.actions:
                name = action["email"].partition("@")[0]
                team = self.stage.world.teams.get(action["team_id"])
                self.model.approved.add((team.name if team else None, name))
            await holds.approve(self.stage.db, "acme", hold.hash)

    def _judge(self, team, name):
        if name == "owner" or name in self.model.wanted(team):
            self.wrong.append(f"{name} was taken off {team}, where the directory wants them")
        leaves = self.model.active.get(name) is False
        if not self.model.exclusive(team) and not leaves and (team, name) in self.model.by_hand:
            self.wrong.append(f"{name} was taken off {team}, where they were put by hand")

    async def _pass(self, *, full):
        with suppress(RemoteError):
            await (self.stage.full() if full else self.stage.push())
        assert self.wrong == []
        assert self.stage.world.accounts_deleted == 0

    def teardown(self):
        try:
            if hasattr(self, "stage"):
                self.run(self._settle())
        finally:
            self.run(self._end())
            self.runner.close()

    async def _settle(self):
        self.stage.simulation.faults.clear()
        await self.stage.restart()  # the time within which a list may lag behind a write is over
        for _ in range(
            8
        ):  # what is held is approved, what is parked is tried, what is missed is waited for
            await self._approve()
            await self.stage.db.execute(
                "UPDATE calscim.parked_actions SET next_try = now(), refused = false"
            )
            self._everybody_accepts()
            await self._pass(full=True)
        assert self._pending() == []
        for team in TEAMS:
            there = {email.partition("@")[0] for email in self.stage.team(team)}
            wanted = self.model.wanted(team)
            mapped = any(one == team for _, one in self.model.mapped)
            assert wanted <= there, (team, wanted, there)
            if self.model.exclusive(team) and not self.model.waits(team):
                assert there == wanted, (team, wanted, there)
            elif mapped:
                kept = self.model.by_hand | self.model.put_back
                hand = {name for where, name in kept if where == team}
                assert there - wanted <= hand, (team, wanted, there, hand)
        self._settled_on_the_new_team()
        for name in [name for name, active in self.model.active.items() if active]:
            self._settled_attributes(name)
        people = {email.partition("@")[0] for email in self.stage.world.snapshot()["people"]}
        assert {name for name, active in self.model.active.items() if active} <= people
        assert not {name for name, active in self.model.active.items() if not active} & people
        plan = await self.stage.plan()
        assert plan.actions == (), plan.actions
        owner = await asyncpg.connect(self.databases.server.dsn(self.name, OWNER))
        assert (
            await owner.fetchval("SELECT count(*) FROM calscim.actions WHERE finished_at IS NULL")
            == 0
        )
        await owner.close()
        await self._replays()

    def _pending(self):
        """Return the pending team memberships that the model wants."""
        world = self.stage.world
        return [
            (team, name)
            for team in TEAMS
            for name in self.model.wanted(team)
            if (account := world.account(address(name)))
            and (one := world.find(account.id, world.team_id(team)))
            and not one.accepted
        ]

    def _everybody_accepts(self):
        """Follow every invitation to the organization; pending team memberships are left to calscim."""
        world = self.stage.world
        for one in world.of_team(world.organization_id):
            account = world.accounts[one.user_id]
            if not one.accepted:
                world.put_account(replace(account, profile=True))
                world.change(one, accepted=True)

    def _settled_on_the_new_team(self):
        """Check that calscim created the team at most once, for a pushed group, and that the team keeps an owner."""
        made = [team for team in self.stage.world.teams.values() if team.name == NEW]
        due = any(team == NEW and group in self.model.groups for group, team in self.model.mapped)
        assert len(made) <= 1
        assert made or not due
        if made:
            there = {email.partition("@")[0] for email in self.stage.team(NEW)}
            assert there == {"owner"} | self.model.wanted(NEW)

    def _settled_attributes(self, name):
        """Check that Cal.com has the directory's attributes, and otherwise only values set by hand."""
        values = self.stage.world.values(address(name))
        for attribute, said in self.model.said.get(name, {}).items():
            has = values.get(attribute, [])
            if said:
                assert sorted(has) == sorted(said), (name, attribute, said, has)
            else:
                assert {(name, attribute, one) for one in has} <= self.model.edited

    async def _replays(self):
        """Check that a rebuild from the journal gives the same tables."""
        for directory in await admin.directories(self.stage.db):
            found = await rebuild.compare(self.stage.db, directory)
            assert found.different == 0, found.differences

    async def _end(self):
        if hasattr(self, "stack"):
            await self.stack.aclose()
        if hasattr(self, "name"):
            await self.databases.take_back(self.name)
