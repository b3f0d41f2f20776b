"""Random Okta requests, manual edits, faults and crashes, compared with a model of the desired state.

After every step, calscim has removed no one without a reason in the model, and has deleted no account. At the end, the
faults stop and the test approves all holds. Then Cal.com matches the model within two passes, the next plan is empty,
and a rebuild from the journal gives the same tables.
"""

import itertools
import logging
import os
from contextlib import suppress

import pytest
import structlog
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    precondition,
    rule,
    run_state_machine_as_test,
)

from calscim.errors import RemoteError
from calscim.reconciler.state import ledger
from calscim.testing.calcom.calcom import Fault
from tests.machine.story import (
    HR,
    KINDS,
    NAMES,
    NEW,
    TEAMS,
    Story,
    address,
)

EXAMPLES = int(os.environ.get("SOAK_EXAMPLES", "60"))
STEPS = int(os.environ.get("SOAK_STEPS", "12"))
GROUPS = ("Sales", "Platform", "Both")
SAID = st.fixed_dictionaries(
    {
        "title": st.sampled_from([(), ("a",), ("b",)]),
        "office": st.sampled_from([(), ("a",), ("b",)]),
        "skills": st.sampled_from([(), ("a",), ("a", "b"), ("b", "c")]),
    }
)
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
    # A proxy may repeat a DELETE, which is idempotent.
    st.builds(
        Fault, method=st.just("DELETE"), path=PATHS, kind=st.just("twice"), times=st.integers(1, 3)
    ),
)

names = st.sampled_from(NAMES)
groups = st.sampled_from(GROUPS)
teams = st.sampled_from(TEAMS)


class Machine(Story):
    """Has a rule for each thing that Okta, operators, Cal.com or the network can do."""

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
