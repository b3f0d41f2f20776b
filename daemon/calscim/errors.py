"""The four families of errors. Each message says what to do next; none is logged where it is raised."""

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from calscim.exit_codes import ExitCode


class CalscimError(Exception):
    """The base class of all errors of calscim. ``exit_code``: of a command that ends because of it."""

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem of the configuration: where it is, and what to write instead."""

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


class ConfigError(CalscimError):
    """The configuration cannot be used. Contains all problems."""

    exit_code = ExitCode.CONFIGURATION

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class AddressUnavailable(ConfigError):  # noqa: N818 - a state of affairs, which may end by itself
    """An address to listen on is in use, or not yet an address of this machine."""


class UsageError(CalscimError):
    """A command cannot do what it was asked. The message says what to type instead.

    ``details`` are shown below the message, one per line.
    """

    def __init__(self, message: str, *details: str) -> None:
        self.message = message
        self.details = details
        super().__init__("\n  ".join((message, *details)))


class ScimError(CalscimError):
    """A refused SCIM request (RFC 7644 section 3.12). scim/responses renders it."""

    def __init__(
        self,
        status: int,
        detail: str,
        scim_type: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.status = status
        self.detail = detail
        self.scim_type = scim_type
        self.headers = headers or {}
        super().__init__(detail)


class RemoteKind(Enum):
    """The meaning of an answer of Cal.com, for the decision about what to do next."""

    UNREACHABLE = "unreachable"  # no answer, or a 5xx: the outcome of a write is unknown
    THROTTLED = "throttled"  # 429: nothing happened; the budget blocks the next calls
    AUTH = "auth"  # 401, or 403 about the key or the organization
    REJECTED = "rejected"  # 400, 403, 422: the same call will be refused again
    CONFLICT = "conflict"  # 409 and its dialects: it exists already
    NOT_FOUND = "gone"  # 404, or 400 about an id: the target does not exist
    NO_PROFILE = "no_profile"  # 403, 422: the person has no Profile in the organization
    MALFORMED = "malformed"  # the answer is not in the documented format


class RemoteError(CalscimError):
    """Cal.com did not do what was asked. ``properties``: the fields of the request that Cal.com reported as invalid."""

    def __init__(
        self,
        kind: RemoteKind,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        properties: tuple[str, ...] = (),
    ) -> None:
        self.kind = kind
        self.status = status
        self.code = code
        self.properties = properties
        super().__init__(message)


class StoreError(CalscimError):
    """The database refused, is unreachable, or contains data that this release does not know."""


class StoreUnavailable(StoreError):  # noqa: N818 - named for what it tells: SCIM answers 503
    """The database is unreachable or cannot write at the moment. The same call may succeed later."""
