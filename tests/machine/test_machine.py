"""Random Okta requests, manual edits, faults and crashes, compared with a model of the desired state.

After every step, calscim has removed no one without a reason in the model, and has deleted no account. At the end, the
faults stop and the test approves all holds. Then Cal.com matches the model within two passes, the next plan is empty,
and a rebuild from the journal gives the same tables.
"""

import asyncio
import itertools
import logging
import math
import os
from contextlib import AsyncExitStack, suppress
from dataclasses import replace

import asyncpg
import pytest
import structlog
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from calscim import admin
from calscim.errors import RemoteError
from calscim.journal.replay import rebuild
from calscim.planner.policy import AttributePath, AttributeRule
from calscim.postgres.pool import Database
from calscim.reconciler.state import holds, ledger
from calscim.testing.calcom import builds
from calscim.testing.calcom.calcom import Fault
from tests.machine.model import Model, Watched
from tests.support.server import OWNER
from tests.support.stage import staged

EXAMPLES = int(os.environ.get("SOAK_EXAMPLES", "100"))
STEPS = int(os.environ.get("SOAK_STEPS", "12"))
BUILDS = [os.environ["SOAK_BUILD"]] if "SOAK_BUILD" in os.environ else list(builds.NAMES)
NAMES = ("ann", "bob", "cem", "dan", "eve", "fay")
GROUPS = ("Sales", "Platform", "Both")
TEAMS = ("Sales", "Engineering")
NEW = "Support"  # a team that Cal.com does not have at first
KINDS = {"title": "TEXT", "office": "SINGLE_SELECT", "skills": "MULTI_SELECT"}
SAID = st.fixed_dictionaries(
    {
        "title": st.sampled_from([(), ("a",), ("b",)]),
        "office": st.sampled_from([(), ("a",), ("b",)]),
        "skills": st.sampled_from([(), ("a",), ("a", "b"), ("b", "c")]),
    }
)
HR = "urn:acme:hr"
WINDOW = 86_400.0  # longer than any story
SHARE, LEAST = 0.3, 5  # max_removals_per_team and min_team_size
LEAVERS, LEAST_PEOPLE = 0.05, 20  # max_deprovisions and min_organization_size
METHODS = st.sampled_from(["", "GET", "POST", "PATCH", "DELETE"])
PATHS = st.sampled_from(["", "/users", "/memberships", "/teams/", "/teams", "/attributes"])
FAULTS = st.one_of(
    st.builds(
        Fault,
        method=METHODS,
        path=PATHS,
        kind=st.sampled_from(["status", "drop", "malformed", "drop-after", "short"]),
        status=st.sampled_from([500, 502, 404, 409]),
        times=st.integers(1, 3),
    ),
    # Not with 4xx: such an answer states that the call changed nothing.
    st.builds(
        Fault,
        method=METHODS,
        path=PATHS,
        kind=st.just("status-after"),
        status=st.sampled_from([500, 502]),
        times=st.integers(1, 3),
    ),
)

names = st.sampled_from(NAMES)
groups = st.sampled_from(GROUPS)
teams = st.sampled_from(TEAMS)


def address(name):
    return f"{name}@acme.example"


