"""Records the effects of actions that Cal.com carried out, in the cache and in the reconciler's tables."""

from dataclasses import dataclass
from typing import assert_never

import structlog

from calscim.calcom.writer import CallResult
from calscim.planner.actions import (
    AcceptMember,
    Action,
    AddMember,
    AttachUser,
    AttributeOp,
    ChangeAddress,
    ChangeAttribute,
    ChangeOrgRole,
    ChangePreferences,
    ChangeTeamRole,
    CreateTeam,
    CreateUser,
    DeprovisionUser,
    JoinAction,
    Outcome,
    ReinviteUser,
    RemoveMember,
)
from calscim.planner.attributes.values import PREFERENCES
from calscim.planner.desired_state import Link
from calscim.planner.ids import CalUserId
from calscim.planner.observed_state import OrgMember, TeamMember
from calscim.planner.roles import Role
from calscim.reconciler.action_resolver import ActionResolver
from calscim.reconciler.observed_cache import UNKNOWN, ObservedCache
from calscim.reconciler.recorder import Recorder

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class EffectRecorder:
    """Records the effects of the actions of one pass."""

    view: ObservedCache
    record: Recorder
    resolver: ActionResolver

    async def record_link(self, link: Link) -> None:
        """Record which account a user has, also for later actions of the pass."""
        self.resolver.accounts[link.user] = link.cal_user
        await self.record.link(link)

    async def record_effect(self, action: Action, result: CallResult, request_id: str) -> None:
        """Record what Cal.com has after a call that carried out the action."""
        match action:
            case CreateUser() | AttachUser():
                await self._record_joined(action, result)
            case CreateTeam():
                assert result.team is not None
                await self.resolver.new_teams.bind_created(action, result.team, request_id)
            case ChangeAttribute():
                await self._record_attribute(action, result)
            case AddMember() | ChangeTeamRole():
                await self._record_team_member(action, result)
            case _:
                assert action.cal_user is not None, "a member has an account"
                await self._record_change(action, action.cal_user, result)

    async def _record_change(
        self,
        action: ReinviteUser
        | ChangeAddress
        | ChangePreferences
        | DeprovisionUser
        | ChangeOrgRole
        | AcceptMember
        | RemoveMember,
        account: CalUserId,
        result: CallResult,
    ) -> None:
        match action:
            case ReinviteUser() if result.outcome is Outcome.ALREADY:
                self.view.apply_profile_found(action.membership)
            case ReinviteUser():
                self.view.apply_pending(account)
            case ChangeAddress():
                self.resolver.exchanges.note_done(action)
                self.view.apply_change(account, email=action.email)
                await self._record_preferences(action, account, result)
            case ChangePreferences():
                await self._record_preferences(action, account, result)
            case DeprovisionUser():
                self.view.apply_left(account, action.membership or UNKNOWN)
                await self.record.forget_person(account)
                if self.view.traits.clears_teams is not None:  # else Deprovisioner.learn_traits
                    await self.record.left_teams(account)
            case ChangeOrgRole():
                self.view.apply_change(account, role=action.role)
                await self.record.record_org_role(action, account)
            case AcceptMember():
                self.view.apply_acceptance(action.team, account)
            case RemoveMember():
                self.view.apply_removal(action.team, account, action.membership or UNKNOWN)
                await self.record.forget_membership(action.team, account)
                if action.of_bootstrap_owner:
                    await self.record.forget_created_team(action.team)
            case _:
                assert_never(action)

    async def _record_joined(self, action: JoinAction, result: CallResult) -> None:
        account = result.cal_user or action.cal_user
        if account is None or action.user is None:
            self.view.invalidate(None)
            return
        self.view.apply_joined(
            OrgMember(
                membership=result.membership or UNKNOWN,
                user=account,
                email=action.email,
                name=action.name or "",
                username="",
                role=action.role,
                accepted=result.accepted is not False,
                attributes=(),
                has_profile=True if isinstance(action, CreateUser) else action.has_profile or None,
            )
        )
        origin = "created" if isinstance(action, CreateUser) else "attached"
        await self.record_link(Link(action.user, account, origin, action.email))
        if isinstance(action, CreateUser):
            self.resolver.attribute_sync.mark_empty(account)
            await self._record_preferences(action, account, result)
        if action.role is not Role.MEMBER:
            await self.record.record_org_role(action, account)

    async def _record_preferences(
        self,
        action: CreateUser | ChangeAddress | ChangePreferences,
        account: CalUserId,
        result: CallResult,
    ) -> None:
        """Record the locale and time zone that were sent, since no list shows them."""
        if result.detail:
            log.warning(
                "reconcile.preference_refused",
                organization=self.record.organization,
                email=action.email,
                reason=result.detail,
            )
        if action.preferences is not None:
            await self.record.record_attributes([(account, PREFERENCES, action.preferences.record)])

    async def _record_attribute(self, action: ChangeAttribute, result: CallResult) -> None:
        change, account = action.change, action.cal_user
        if change.op is AttributeOp.OPTION:
            assert result.option is not None
            self.view.attributes.add_option(change, result.option)
            return
        assert account is not None
        held = self.view.attributes_of(account) or ()
        self.view.apply_attributes(
            account,
            await self.resolver.attribute_sync.record_applied(change, result, account, held),
        )

    async def _record_team_member(
        self, action: AddMember | ChangeTeamRole, result: CallResult
    ) -> None:
        assert action.cal_user is not None
        before = self.view.teams.get(action.team, {}).get(action.cal_user)
        membership = result.membership or (before.membership if before else UNKNOWN)
        made = isinstance(action, AddMember) and result.outcome is Outcome.DONE
        # A member who was on the team before keeps the role.
        if made or isinstance(action, ChangeTeamRole) or before is None:
            self.view.apply_member(
                action.team, TeamMember(membership, action.cal_user, action.role, accepted=True)
            )
        await self.record.record_membership(action, membership, made=made)
        if isinstance(action, ChangeTeamRole) and action.of_bootstrap_owner:
            await self.record.forget_created_team(action.team)
