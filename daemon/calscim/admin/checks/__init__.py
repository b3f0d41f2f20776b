"""The checks of `calscim check`: configuration, database, API keys, running daemons, tokens. They change nothing."""

from collections.abc import Iterable
from pathlib import Path

from calscim.admin.checks.check import Check
from calscim.admin.checks.daemons import check_daemons, check_tokens
from calscim.admin.checks.database import Connect, check_database, check_operators
from calscim.admin.checks.organization import check_organization
from calscim.config import Settings
from calscim.config.hazards import UNTRUSTED, hides_clients
from calscim.errors import Problem

__all__ = ["Check", "Connect", "run_checks"]


async def run_checks(
    settings: Settings,
    configuration: Path | None,
    hazards: Iterable[Problem],
    connect: Connect,
    connect_operator: Connect | None,
) -> list[Check]:
    """Return the result of every check.

    ``connect``: opens a connection of the serving role. ``connect_operator``: of the operators' role, if it is another.
    """
    found = [Check("configuration", True, str(configuration or "variables alone"))]
    warning = UNTRUSTED if hides_clients(settings.scim) else ""
    found.append(Check("listener", True, settings.scim.listen, warning))
    found += [
        Check(f"configuration: {one.where}", True, "dangerous", one.message) for one in hazards
    ]
    found += await check_database(settings, connect)
    found += await check_operators(connect_operator)
    for organization in settings.organizations:
        found += await check_organization(settings, organization, connect)
    found += await check_daemons(settings, connect)
    found += await check_tokens(connect)
    if not settings.organizations:
        hint = "none is configured: add an [[organization]] table"
        found.append(Check("organization", False, hint))
    return found
