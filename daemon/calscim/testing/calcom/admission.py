"""The guards of a simulated Cal.com's API, in their order and with their messages."""

from calscim.testing.calcom import shapes
from calscim.testing.calcom.shapes import Refused
from calscim.testing.calcom.world import World

_WAIT = "CustomThrottlerGuard - Too many requests. Please try again later."
TOO_MANY = Refused(429, "ThrottlerException", _WAIT, _WAIT)
_STATES = {"expired": "Your api key is expired", "deleted": "Your api key is not valid"}


def is_api_key(world: World, authorization: str) -> bool:
    """Return False for an access token, which has its own rate limit."""
    return authorization == f"Bearer {world.api_key}" or authorization.startswith("Bearer cal_")


def check_key_form(world: World, authorization: str | None) -> None:
    """Raise Refused(401) for a key that Cal.com refuses before the rate limit counts the call."""
    if authorization is None:
        raise _unauthorized("ApiAuthStrategy - No authentication method provided.")
    if is_api_key(world, authorization) and authorization != f"Bearer {world.api_key}":
        raise _unauthorized("CustomThrottlerGuard - Invalid API Key")


def check_key_state(world: World, authorization: str) -> None:
    """Raise Refused(401) for a key that Cal.com refuses after the rate limit has counted the call."""
    if not is_api_key(world, authorization):
        raise _unauthorized("Invalid Access Token.")
    if world.api_key_state in _STATES:
        raise _unauthorized(f"ApiAuthStrategy - api key - {_STATES[world.api_key_state]}")


def _unauthorized(message: str) -> Refused:
    return Refused(401, "UnauthorizedException", message)


def check_permissions(world: World, organization: str | None) -> None:
    """Raise Refused(403) unless the key's user may manage the organization. None: the call has no organization."""
    if organization is None:
        return
    if not organization.isdecimal():
        raise shapes.server_error()
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
    if world.can.checks_admin_api and not world.admin_api:
        return "IsAdminAPIEnabledGuard - Organization does not have Admin API access"
    return None
