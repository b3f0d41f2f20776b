"""Reads Cal.com's answers: the envelope and the errors. What is not as documented is refused.

Source: Cal.com's OpenAPI document for API v2, and its own error filters.
"""

from typing import Any

import orjson

from calscim.errors import RemoteError, RemoteKind

ALREADY = "user_already_invited_or_member"  # hosted Cal.com says it with a 400
NO_SUCH_REFERENCE = "referenced data does not exist"  # of a 400: an id in the body is unknown
NO_PROFILE = "not part of the organization"  # of a 422, which only team memberships answer
SHOWN = 300  # characters of a message that are passed on
_ANOTHER_KEY = "give calscim the key of an administrator of this organization"
# The guards of Cal.com's API that refuse a key, and what the operator can do about each.
_GUARDS = {
    "IsOrgGuard": "organization_id is wrong, or the key belongs to another Cal.com: "
    "set the organization_id and the api_key of the same organization",
    "RolesGuard": "the key's user is not a member of this organization or has too low a role in it: "
    "make that user an administrator in Cal.com, or give calscim an administrator's key",
    "IsAdminAPIEnabledGuard": "the organization's plan lacks the Admin API: "
    "have it enabled for the organization in Cal.com",
}


class Unreadable(ValueError):  # noqa: N818 - about an answer, not about this program
    """An answer or a row that is not in the documented form; says what is wrong with it."""


def decode(text: bytes) -> Any:
    """The JSON of an answer; None when it is none."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def data_of(answer: Any) -> Any:
    """``data`` of a success. Unreadable when it is not one, whatever the status was."""
    if not isinstance(answer, dict):
        raise Unreadable("the answer is no JSON object")
    if answer.get("status") != "success" or "data" not in answer:
        raise Unreadable("the answer says neither success nor data")
    return answer["data"]


def error_of(method: str, path: str, status: int, answer: Any) -> RemoteError:
    """What a refusal means, decided once and here. THROTTLED gets its time from the headers."""
    code, message = _code_and_message(answer)
    kind = _kind(method, status, code, message, spoken=isinstance(answer, dict))
    text = f"Cal.com answered {method} {path} with {status} {code}".rstrip()
    return RemoteError(
        kind,
        f"{text}: {message}{_advice(kind, method, status, message)}",
        status=status,
        code=code or None,
        properties=_properties(answer),
    )


def _code_and_message(answer: Any) -> tuple[str, str]:
    """Of Cal.com's error body, or of the plain one of an uncaught server error."""
    if not isinstance(answer, dict):
        return "", "no JSON in the answer"
    error = answer.get("error")
    if not isinstance(error, dict):
        return "", printable(answer.get("message", ""))
    message = printable(error.get("message", ""))
    problems = _problems(error.get("details"))
    return printable(error.get("code", "")), f"{message} ({problems})" if problems else message


def _problems(details: Any) -> str:
    """The sentences of a validation error, which says nothing in its message."""
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
    """The names of the fields that Cal.com found invalid."""
    error = answer.get("error") if isinstance(answer, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    names = (error.get("property") for error in _invalid_fields(details))
    return tuple(name for name in names if isinstance(name, str))


def _invalid_fields(details: Any) -> list[dict[str, Any]]:
    """The entries of a validation error; other errors have no details, or a text, or a copy of the message."""
    errors = details.get("errors") if isinstance(details, dict) else None
    return (
        [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    )


def _kind(method: str, status: int, code: str, message: str, *, spoken: bool) -> RemoteKind:
    """``spoken``: the answer is JSON, so it is Cal.com's own and not of a proxy before it."""
    if status == 429:
        return RemoteKind.THROTTLED
    if status == 401:
        return RemoteKind.AUTH
    if status >= 500 or status == 408:
        return RemoteKind.UNREACHABLE
    if not spoken or status < 400 or message.startswith(f"Cannot {method} "):
        return RemoteKind.MALFORMED
    if status == 403:
        return _kind_of_403(method, message)
    if status == 404:
        return RemoteKind.GONE
    if ALREADY in (code, message) or (status == 400 and ALREADY in message):
        return RemoteKind.CONFLICT
    if status == 400 and code == "BAD_REQUEST" and NO_SUCH_REFERENCE in message:
        return RemoteKind.GONE
    if status == 409:
        taken = "username" in message.lower()  # another account's; says nothing about this one
        return RemoteKind.REJECTED if taken else RemoteKind.CONFLICT
    if status == 422 and NO_PROFILE in message.lower():
        return RemoteKind.NO_PROFILE
    return RemoteKind.REJECTED


def _kind_of_403(method: str, message: str) -> RemoteKind:
    """Cal.com names the guard that refused at the start of the message.

    A 403 of any other guard is about the key on a read, which every administrator may do, and about one
    permission of a custom role on a write.
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
                "; the person has no Profile in the organization, that is, has not accepted the "
                "invitation in Cal.com"
            )
        case RemoteKind.MALFORMED:
            return (
                "; see that api_url leads to Cal.com's API v2 and nothing in between answers for it"
            )
        case RemoteKind.GONE if status == 400:
            return "; Cal.com does not have the account or the option that the call names"
        case _ if status == 403 and method != "GET":
            return "; the key's user may not do this in Cal.com"
        case _:
            return ""


def printable(value: Any) -> str:
    """Fit for one line of a log."""
    return "".join(one if one.isprintable() else " " for one in str(value))[:SHOWN]
