"""Records each attempt to change Cal.com: a row before the call, and its outcome after it."""

from collections.abc import Iterable
from dataclasses import dataclass

from calscim.planner.actions import (
    Action,
    DeprovisionUser,
    Kind,
    Provenance,
    membership_of,
    removes_access,
    role_of,
    team_of,
)
from calscim.planner.ids import TeamId
from calscim.planner.safeguards.limits import WindowUsage
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql
from calscim.reconciler.state.leases import Lease, LeaseLost


@dataclass(frozen=True, slots=True)
class Attempts:
    """The attempts of one pass, under one lease."""

    db: Database
    lease: Lease
    pass_id: int
    plan_hash: str

    async def begin(self, action: Action, request_id: str) -> int:
        """Insert the row and return its id. Raise LeaseLost if the term is over: then nothing may be sent."""
        role, provenance = role_of(action), action.provenance
        number = await self.db.fetchval(
            sql("actions.begin"),
            self.lease.organization,
            self.pass_id,
            self.plan_hash,
            action.kind.value,
            action.email,
            action.user,
            action.cal_user,
            team_of(action),
            None if role is None else role.value,
            action.reason,
            None if provenance is None else provenance.stream,
            None if provenance is None else provenance.seq,
            request_id,
            self.lease.term,
            self.lease.holder,
            membership_of(action),
            removes_access(action),
            action.drift,
            action.approved,
            list(action.teams) if isinstance(action, DeprovisionUser) else [],
        )
        if number is None:
            raise LeaseLost(f"the lease of {self.lease.organization} is over; nothing was sent")
        return int(number)

    async def confirm(self) -> None:
        """Raise LeaseLost if the term is over: then nothing more may be sent."""
        lease = self.lease
        if not await self.db.fetchval(
            sql("leases.is_held"), lease.organization, lease.holder, lease.term
        ):
            raise LeaseLost(f"the lease of {lease.organization} is over; nothing more was sent")

    async def finish(
        self,
        number: int,
        outcome: str,
        detail: str,
        cal_user: int | None,
        team: int | None = None,
    ) -> None:
        await self.db.execute(sql("actions.finish"), number, outcome, detail, cal_user, team)


async def window_usage(db: Database, organization: str, seconds: float) -> WindowUsage:
    """Return what the attempts of the last ``seconds`` removed and added."""
    usage = WindowUsage()
    for row in await db.fetch(sql("actions.list_removals"), organization, seconds):
        usage.count_removal(
            Kind(row["kind"]),
            row["team_id"],
            [TeamId(team) for team in row["ended_team_ids"]],
            drift=row["is_drift"],
            approved=row["is_approved"],
        )
    for row in await db.fetch(sql("actions.count_additions"), organization, seconds):
        usage.count_addition(row["team_id"], row["people"], approved=row["is_approved"])
    return usage


async def abandon(db: Database, lease: Lease) -> int:
    """Close the open attempts of earlier terms as unknown; return how many."""
    return len(await db.fetch(sql("actions.abandon"), lease.organization, lease.term))


async def request_ids(db: Database, causes: Iterable[Provenance]) -> dict[Provenance, str]:
    """Return the id of the SCIM request behind each journal row."""
    wanted = sorted(set(causes), key=lambda cause: (cause.stream, cause.seq))
    if not wanted:
        return {}
    rows = await db.fetch(
        sql("journal.list_request_ids"),
        [cause.stream for cause in wanted],
        [cause.seq for cause in wanted],
    )
    return {Provenance(row["stream"], row["seq"]): row["request_id"] for row in rows}


async def traceparents(db: Database, causes: Iterable[Provenance]) -> dict[Provenance, str]:
    """Return the span of the SCIM request behind each journal row of the last hour that has one."""
    wanted = sorted(set(causes), key=lambda cause: (cause.stream, cause.seq))
    if not wanted:
        return {}
    rows = await db.fetch(
        sql("journal.list_traceparents"),
        [cause.stream for cause in wanted],
        [cause.seq for cause in wanted],
    )
    return {Provenance(row["stream"], row["seq"]): row["traceparent"] for row in rows}
