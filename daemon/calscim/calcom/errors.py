"""The envelope and the errors of Cal.com's responses. A response that is not in the documented form is an error.

Source: the OpenAPI document of Cal.com's API v2, and Cal.com's error filters.
"""

from typing import Any

import orjson

from calscim.errors import RemoteError, RemoteKind

ALREADY = "user_already_invited_or_member"  # in a 400 of hosted Cal.com
NO_SUCH_REFERENCE = "referenced data does not exist"  # in a 400: an id in the body is unknown
NO_PROFILE = "not part of the organization"  # in a 422, which only team memberships return
MAX_MESSAGE = 300  # characters
_ANOTHER_KEY = "give calscim the key of an administrator of this organization"
# The guards of Cal.com's API that refuse a key, and what the operator can do about each refusal.
_GUARDS = {
    "IsOrgGuard": "organization_id is wrong, or the key belongs to another Cal.com: "
    "set the organization_id and the api_key of the same organization",
    "RolesGuard": "the key's user is not a member of this organization or has too low a role in it: "
    "make that user an administrator in Cal.com, or give calscim an administrator's key",
    "IsAdminAPIEnabledGuard": "the organization's plan lacks the Admin API: "
    "enable it for the organization in Cal.com",
}


class MalformedAnswer(ValueError):  # noqa: N818 - the response is wrong, not this program
    """A response or a row is not in the documented form. The message says what is wrong with it."""


def decode(text: bytes) -> Any:
    """Return the JSON of a response, or None if it is not JSON."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def success_data(answer: Any) -> Any:
    """Return ``data`` of a success. Raise MalformedAnswer if the envelope is not that of a success."""
    if not isinstance(answer, dict):
        raise MalformedAnswer("the response is not a JSON object")
    if answer.get("status") != "success" or "data" not in answer:
        raise MalformedAnswer("the response lacks status success or data")
    return answer["data"]


def to_remote_error(method: str, path: str, status: int, answer: Any) -> RemoteError:
    """Return the error that a refusal means. No other module interprets refusals."""
    code, message = _code_and_message(answer)
    kind = _kind(method, status, code, message, is_json=isinstance(answer, dict))
    text = f"Cal.com answered {method} {path} with {status} {code}".rstrip()
    return RemoteError(
        kind,
        f"{text}: {message}{_advice(kind, method, status, message)}",
        status=status,
        code=code or None,
        properties=_properties(answer),
    )


def _code_and_message(answer: Any) -> tuple[str, str]:
    """Return code and message of an error body, or of the plain body of an uncaught server error."""
    if not isinstance(answer, dict):
        return "", "the response is not JSON"
    error = answer.get("error")
    if not isinstance(error, dict):
        return "", printable(answer.get("message", ""))
    message = printable(error.get("message", ""))
    problems = _problems(error.get("details"))
    return printable(error.get("code", "")), f"{message} ({problems})" if problems else message


def _problems(details: Any) -> str:
    """Return the details of a validation error, whose message says nothing."""
    if isinstance(details, dict) and details.get("message") == ALREADY:
        return ALREADY
    found = [
        str(sentence)
        for error in _invalid_fields(details)
        if isinstance(error.get("constraints"), dict)
        for sentence in error["constraints"].values()
    ]
    return printable("; ".join(found))


def _properties(answer: Any) -> tuple[str, ...]:
    """Return the names of the fields that Cal.com found invalid."""
    error = answer.get("error") if isinstance(answer, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    names = (error.get("property") for error in _invalid_fields(details))
    return tuple(name for name in names if isinstance(name, str))


def _invalid_fields(details: Any) -> list[dict[str, Any]]:
    """Return the entries of a validation error. Other errors have no details, or a text, or a copy of the message."""
    errors = details.get("errors") if isinstance(details, dict) else None
    return (
        [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    )


def _kind(method: str, status: int, code: str, message: str, *, is_json: bool) -> RemoteKind:
    """Return the kind of an error. A response that is not JSON comes from a proxy, not from Cal.com."""
    if status == 429:
        return RemoteKind.THROTTLED
    if status == 401:
        return RemoteKind.AUTH
    if status >= 500 or status == 408:
        return RemoteKind.UNREACHABLE
    if not is_json or status < 400 or message.startswith(f"Cannot {method} "):
        return RemoteKind.MALFORMED
    if status == 403:
        return _kind_of_403(method, message)
    if status == 404:
        return RemoteKind.NOT_FOUND
    if ALREADY in (code, message) or (status == 400 and ALREADY in message):
        return RemoteKind.CONFLICT
    if status == 400 and code == "BAD_REQUEST" and NO_SUCH_REFERENCE in message:
        return RemoteKind.NOT_FOUND
    if status == 409:
        is_about_username = "username" in message.lower()  # of another account
        return RemoteKind.REJECTED if is_about_username else RemoteKind.CONFLICT
    if status == 422 and NO_PROFILE in message.lower():
        return RemoteKind.NO_PROFILE
    return RemoteKind.REJECTED


def _kind_of_403(method: str, message: str) -> RemoteKind:
    """Return the kind of a 403, whose message begins with the name of the guard that refused.

    A 403 of any other guard means a bad key if the call reads, since every administrator may read, and a missing
    permission of a custom role if it writes.
    """
    if message.startswith("IsUserInOrg"):
        return RemoteKind.NO_PROFILE
    if message.startswith(tuple(_GUARDS)) or method == "GET":
        return RemoteKind.AUTH
    return RemoteKind.REJECTED


def _advice(kind: RemoteKind, method: str, status: int, message: str) -> str:
    match kind:
        case RemoteKind.AUTH:
            guards = (text for guard, text in _GUARDS.items() if message.startswith(guard))
            return f"; {next(guards, _ANOTHER_KEY)} (calscim check)"
        case RemoteKind.NO_PROFILE:
            return (
                "; the person has no Profile in the organization: they have to accept the "
                "invitation in Cal.com"
            )
        case RemoteKind.MALFORMED:
            return (
                "; check that api_url leads to Cal.com's API v2 and that no proxy answers instead"
            )
        case RemoteKind.NOT_FOUND if status == 400:
            return "; Cal.com does not have the account or the option that the call names"
        case _ if status == 403 and method != "GET":
            return (
                "; the key's user lacks the permission in Cal.com: give it an administrator's role"
            )
        case _:
            return ""


def printable(value: Any) -> str:
    """Return a text that fits on one line of a log."""
    return "".join(char if char.isprintable() else " " for char in str(value))[:MAX_MESSAGE]
