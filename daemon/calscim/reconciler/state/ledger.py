"""The ledger: links of users to accounts, and team memberships that calscim created or found in place."""

from collections.abc import Collection, Sequence

from calscim.planner.desired_state import Link, MembershipRecord, OrgRoleGrant
from calscim.planner.ids import CalUserId, DirectoryId, TeamId, UserId
from calscim.planner.observed_state import OrgMember
from calscim.planner.policy import ABSENT_AFTER
from calscim.planner.roles import Role
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql


async def link(db: Database, organization: str, links: Sequence[Link]) -> None:
    """Record the accounts of users."""
    if links:
        await db.execute(
            sql("account_links.link"),
            organization,
            [found.user for found in links],
            [found.cal_user for found in links],
            [found.origin for found in links],
            [found.email for found in links],
        )


async def forget_person(db: Database, organization: str, cal_user: CalUserId) -> None:
    """Forget what calscim granted to an account that left the organization, except its team memberships."""
    async with db.connection() as connection, connection.transaction():
        await connection.execute(sql("account_links.unlink"), organization, cal_user)
        await connection.execute(sql("org_role_grants.revoke"), organization, cal_user)
        await connection.execute(
            sql("applied_attributes.delete_of_account"), organization, cal_user
        )


async def forget_teams(db: Database, organization: str, cal_user: CalUserId) -> None:
    """Forget the team memberships of an account, which ended with its membership of the organization."""
    await db.execute(sql("ledger.delete_of_account"), organization, cal_user)


async def former_account(
    db: Database, organization: str, user: UserId, email: str
) -> CalUserId | None:
    """Return the account that the user had before it left the organization.

    Without one, return the account that had this address when it left.
    """
    number = await db.fetchval(sql("account_links.find_former_account"), organization, user, email)
    return None if number is None else CalUserId(number)


async def forget_account(db: Database, organization: str, cal_user: CalUserId) -> None:
    """Forget an account that no longer exists in Cal.com, with everything recorded about it."""
    async with db.connection() as connection, connection.transaction():
        for query in (
            "account_links.delete_of_account",
            "account_links.delete_former_account",
            "ledger.delete_of_account",
            "org_role_grants.revoke",
            "applied_attributes.delete_of_account",
        ):
            await connection.execute(sql(query), organization, cal_user)


async def record_org_role(db: Database, organization: str, office: OrgRoleGrant) -> None:
    """Record an organization role that calscim has just granted."""
    await db.execute(
        sql("org_role_grants.record"),
        organization,
        office.cal_user,
        office.user,
        office.role.value,
        office.mode.value,
        list(office.mappings),
    )


async def adopt_org_roles(db: Database, organization: str, people: Collection[OrgMember]) -> int:
    """Record the roles that attempts with an unknown outcome granted, if Cal.com shows them; return how many."""
    found = [person for person in people if person.role is not Role.MEMBER]
    adopted = await db.fetch(
        sql("org_role_grants.adopt"),
        organization,
        [person.user for person in found],
        [person.role.value for person in found],
        [person.email for person in found],
    )
    return len(adopted)


async def forget_org_role(db: Database, organization: str, cal_user: CalUserId) -> None:
    await db.execute(sql("org_role_grants.revoke"), organization, cal_user)


async def record_membership(db: Database, organization: str, edge: MembershipRecord) -> None:
    """Record a team membership that calscim has just created."""
    await db.execute(
        sql("ledger.record_added"),
        organization,
        edge.team,
        edge.cal_user,
        edge.user,
        edge.origin,
        edge.role.value,
        edge.mode.value,
        list(edge.mappings),
        edge.membership,
    )


async def record_role_set(
    db: Database, organization: str, team: TeamId, cal_user: CalUserId
) -> None:
    """Count an adopted membership as added, because calscim has just set its role."""
    await db.execute(sql("ledger.record_role_set"), organization, team, cal_user)


async def list_attempted(db: Database, organization: str) -> list[tuple[TeamId, CalUserId]]:
    """Return memberships that an attempt with an unknown outcome may have created, and that are not recorded.

    Only attempts since the last complete full pass count: that pass showed every earlier membership that was created.
    """
    rows = await db.fetch(sql("ledger.list_unconfirmed"), organization)
    return [(TeamId(row["team_id"]), CalUserId(row["cal_user_id"])) for row in rows]


async def adopt(db: Database, organization: str, team: TeamId, cal_user: CalUserId) -> None:
    """Record a membership of ``attempted`` that Cal.com shows: calscim created it."""
    await db.execute(sql("ledger.adopt"), organization, team, cal_user)


async def forget_membership(
    db: Database, organization: str, team: TeamId, cal_user: CalUserId
) -> None:
    await db.execute(sql("ledger.delete"), organization, team, cal_user)


async def record_found(db: Database, organization: str, edges: Sequence[MembershipRecord]) -> None:
    """Record memberships that are desired and observed. Unchanged rows cost no write."""
    if edges:
        await db.execute(
            sql("ledger.record_in_place"),
            organization,
            [edge.team for edge in edges],
            [edge.cal_user for edge in edges],
            [edge.user for edge in edges],
            [edge.origin for edge in edges],
            [edge.role.value for edge in edges],
            [edge.mode.value for edge in edges],
            [",".join(str(number) for number in edge.mappings) for edge in edges],
            [edge.membership for edge in edges],
        )


async def record_people(db: Database, organization: str, people: Collection[CalUserId]) -> None:
    """Count the accounts that a complete list of the organization did not show."""
    await db.execute(sql("account_links.count_missed"), organization, list(people))


async def record_team_members(
    db: Database, organization: str, team: TeamId, members: Collection[CalUserId]
) -> None:
    """Count the members that a complete list of a team did not show; delete a row after ABSENT_AFTER lists."""
    await db.execute(sql("ledger.count_missed"), organization, team, list(members), ABSENT_AFTER)


async def list_gone_imports(db: Database, organization: str) -> list[tuple[DirectoryId, UserId]]:
    """Return the imported users that the provider never wrote to and that Cal.com no longer has.

    A person is gone after calscim ended the membership, at once, or after ABSENT_AFTER complete passes without
    the account.
    """
    rows = await db.fetch(sql("imported_users.list_departed"), organization, ABSENT_AFTER)
    return [(DirectoryId(row["directory_id"]), UserId(row["user_id"])) for row in rows]


async def drop_orphans(db: Database, organization: str) -> None:
    """Delete unused links, and the recorded attributes of their accounts."""
    await db.execute(sql("account_links.unlink_orphans"), organization, ABSENT_AFTER)
    await db.execute(sql("applied_attributes.delete_orphans"), organization)
