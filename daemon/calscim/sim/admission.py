"""Whom a simulated Cal.com lets in: the guards of its API, in their order and in their words."""

from calscim.sim.shapes import Refused
from calscim.sim.world import World

_WAIT = "CustomThrottlerGuard - Too many requests. Please try again later."
TOO_MANY = Refused(429, "ThrottlerException", _WAIT, _WAIT)


def know_the_key(world: World, authorization: str | None) -> None:
    if authorization is None:
        message = "ApiAuthStrategy - No authentication method provided."
        raise Refused(401, "UnauthorizedException", message)
    if authorization != f"Bearer {world.api_key}":
        message = "CustomThrottlerGuard - Invalid API Key"
        raise Refused(401, "UnauthorizedException", message)


def let_in(world: World, organization: str | None) -> None:
    """The organization, the role of the key's user in it, and its plan. None: the call is about neither."""
    if organization is None:
        return
    refusal = _refusal(world, organization)
    if refusal is not None:
        raise Refused(403, "ForbiddenException", refusal)


def _refusal(world: World, organization: str) -> str | None:
    if organization != str(world.organization_id):
        return (
            f"IsOrgGuard - provided organization id={organization} does not represent any "
            "existing organization."
        )
    mine = world.find(world.me, world.organization_id)
    if mine is None:
        return f"RolesGuard - User is not a member of the organization with id={organization}."
    if mine.role == "MEMBER":
        return (
            f"RolesGuard - user with id={world.me} does not have the minimum required "
            f"role=ORG_ADMIN within organization with id={organization}."
        )
    if not world.admin_api:
        return "IsAdminAPIEnabledGuard - Organization does not have Admin API access"
    return None
