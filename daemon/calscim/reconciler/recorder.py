"""Records what a pass did: the ledger, the links, parked actions, and attempts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from calscim.calcom.writer import CallResult
from calscim.planner.action_key import ActionKey
from calscim.planner.actions import (
    Action,
    AddMember,
    ChangeOrgRole,
    ChangeTeamRole,
    JoinAction,
    TeamAction,
    role_of,
    team_of,
)
from calscim.planner.desired_state import Link, MembershipRecord, OrgRoleGrant
from calscim.planner.ids import CalUserId, MembershipId, TeamId, UserId
from calscim.planner.observed_state import Team
from calscim.planner.roles import Role
from calscim.postgres.pool import Database
from calscim.reconciler.state import (
    applied_attributes,
    build_traits,
    created_teams,
    ledger,
    parked_actions,
)
from calscim.reconciler.state.attempts import Attempts

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Recorder:
    """Bound to one organization and one pass."""

    db: Database
    organization: str

    async def link(self, link: Link) -> None:
        await ledger.link(self.db, self.organization, [link])

    async def forget_person(self, cal_user: CalUserId) -> None:
        await ledger.forget_person(self.db, self.organization, cal_user)

    async def left_teams(self, cal_user: CalUserId) -> None:
        await ledger.forget_teams(self.db, self.organization, cal_user)

    async def former_account(self, user: UserId, email: str) -> CalUserId | None:
        return await ledger.former_account(self.db, self.organization, user, email)

    async def forget_account(self, cal_user: CalUserId) -> None:
        await ledger.forget_account(self.db, self.organization, cal_user)

    async def learn(self, trait: str, *, value: bool) -> None:
        await build_traits.learn(self.db, self.organization, trait, value=value)

    async def forget_membership(self, team: TeamId, cal_user: CalUserId) -> None:
        await ledger.forget_membership(self.db, self.organization, team, cal_user)

    async def record_membership(
        self, action: AddMember | ChangeTeamRole, membership: MembershipId, *, made: bool
    ) -> None:
        """Record a team membership that calscim created, or found when it tried to."""
        if action.cal_user is None or action.user is None:
            return
        edge = MembershipRecord(
            team=action.team,
            cal_user=action.cal_user,
            user=action.user,
            origin="added" if made else "found",
            role=action.role,
            mode=action.mode,
            mappings=action.mappings,
            membership=membership or None,
        )
        if made:
            await ledger.record_membership(self.db, self.organization, edge)
        else:
            await ledger.record_found(self.db, self.organization, [edge])
        if isinstance(action, ChangeTeamRole):
            await ledger.record_role_set(self.db, self.organization, action.team, action.cal_user)

    async def record_org_role(
        self, action: JoinAction | ChangeOrgRole, cal_user: CalUserId
    ) -> None:
        """Record the organization role that an action granted; delete the record of a plain member."""
        if action.user is None or action.role is Role.MEMBER or action.mode is None:
            await ledger.forget_org_role(self.db, self.organization, cal_user)
            return
        office = OrgRoleGrant(cal_user, action.user, action.role, action.mode, action.mappings)
        await ledger.record_org_role(self.db, self.organization, office)

    async def record_attribute_intent(self, cal_user: CalUserId, attribute: str) -> None:
        await applied_attributes.record_intent(self.db, self.organization, cal_user, attribute)

    async def record_attributes(self, rows: Sequence[applied_attributes.AppliedAttribute]) -> None:
        await applied_attributes.record_applied(self.db, self.organization, rows)

    async def has_attempt(self, awaited: TeamId, team: TeamId) -> bool:
        return await created_teams.has_attempt(self.db, self.organization, awaited, team)

    async def bind(
        self, awaited: TeamId, team: Team, request_id: str, creator: CalUserId | None
    ) -> None:
        await created_teams.bind(
            self.db, self.organization, awaited, team, request_id=request_id, creator=creator
        )

    async def record_owner_membership(self, team: TeamId, membership: MembershipId) -> None:
        await created_teams.record_owner_membership(self.db, self.organization, team, membership)

    async def forget_created_team(self, team: TeamId) -> None:
        await created_teams.forget(self.db, self.organization, team)

    async def release_unanswered(self) -> None:
        await parked_actions.release_unanswered(self.db, self.organization)

    async def unpark(self, keys: Sequence[ActionKey]) -> None:
        await parked_actions.unpark(self.db, self.organization, keys)


@dataclass(frozen=True, slots=True)
class AttemptLog:
    """Records each attempt: a row before the call, its result after it, and one line in the log."""

    attempts: Attempts
    team_names: Mapping[TeamId, str] = field(default_factory=dict)
    _sent: dict[int, tuple[Action, str]] = field(default_factory=dict)

    async def begin(self, action: Action, request_id: str) -> int:
        action_id = await self.attempts.begin(action, request_id)
        self._sent[action_id] = (action, request_id)
        return action_id

    async def confirm(self) -> None:
        await self.attempts.confirm()

    async def finish(self, action_id: int, result: CallResult) -> None:
        action, request_id = self._sent.pop(action_id)
        self._log(action, request_id, result)
        await self.attempts.finish(
            action_id, result.outcome.value, result.detail, result.cal_user, result.team
        )

    def _log(self, action: Action, request_id: str, result: CallResult) -> None:
        role, team, provenance = role_of(action), team_of(action), action.provenance
        new_team = action.new_team if isinstance(action, TeamAction) else None
        detail = {"detail": result.detail} if result.detail else {}
        log.info(
            "reconcile.action",
            organization=self.attempts.lease.organization,
            kind=action.kind.value,
            email=action.email,
            user_id=action.user,
            cal_user_id=result.cal_user or action.cal_user,
            team=new_team or (None if team is None else self.team_names.get(team, str(team))),
            role=None if role is None else role.value,
            outcome=result.outcome.value,
            reason=action.reason,
            journal=None
            if provenance is None
            else {"stream": provenance.stream, "seq": provenance.seq},
            request_id=request_id,
            **detail,
        )
