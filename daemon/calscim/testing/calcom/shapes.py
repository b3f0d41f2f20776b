"""The responses of a simulated Cal.com, with the fields of recorded ones."""

from math import isfinite
from typing import Any

from aiohttp import web

from calscim.testing.calcom.names import slug
from calscim.testing.calcom.state import Account, Membership, SimAttribute, SimTeam, State

MOMENT = "2026-11-01T00:00:00.000Z"
PHRASES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    422: "Unprocessable Entity",
}


class Refused(Exception):  # noqa: N818 - a response, not an error of the simulation
    """An error response. Only codes that end in Exception have details."""

    def __init__(self, status: int, code: str, message: str, details: Any = None) -> None:
        self.status, self.code, self.message = status, code, message
        self.details = details
        if details is None and code.endswith("Exception"):
            phrase = PHRASES.get(status, "Error")
            self.details = {"message": message, "error": phrase, "statusCode": status}
        super().__init__(message)


def already_exists() -> Refused:
    message = "Invalid Input: Trying to create a record that already exists."
    return Refused(409, "CONFLICT", message)


def unknown_reference() -> Refused:
    message = "Invalid input: The referenced data does not exist."
    return Refused(400, "BAD_REQUEST", message)


def server_error() -> Refused:
    """Return the server error that Cal.com's filter puts into the envelope."""
    message = "There was an error, please try again later."
    return Refused(500, "INTERNAL_SERVER_ERROR", message)


def success(data: Any, status: int = 200) -> web.Response:
    return web.json_response({"status": "success", "data": data}, status=status)


def failure(refused: Refused, path: str, headers: dict[str, str]) -> web.Response:
    error = {"code": refused.code, "message": refused.message}
    if refused.details is not None:
        error["details"] = refused.details
    body = {"status": "error", "timestamp": MOMENT, "path": path, "error": error}
    return web.json_response(body, status=refused.status, headers=headers)


def uncaught_error(status: int = 500) -> web.Response:
    """Return the response to an error that no filter of Cal.com catches."""
    return web.json_response(
        {"statusCode": status, "message": "Internal server error"}, status=status
    )


def key_holder(account: Account, organization: int | None) -> dict[str, Any]:
    shown = {
        "id": account.id,
        "username": account.username,
        "email": account.email,
        "name": account.name,
        "avatarUrl": None,
        "bio": None,
        "timeFormat": account.time_format,
        "defaultScheduleId": None,
        "weekStart": "Sunday",
        "timeZone": account.time_zone,
        "organizationId": organization,
    }
    if organization is not None:
        shown["organization"] = {"isPlatform": False, "id": organization}
    return shown


def user(account: Account, organization: int) -> dict[str, Any]:
    return {
        "id": account.id,
        "username": account.username,
        "name": account.name,
        "email": account.email,
        "emailVerified": None if account.invited else MOMENT,
        "bio": None,
        "avatarUrl": None,
        "timeZone": account.time_zone,
        "weekStart": "Sunday",
        "appTheme": None,
        "theme": None,
        "defaultScheduleId": None,
        "locale": account.locale,
        "timeFormat": account.time_format,
        "hideBranding": False,
        "brandColor": None,
        "darkBrandColor": None,
        "allowDynamicBooking": True,
        "createdDate": MOMENT,
        "verified": account.invited,
        "invitedTo": organization if account.invited else None,
        "profile": {
            "id": account.id,
            "organizationId": organization,
            "userId": account.id,
            "username": account.profile_username or account.username,
        },
    }


def membership(state: State, one: Membership, *, of_organization: bool) -> dict[str, Any]:
    account = state.accounts[one.user_id]
    shown: dict[str, Any] = {
        "id": one.id,
        "userId": one.user_id,
        "teamId": one.team_id,
        "accepted": one.accepted,
        "role": one.role,
        "disableImpersonation": False,
        "user": {
            "username": account.username,
            "email": account.email,
            "avatarUrl": None,
            "name": account.name,
            "bio": None,
        },
    }
    if of_organization:
        shown["customRoleId"] = f"{one.role.lower()}_role"
        shown["createdAt"] = shown["updatedAt"] = MOMENT
        shown["attributes"] = _held(state, one)
    return shown


_TYPES = {
    "TEXT": "text",
    "NUMBER": "number",
    "SINGLE_SELECT": "singleSelect",
    "MULTI_SELECT": "multiSelect",
}


def _held(state: State, one: Membership) -> list[dict[str, Any]]:
    """Return one entry for each attribute, with all options of a MULTI_SELECT and the first of any other type."""
    found: dict[str, dict[str, Any]] = {}
    for attribute, option in state.options_of(one.id):
        value = attribute.options[option]
        if attribute.id not in found:
            found[attribute.id] = {
                "id": attribute.id,
                "name": attribute.name,
                "type": _TYPES[attribute.type],
            }
            if attribute.type == "MULTI_SELECT":
                found[attribute.id]["options"] = []
            else:
                shown = _number(value) if attribute.type == "NUMBER" else value
                found[attribute.id] |= {"option": shown, "optionId": option}
        if attribute.type == "MULTI_SELECT":
            found[attribute.id]["options"].append({"optionId": option, "option": value})
    return list(found.values())


def _number(value: str) -> float | None:
    """Return the number, or null for other text: Cal.com accepts any text for a NUMBER."""
    try:
        number = float(value)
    except ValueError:
        return None
    return int(number) if number.is_integer() else number if isfinite(number) else None


def team(one: SimTeam, organization: int) -> dict[str, Any]:
    return {
        "hideBookATeamMember": False,
        "timeZone": "Europe/London",
        "weekStart": "Sunday",
        "id": one.id,
        "parentId": organization,
        "name": one.name,
        "slug": one.slug,
        "logoUrl": None,
        "calVideoLogo": None,
        "appLogo": None,
        "appIconLogo": None,
        "bio": None,
        "hideBranding": False,
        "isOrganization": False,
        "isPrivate": False,
        "theme": None,
        "brandColor": None,
        "darkBrandColor": None,
        "bannerUrl": None,
        "timeFormat": None,
    }


def attribute(one: SimAttribute, organization: int) -> dict[str, Any]:
    return {
        "id": one.id,
        "teamId": organization,
        "type": one.type,
        "name": one.name,
        "slug": one.slug,
        "enabled": True,
        "usersCanEditRelation": False,
        "createdAt": MOMENT,
        "updatedAt": MOMENT,
        "isWeightsEnabled": False,
        "isLocked": False,
    }


def option(one: SimAttribute, number: str) -> dict[str, Any]:
    value = one.options[number]
    return {
        "id": number,
        "attributeId": one.id,
        "value": value,
        "slug": one.slugs.get(number, slug(value)),
        "isGroup": False,
        "contains": [],
    }


def assignment(number: str, membership: int, option: str) -> dict[str, Any]:
    return {
        "id": number,
        "memberId": membership,
        "attributeOptionId": option,
        "weight": None,
        "createdAt": MOMENT,
        "createdById": None,
        "createdByDSyncId": None,
        "updatedAt": MOMENT,
        "updatedById": None,
        "updatedByDSyncId": None,
    }