class Machine(RuleBasedStateMachine):
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

    # ---------------------------------------------------------------- Okta

    @rule(name=names)
    def assign(self, name):
        async def do():
            await self.stage.okta.assign(address(name), name.capitalize(), "Example")
            self.model.active[name] = True

        self.run(do())

    @precondition(lambda self: self.model.active)
    @rule(data=st.data(), active=st.booleans())
    def activate(self, data, active):
        name = data.draw(st.sampled_from(sorted(self.model.active)))

        async def do():
            if active:
                await self.stage.okta.reactivate(address(name))
            else:
                await self.stage.okta.deactivate(address(name))
            self.model.active[name] = active

        self.run(do())

    @precondition(lambda self: self.model.active)
    @rule(group=groups, data=st.data())
    def push(self, group, data):
        chosen = data.draw(st.sets(st.sampled_from(sorted(self.model.active))))

        async def do():
            emails = [address(name) for name in sorted(chosen)]
            if group in self.stage.okta.groups:
                await self.stage.okta.push_now(group, emails)
            else:
                await self.stage.okta.push_group(group, emails)
            self.model.groups[group] = set(chosen)

        self.run(do())

    @precondition(lambda self: any(self.model.groups.values()))
    @rule(data=st.data())
    def remove_member(self, data):
        """Okta removes one person from a group."""
        filled = sorted(group for group, members in self.model.groups.items() if members)
        group = data.draw(st.sampled_from(filled))
        name = data.draw(st.sampled_from(sorted(self.model.groups[group])))

        async def do():
            await self.stage.okta.remove_members(group, [address(name)])
            self.model.groups[group].discard(name)

        self.run(do())

    @precondition(lambda self: self.model.groups and self.model.active)
    @rule(data=st.data())
    def add_member(self, data):
        """Okta adds one person to a group."""
        group = data.draw(st.sampled_from(sorted(self.model.groups)))
        name = data.draw(st.sampled_from(sorted(self.model.active)))

        async def do():
            await self.stage.okta.add_members(group, [address(name)])
            self.model.groups[group].add(name)

        self.run(do())

    @precondition(lambda self: self.model.groups)
    @rule(data=st.data())
    def delete_group(self, data):
        group = data.draw(st.sampled_from(sorted(self.model.groups)))

        async def do():
            await self.stage.okta.delete_group(group)
            del self.model.groups[group]

        self.run(do())

    @precondition(lambda self: self.model.active)
    @rule(data=st.data(), said=SAID)
    def say(self, data, said):
        """The identity provider writes a user's attributes; attributes that it omits are cleared."""
        name = data.draw(st.sampled_from(sorted(self.model.active)))
        values = {key: list(value) for key, value in said.items() if value}

        async def do():
            await self.stage.okta.update_profile(address(name), **{HR: values})
            self.model.said[name] = said

        self.run(do())

    # ---------------------------------------------------------------- operators

    @rule(group=groups, mode=st.sampled_from(["managed", "exclusive"]))
    def map_to_a_new_team(self, group, mode):
        if (group, NEW) in self.model.mapped:
            return

        async def do():
            await self.stage.map(group, NEW, mode)
            self.model.mapped[group, NEW] = mode

        self.run(do())

    @rule(group=groups, team=teams, mode=st.sampled_from(["managed", "exclusive"]))
    def map(self, group, team, mode):
        if (group, team) in self.model.mapped:
            return

        async def do():
            await self.stage.map(group, self.stage.team_id(team), mode)
            self.model.mapped[group, team] = mode

        self.run(do())

    @rule()
    def approve_everything(self):
        self.run(self._approve())

    # ---------------------------------------------------------------- drift, faults, crashes

    @rule(team=teams, name=names)
    def put_by_hand(self, team, name):
        world = self.stage.world
        account = world.account(address(name))
        if account is None or not account.profile or world.find(account.id, world.team_id(team)):
            return
        world.put_on_team(team, address(name))
        # Also somebody whom a group wants by now: they were there before calscim could put them there.
        if self._given(team, account.id):
            self.model.put_back.add((team, name))
        else:
            self.model.by_hand.add((team, name))

    def _given(self, team, account):
        """Return True if calscim added the member according to the ledger, or may have done so."""

        async def do():
            number = self.stage.team_id(team)
            there = await self.stage.db.fetchval(
                "SELECT EXISTS (SELECT FROM calscim.ledger WHERE team_id = $1 AND cal_user_id = $2)",
                number,
                account,
            )
            return there or (number, account) in await ledger.list_attempted(self.stage.db, "acme")

        return self.run(do())

    @rule(team=teams, name=names)
    def take_by_hand(self, team, name):
        world = self.stage.world
        account = world.account(address(name))
        if account is None or not world.find(account.id, world.team_id(team)):
            return
        self.by_hand = True
        world.take_off_team(team, address(name))
        self.by_hand = False
        self.model.by_hand.discard((team, name))
        self.model.put_back.discard((team, name))

    @rule(name=names)
    def accept(self, name):
        """The person accepts the invitation in Cal.com."""
        world = self.stage.world
        account = world.account(address(name))
        membership = account and world.find(account.id, world.organization_id)
        if membership and not membership.accepted:
            world.accept(address(name))

    @rule(name=names)
    def make_half_member(self, name):
        """Another program attaches the account as accepted, without a Profile."""
        world = self.stage.world
        account = world.account(address(name))
        if account is None or account.profile or world.find(account.id, world.organization_id):
            return
        world.make_half_member(address(name))

    @rule(team=teams, name=names)
    def make_pending(self, team, name):
        """A team membership is made pending by hand."""
        world = self.stage.world
        account = world.account(address(name))
        membership = account and world.find(account.id, world.team_id(team))
        if membership:
            world.change(membership, accepted=False)

    @rule(name=names, attribute=st.sampled_from(sorted(KINDS)), value=st.sampled_from("abx"))
    def edit_by_hand(self, name, attribute, value):
        world = self.stage.world
        account = world.account(address(name))
        if account is None or not world.find(account.id, world.organization_id):
            return
        world.set_attribute(address(name), attribute, value)
        self.model.edited.add((name, attribute, value))

    @rule(fault=FAULTS)
    def fault(self, fault):
        self.stage.simulation.faults.append(fault)

    @rule()
    def full_pass(self):
        self.run(self._pass(full=True))

    @rule(teams=st.sets(teams))
    def full_pass_over_earlier_reads(self, teams):
        """Run the full pass after paced reads: some teams were read recently, the others were not."""

        async def do():
            reconciler = self.stage.reconciler
            if reconciler.view.me is None:
                return
            with suppress(RemoteError):
                for team in sorted(teams):
                    await reconciler.view.read_team(reconciler.reader, self.stage.team_id(team))
                await reconciler.run_full(lambda: False, since=0.0)

        self.run(do())
        assert self.wrong == []

    @rule()
    def incremental_pass(self):
        self.run(self._pass(full=False))

    @rule(after=st.integers(0, 4))
    def crash_in_a_pass(self, after):
        """Stop the process after this many actions; another process takes over."""
        left = itertools.chain([False] * after, itertools.repeat(True))

        async def do():
            with suppress(RemoteError):
                await self.stage.reconciler.run_full(lambda: next(left))
            await self.stage.restart()

        self.run(do())
        assert self.wrong == []

    # ---------------------------------------------------------------- the end

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


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_cal_com_converges_to_the_directory_after_random_faults(databases):
    Machine.databases = databases
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                derandomize="SOAK_EXAMPLES" not in os.environ,  # the same stories for everybody
                phases=(Phase.explicit, Phase.generate),
                suppress_health_check=list(HealthCheck),
                database=None,
                print_blob=True,
            ),
        )
    finally:
        structlog.configure(**before)
