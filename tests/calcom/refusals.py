"""Refusals of a real, self-hosted API v2 (December 2025): status, code, message and meaning of each call.

``O`` stands for /v2/organizations/42. Ids are invented.
"""

from dataclasses import dataclass
from typing import Any

from calscim.errors import RemoteKind

AUTH = RemoteKind.AUTH
CONFLICT = RemoteKind.CONFLICT
GONE = RemoteKind.NOT_FOUND
MALFORMED = RemoteKind.MALFORMED
NO_PROFILE = RemoteKind.NO_PROFILE
REJECTED = RemoteKind.REJECTED
THROTTLED = RemoteKind.THROTTLED
UNREACHABLE = RemoteKind.UNREACHABLE

EXISTS = "Invalid Input: Trying to create a record that already exists."
NO_REFERENCE = "Invalid input: The referenced data does not exist."
NO_RECORD = "Invalid Query: The requested record was not found."
LATER = "There was an error, please try again later."
TOO_MANY = "CustomThrottlerGuard - Too many requests. Please try again later."
OUTSIDE = "IsUserInOrg - user with id=1005 is not part of the organization with id=42."
NO_MEMBERSHIP = "IsMembershipInOrg - Membership (5008) not found."
NO_TEAM_MEMBERSHIP = "Organization's Team membership not found"
NOT_IN = "Membership for user with id 1007 within organization id 42 not found"
LOW_ROLE = (
    "RolesGuard - user with id=1003 does not have the minimum required role=ORG_ADMIN "
    "within organization with id=42."
)
NO_ORGANIZATION = (
    "IsOrgGuard - provided organization id=999 does not represent any existing organization."
)


@dataclass(frozen=True)
class Refusal:
    method: str
    path: str
    status: int
    code: str
    message: str
    kind: RemoteKind
    details: Any = None  # None: the error has none
    invalid: tuple[tuple[str, str], ...] = ()  # (property, sentence) of a validation error

    @property
    def url(self) -> str:
        return self.path.replace("O", "/v2/organizations/42", 1)

    @property
    def body(self) -> Any:
        """Return the body of the response: without a code, the plain body of an uncaught error."""
        if not self.code:
            return {"statusCode": self.status, "message": self.message}
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.invalid:
            error["details"] = {
                "errors": [
                    {"target": {}, "property": name, "children": [], "constraints": {"is": text}}
                    for name, text in self.invalid
                ]
            }
        elif self.details is not None:
            error["details"] = self.details
        elif self.code.endswith("Exception"):
            error["details"] = {"message": self.message, "statusCode": self.status}
        return {"status": "error", "timestamp": "t", "path": self.url, "error": error}

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status} {self.code} {self.message[:40]}"


def invalid(method: str, path: str, name: str, text: str) -> Refusal:
    message = "Bad Request Exception"
    return Refusal(
        method, path, 400, "BadRequestException", message, REJECTED, invalid=((name, text),)
    )


