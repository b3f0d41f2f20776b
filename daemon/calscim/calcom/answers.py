"""Reads Cal.com's answers: the envelope and the errors. What is not as documented is refused.

Source: Cal.com's OpenAPI document for API v2, and its own error filters.
"""

from typing import Any

import orjson

from calscim.errors import RemoteError, RemoteKind

ALREADY = "user_already_invited_or_member"  # hosted Cal.com says it with a 400
SHOWN = 300  # characters of a message that are passed on


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
        kind, f"{text}: {message}{_advice(kind, method, status)}", status=status, code=code or None
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
    if not isinstance(details, dict):
        return ""
    if details.get("message") == ALREADY:
        return ALREADY
    errors = details.get("errors")
    if not isinstance(errors, list):
        return ""
    found = [
        str(sentence)
        for error in errors
        if isinstance(error, dict) and isinstance(error.get("constraints"), dict)
        for sentence in error["constraints"].values()
    ]
    return printable("; ".join(found))


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
        about_one = message.startswith("IsUserInOrg")
        return RemoteKind.AUTH if method == "GET" and not about_one else RemoteKind.REJECTED
    if status == 404:
        return RemoteKind.GONE
    if ALREADY in (code, message) or (status == 400 and ALREADY in message):
        return RemoteKind.CONFLICT
    if status == 409:
        taken = "username" in message.lower()  # another account's; says nothing about this one
        return RemoteKind.REJECTED if taken else RemoteKind.CONFLICT
    return RemoteKind.REJECTED


def _advice(kind: RemoteKind, method: str, status: int) -> str:
    if kind is RemoteKind.AUTH:
        return "; give calscim the key of an administrator of this organization (calscim check)"
    if kind is RemoteKind.MALFORMED:
        return "; see that api_url leads to Cal.com's API v2 and nothing in between answers for it"
    if status == 403 and method != "GET":
        return "; the key's user may not do this in Cal.com"
    return ""


def printable(value: Any) -> str:
    """Fit for one line of a log."""
    return "".join(one if one.isprintable() else " " for one in str(value))[:SHOWN]
