"""Checks the API key of an organization, and describes its build of Cal.com."""

from calscim.admin.build import describe
from calscim.admin.checks.check import Check
from calscim.admin.checks.database import Connect, read_current
from calscim.admin.teams import reading
from calscim.calcom.reader import Reader
from calscim.config import Organization, Settings
from calscim.errors import RemoteError, RemoteKind
from calscim.planner.attributes.table import find_attribute
from calscim.planner.build import BuildTraits
from calscim.planner.observed_state import Incomplete
from calscim.planner.roles import Role
from calscim.reconciler.state import build_traits


async def check_organization(
    settings: Settings, organization: Organization, connect: Connect
) -> list[Check]:
    """Check the organization's key, and describe the build of Cal.com if it accepts the key."""
    try:
        async with reading(settings, organization) as reader:
            key = await _key(reader, organization)
            if not key.ok:
                return [key]
            pages_teams = await reader.pages_teams()
    except RemoteError as error:
        return [Check(f"organization {organization.name}", False, str(error))]
    traits = await _traits(connect, organization.name)
    build = describe(organization.api_url, traits, pages_teams=pages_teams)
    return [key, Check(f"Cal.com of {organization.name}", True, str(build))]


async def _key(reader: Reader, organization: Organization) -> Check:
    what = f"organization {organization.name}"
    whose = ""
    try:
        me = await reader.me()
        whose = (
            f"; the key's user {me.email} must be an ADMIN or OWNER of organization "
            f"{organization.organization_id}"
        )
        people = await reader.people()
        astray = await _attributes(reader, organization)
    except RemoteError as error:
        return Check(what, False, f"{error}{whose if error.kind is RemoteKind.AUTH else ''}")
    if isinstance(people, Incomplete):
        return Check(what, False, people.reason)
    mine = people.value.get(me.user)
    if mine is None:
        return Check(
            what,
            False,
            f"the key's user {me.email} is not in organization {organization.organization_id}: "
            "correct organization_id, or use a key of one of its owners",
        )
    if mine.role is Role.MEMBER:
        return Check(
            what,
            False,
            f"the key's user {me.email} is only a MEMBER: use a key of an ADMIN or OWNER",
        )
    warning = ""
    if me.organization_id not in {None, organization.organization_id}:
        warning = f"the key belongs to organization {me.organization_id} first"
    warning = "; ".join(filter(None, (warning, astray)))
    count = len(people.value)
    detail = f"{organization.api_url}, key of {me.email} ({mine.role.value}), {count} people"
    return Check(what, True, detail, warning)


async def _attributes(reader: Reader, organization: Organization) -> str:
    """Return the problems of the organization's table of attributes."""
    if not organization.attributes:
        return ""
    found = await reader.attributes()
    if isinstance(found, Incomplete):
        return f"calscim leaves people's attributes as they are: {found.reason}"
    named = (find_attribute(found.value, rule.to) for rule in organization.attributes)
    return "; ".join(one for one in named if isinstance(one, str))


async def _traits(connect: Connect, organization: str) -> BuildTraits:
    """Return what the daemon has learned about the build of Cal.com; nothing if the database cannot be read."""
    found = await read_current(
        connect, lambda connection: build_traits.load(connection, organization)
    )
    return found or BuildTraits()