REFUSALS = [
    # 400
    Refusal("POST", "O/memberships", 400, "BAD_REQUEST", NO_REFERENCE, GONE),
    Refusal("POST", "O/attributes/options/1002", 400, "BAD_REQUEST", NO_REFERENCE, GONE),
    invalid("GET", "O/memberships", "take", "take must not be greater than 250"),
    invalid("GET", "O/memberships", "skip", "skip must not be less than 0"),
    invalid("GET", "O/teams/44/memberships", "take", "take must not be less than 1"),
    invalid("GET", "O/attributes", "take", "take must not be less than 1"),
    invalid("GET", "O/users", "take", "take must not be greater than 1000"),
    invalid("GET", "O/users", "emails", "Please submit only valid email addresses"),
    invalid("PATCH", "O/memberships/5008", "role", "role must be one of the following values"),
    invalid("PATCH", "O/users/1008", "email", "email must be an email"),
    invalid("PATCH", "O/users/1008", "locale", "Please include a valid locale"),
    invalid("PATCH", "O/users/1008", "timeZone", "Please include a valid time zone"),
    invalid("POST", "O/users", "timeZone", "Please include a valid time zone"),
    invalid("POST", "O/users", "email", "email must be an email"),
    invalid("POST", "O/memberships", "userId", "userId must be an integer number"),
    invalid("POST", "O/attributes/options/1002", "value", "value should not be empty"),
    invalid("POST", "O/teams", "name", "name must be longer than or equal to 1 characters"),
    Refusal(
        "POST",
        "O/attributes/options/1002",
        400,
        "BadRequestException",
        "Attribute type does not support value",
        REJECTED,
    ),
    Refusal(
        "POST",
        "O/users",
        400,
        "BadRequestException",
        "Expected property name or '}' in JSON at position 1",
        REJECTED,
    ),
    Refusal(
        "POST",
        "O/users",
        400,
        "TRPCError",
        "Bad request: Please check your request data and try again",
        REJECTED,
    ),
    # 401
    Refusal("GET", "/v2/me", 401, "UnauthorizedException", "Invalid Access Token.", AUTH),
    *(
        Refusal("GET", "/v2/me", 401, "UnauthorizedException", message, AUTH)
        for message in (
            "CustomThrottlerGuard - Invalid API Key",
            "ApiAuthStrategy - api key - Your api key is expired",
            "ApiAuthStrategy - api key - Your api key is not valid",
        )
    ),
    # 403
    Refusal("PATCH", "O/users/1005", 403, "ForbiddenException", OUTSIDE, NO_PROFILE),
    Refusal("DELETE", "O/users/1005", 403, "ForbiddenException", OUTSIDE, NO_PROFILE),
    Refusal("GET", "O/memberships", 403, "ForbiddenException", LOW_ROLE, AUTH),
    Refusal("GET", "O/teams", 403, "ForbiddenException", LOW_ROLE, AUTH),
    Refusal("GET", "O/memberships", 403, "ForbiddenException", NO_ORGANIZATION, AUTH),
    Refusal(
        "GET",
        "O/memberships",
        403,
        "ForbiddenException",
        "RolesGuard - User is not a member of the organization with id=43.",
        AUTH,
    ),
    # 404
    Refusal("GET", "O/memberships/5008", 404, "NotFoundException", NO_MEMBERSHIP, GONE),
    Refusal("PATCH", "O/memberships/5008", 404, "NotFoundException", NO_MEMBERSHIP, GONE),
    Refusal("DELETE", "O/memberships/5008", 404, "NotFoundException", NO_MEMBERSHIP, GONE),
    Refusal("DELETE", "O/memberships/5008", 404, "NOT_FOUND", NO_RECORD, GONE),
    Refusal("DELETE", "O/teams/44/memberships/5013", 404, "NOT_FOUND", NO_RECORD, GONE),
    Refusal(
        "DELETE",
        "O/teams/44/memberships/5013",
        404,
        "NotFoundException",
        "Membership with id 5013 not found in team 44 of organization 42",
        GONE,
    ),
    Refusal(
        "GET", "O/teams/44/memberships/5013", 404, "NotFoundException", NO_TEAM_MEMBERSHIP, GONE
    ),
    Refusal(
        "PATCH", "O/teams/44/memberships/5013", 404, "NotFoundException", NO_TEAM_MEMBERSHIP, GONE
    ),
    *(
        Refusal(method, path, 404, "NotFoundException", "IsTeamInOrg - Team (48) not found.", GONE)
        for method, path in (
            ("GET", "O/teams/48"),
            ("GET", "O/teams/48/memberships"),
            ("POST", "O/teams/48/memberships"),
        )
    ),
    Refusal("POST", "O/attributes/options/1007", 404, "NotFoundException", NOT_IN, GONE),
    Refusal("DELETE", "O/attributes/options/1007/o1", 404, "NotFoundException", NOT_IN, GONE),
    Refusal(
        "POST",
        "O/attributes/options/1016",
        404,
        "NotFoundException",
        "User is not a member of the organization",
        GONE,
    ),
    Refusal(
        "POST", "O/attributes/options/1003", 404, "NotFoundException", "Attribute not found", GONE
    ),
    Refusal(
        "DELETE",
        "O/attributes/options/1003/o1",
        404,
        "NotFoundException",
        "Attribute does not belong to this user",
        GONE,
    ),
    Refusal(
        "GET",
        "O/nothing",
        404,
        "NotFoundException",
        "Cannot GET /v2/organizations/42/nothing",
        MALFORMED,
    ),
    # 409
    Refusal(
        "POST",
        "O/users",
        409,
        "ConflictException",
        "A user already exists with that email",
        CONFLICT,
    ),
    *(
        Refusal(method, path, 409, "CONFLICT", EXISTS, CONFLICT)
        for method, path in (
            ("POST", "O/users"),
            ("PATCH", "O/users/1008"),
            ("POST", "O/teams"),
            ("POST", "O/teams/44/memberships"),
            ("POST", "O/attributes"),
            ("POST", "O/attributes/options/1003"),
        )
    ),
    # 422
    Refusal(
        "POST",
        "O/teams/44/memberships",
        422,
        "UnprocessableEntityException",
        "User is not part of the Organization",
        NO_PROFILE,
    ),
    # 429
    Refusal("GET", "/v2/me", 429, "ThrottlerException", TOO_MANY, THROTTLED, details=TOO_MANY),
    # 5xx
    Refusal("GET", "O/memberships", 500, "INTERNAL_SERVER_ERROR", LATER, UNREACHABLE),
    Refusal("PATCH", "O/users/1008", 500, "INTERNAL_SERVER_ERROR", LATER, UNREACHABLE),
    Refusal("POST", "O/attributes/options/1003", 500, "", "Internal server error", UNREACHABLE),
]
