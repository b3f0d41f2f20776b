"""Removes a person from the organization, also on builds of Cal.com that keep the team memberships.

Builds since 2025-08-18 end the team memberships with the organization membership. calscim learns the kind of build
after the first deprovision of a person who had a Profile. On older builds, it then ends the team memberships first.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from calscim.calcom.reader import Reader
from calscim.calcom.writer import CallResult, Writer
from calscim.errors import RemoteError
from calscim.planner.actions import DeprovisionUser, Outcome, RemoveMember
from calscim.planner.ids import CalUserId, TeamId
from calscim.planner.observed_state import Incomplete, OrgMember, TeamMember
from calscim.reconciler.observed_cache import ObservedCache
from calscim.reconciler.recorder import Recorder

_ENDED = (Outcome.DONE, Outcome.ALREADY, Outcome.NOT_FOUND)


@dataclass(slots=True)
class Deprovisioner:
    """The steps around user.deprovision, for one pass."""

    reader: Reader
    writer: Writer
    view: ObservedCache
    record: Recorder
    _unmapped: dict[TeamId, Mapping[CalUserId, TeamMember]] | None = field(default=None)

    async def leave_teams(self, action: DeprovisionUser, request_id: str) -> CallResult | None:
        """End the team memberships first if the build keeps them; return the result of a failed call."""
        if self.view.traits.clears_teams is not False:
            return None
        return await self._end_all(action, request_id)

    async def learn_traits(
        self,
        action: DeprovisionUser,
        person: OrgMember | None,
        before: Mapping[TeamId, TeamMember],
        request_id: str,
    ) -> None:
        """Learn after a deprovision whether the build ends team memberships, and end those that it kept.

        ``person`` and ``before`` are the organization membership and the team memberships before the deprovision. A
        build that keeps team memberships keeps the Profile too. This method reads the Profile from Cal.com, because
        lists may lag and an operator may have ended a team membership by hand. A person without a Profile proves
        nothing. If the kind of build stays unknown, the next full pass ends the leftovers. The ledger keeps each team
        membership until Cal.com has ended it, so that calscim can still end it for a person who comes back.
        """
        if self.view.traits.clears_teams is not None:
            return
        assert action.cal_user is not None, "a member has an account"
        had_profile = bool(before) or (person is not None and person.has_profile is True)
        if not had_profile:
            await self.record.left_teams(action.cal_user)
            return
        has_profile = await self.writer.has_profile(action.cal_user, request_id)
        if has_profile is None or isinstance(has_profile, Incomplete):
            return
        await self._note(clears_teams=not has_profile)
        if has_profile:
            await self._end_all(action, request_id, before)
        else:
            await self.record.left_teams(action.cal_user)

    async def _note(self, *, clears_teams: bool) -> None:
        self.view.traits = replace(self.view.traits, clears_teams=clears_teams)
        await self.record.learn("clears_teams", value=clears_teams)

    async def _end_all(
        self,
        action: DeprovisionUser,
        request_id: str,
        before: Mapping[TeamId, TeamMember] | None = None,
    ) -> CallResult | None:
        user = action.cal_user
        assert user is not None, "a member has an account"
        everywhere = await self._memberships(user)
        if isinstance(everywhere, Incomplete):
            return CallResult(
                Outcome.UNKNOWN, f"the person's teams could not be read: {everywhere.reason}"
            )
        for team, member in {**everywhere, **(before or {})}.items():
            result = await self._end(action, team, member, request_id)
            if result.outcome not in _ENDED:
                return result
        return None

    async def _end(
        self, action: DeprovisionUser, team: TeamId, member: TeamMember, request_id: str
    ) -> CallResult:
        removal = RemoveMember(
            action.email,
            f"{action.reason}; this build of Cal.com leaves team memberships behind",
            user=action.user,
            cal_user=action.cal_user,
            team=team,
            membership=member.membership,
            observed_role=member.role,
            provenance=action.provenance,
            drift=action.drift,
            state=action.state,
            approved=action.approved,
        )
        result = await self.writer.perform(removal, request_id)
        if result.outcome in _ENDED:
            self.view.apply_removal(team, member.user, member.membership)
            await self.record.forget_membership(team, member.user)
        return result

    async def _memberships(self, user: CalUserId) -> dict[TeamId, TeamMember] | Incomplete:
        """Return the person's memberships of all teams of the organization, mapped or not."""
        try:
            unmapped = await self._read_unmapped()
        except RemoteError as error:
            return Incomplete(str(error))
        if isinstance(unmapped, Incomplete):
            return unmapped
        teams = {**unmapped, **self.view.teams}
        return {team: members[user] for team, members in sorted(teams.items()) if user in members}

    async def _read_unmapped(
        self,
    ) -> dict[TeamId, Mapping[CalUserId, TeamMember]] | Incomplete:
        """Read the unmapped teams once per pass."""
        if self._unmapped is None:
            teams = await self.reader.teams()
            if isinstance(teams, Incomplete):
                return teams
            found: dict[TeamId, Mapping[CalUserId, TeamMember]] = {}
            for team in sorted(teams.value.keys() - self.view.teams.keys()):
                members = await self.reader.team_members(team)
                if isinstance(members, Incomplete):
                    return members
                found[team] = members.value
            self._unmapped = found
        return self._unmapped
