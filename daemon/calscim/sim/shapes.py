"""What a simulated Cal.com's answers look like, as its OpenAPI document has them."""

from typing import Any

from aiohttp import web

from calscim.sim.state import Account, Membership, SimAttribute, SimTeam, State

MOMENT = "2026-11-01T00:00:00.000Z"
PHRASES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    422: "Unprocessable Entity",
}


class Refused(Exception):  # noqa: N818 - an answer, not a fault of the simulation
    """An error body. Codes in capitals come from the database's layer, which gives no details."""

    def __init__(self, status: int, code: str, message: str, details: Any = None) -> None:
        self.status, self.code, self.message = status, code, message
        self.details = details
        if details is None and not code.isupper():
            phrase = PHRASES.get(status, "Error")
            self.details = {"message": message, "error": phrase, "statusCode": status}
        super().__init__(message)


def invalid(name: str, value: Any, problem: str) -> Refused:
    """A field that does not pass validation."""
    error = {"target": {}, "value": value, "property": name, "children": []}
    error["constraints"] = {"invalid": f"{name} {problem}"}
    return Refused(400, "BadRequestException", "Bad Request Exception", {"errors": [error]})


def success(data: Any, status: int = 200) -> web.Response:
    return web.json_response({"status": "success", "data": data}, status=status)


def failure(refused: Refused, path: str, headers: dict[str, str]) -> web.Response:
    error = {"code": refused.code, "message": refused.message}
    if refused.details is not None:
        error["details"] = refused.details
    body = {"status": "error", "timestamp": MOMENT, "path": path, "error": error}
    return web.json_response(body, status=refused.status, headers=headers)


def uncaught(status: int = 500) -> web.Response:
    """What an error answers that no filter of Cal.com's caught."""
    return web.json_response(
        {"statusCode": status, "message": "Internal server error"}, status=status
    )


def key_holder(account: Account, organization: int | None) -> dict[str, Any]:
    return {
        "id": account.id,
        "username": account.username,
        "email": account.email,
        "name": account.name,
        "avatarUrl": None,
        "bio": None,
        "timeFormat": 12,
        "defaultScheduleId": None,
        "weekStart": "Sunday",
        "timeZone": account.time_zone,
        "organizationId": organization,
    }


def user(account: Account, organization: int) -> dict[str, Any]:
    return {
        "id": account.id,
        "username": account.username,
        "name": account.name,
        "email": account.email,
        "emailVerified": None,
        "bio": None,
        "avatarUrl": None,
        "timeZone": account.time_zone,
        "weekStart": "Sunday",
        "appTheme": None,
        "theme": None,
        "defaultScheduleId": None,
        "locale": account.locale,
        "timeFormat": 12,
        "hideBranding": False,
        "brandColor": None,
        "darkBrandColor": None,
        "allowDynamicBooking": True,
        "createdDate": MOMENT,
        "verified": True,
        "invitedTo": organization,
        "profile": {
            "id": account.id,
            "organizationId": organization,
            "userId": account.id,
            "username": account.username,
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
        shown["attributes"] = _held(state, one)
    return shown


def _held(state: State, one: Membership) -> list[dict[str, Any]]:
    """A member's attributes: one entry each, with a list of options only for MULTI_SELECT."""
    found: dict[str, dict[str, Any]] = {}
    for attribute, option in state.options_of(one.id):
        value: Any = attribute.options[option]
        base = {"id": attribute.id, "name": attribute.name, "type": attribute.type.lower()}
        if attribute.type == "MULTI_SELECT":
            entry = found.setdefault(attribute.id, {**base, "options": []})
            entry["options"].append({"optionId": option, "option": value})
            continue
        value = float(value) if attribute.type == "NUMBER" else value
        found[attribute.id] = {**base, "option": value, "optionId": option}
    return list(found.values())


def team(one: SimTeam, organization: int) -> dict[str, Any]:
    return {
        "id": one.id,
        "parentId": organization,
        "name": one.name,
        "slug": one.slug,
        "logoUrl": None,
        "bio": None,
        "hideBranding": False,
        "isOrganization": False,
        "isPrivate": False,
        "metadata": None,
        "timeZone": "Europe/London",
        "weekStart": "Sunday",
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
    }


def option(one: SimAttribute, number: str) -> dict[str, Any]:
    value = one.options[number]
    slug = value.lower().replace(" ", "-")
    return {"id": number, "attributeId": one.id, "value": value, "slug": slug}
