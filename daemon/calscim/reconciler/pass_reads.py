"""Chooses what a pass reads from Cal.com beside the lists of people and teams. Cannot write."""

from collections.abc import Iterable
from dataclasses import dataclass

from calscim.calcom.reader import Reader
from calscim.planner.attributes.table import find_single_valued
from calscim.planner.desired_state import DesiredState
from calscim.planner.ids import TeamId
from calscim.planner.observed_state import Incomplete
from calscim.planner.policy import Policy
from calscim.reconciler.observed_cache import (
    ObservedCache,
    accounts_of_active_users,
    relevant_teams,
)
from calscim.reconciler.paced_reader import PacedReader

OPTION_PASSES = 50  # full passes in which the options of everyone are read once
MIN_OPTION_READS = 5  # people whose options each full pass reads
MAX_TEAM_READS = 2  # reads that an incremental pass may spend on known teams


@dataclass(frozen=True, slots=True)
class PassReads:
    """The reads of the passes of one organization."""

    view: ObservedCache
    reader: Reader
    paced_reader: PacedReader

    async def read_attributes(self, desired: DesiredState, policy: Policy, *, again: bool) -> None:
        """Read the attributes of the configured table, if there is one."""
        await self.view.attributes.look(self.reader, desired, policy, again=again)

    async def read_profiles(self, desired: DesiredState) -> None:
        """Find out which active users have a Profile."""
        await self.view.read_profiles(self.reader, accounts_of_active_users(desired, self.view))

    async def read_affected_teams(
        self, desired: DesiredState, affected: frozenset[TeamId], *, again: bool
    ) -> None:
        """Read unknown teams. ``again``: read a few small affected teams again too."""
        view = self.view
        if view.people is None:
            await view.read_people(self.reader)
        relevant = relevant_teams(desired)
        unread = relevant - view.teams.keys() | view.stale & relevant
        unread |= (view.gaps.keys() - view.gone) & relevant & affected
        small = [team for team in sorted((affected & relevant) - unread) if view.pages(team) == 1]
        reread = small[: max(0, MAX_TEAM_READS - len(unread))] if again else []
        for team in [*sorted(unread), *reread]:
            await view.read_team(self.reader, team)

    async def read_again(self, teams: Iterable[TeamId], since: float) -> None:
        """Read those of the teams again whose last read is older than ``since``."""
        for team in sorted(teams):
            if self.view.read_at.get(team, since) < since:
                await self.view.read_team(self.reader, team)

    async def read_some_options(self, desired: DesiredState, policy: Policy) -> None:
        """Read the options of some people, since lists show one of several values and hide duplicates.

        People whose options are unread or outdated come first, then those whose options were read longest ago.
        A pass reads a share of them, and no more than reads may take of the rate limit.
        """
        observed = self.view.attributes.observed()
        if isinstance(observed, Incomplete) or not policy.attributes:
            return
        single = find_single_valued(observed.value, policy)
        managed = accounts_of_active_users(desired, self.view)
        holders = [
            person.user
            for person in (self.view.people or {}).values()
            if person.user in managed
            and person.has_joined
            and any(held.attribute in single for held in person.attributes or ())
        ]
        read_at = self.view.options.read_at
        holders.sort(key=lambda user: (read_at.get(user, float("-inf")), user))
        for user in holders[: max(MIN_OPTION_READS, len(holders) // OPTION_PASSES)]:
            if self.paced_reader.delay() > 0:
                return
            await self.view.read_options(self.reader, user)

    def may_improve(self) -> bool:
        """Return True if a retry may read something that could not be read."""
        return self.view.people is None or not self.view.gaps.keys() <= self.view.gone
