"""The four families of errors. Each message says what to do next; none is logged where it is raised."""

from dataclasses import dataclass
from enum import Enum


class CalscimError(Exception):
    """What every error of this program derives from."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the configuration: where it stands and what to write instead."""

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


class ConfigError(CalscimError):
    """The configuration cannot be used; carries every problem found, not just the first."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class AddressUnavailable(ConfigError):  # noqa: N818 - a state of affairs, which may end by itself
    """An address to listen on is in use, or no address of this machine yet."""


class UsageError(CalscimError):
    """A command asked for something that does not exist or cannot be; the message names what to type.

    ``details`` are shown below the message, one a line.
    """

    def __init__(self, message: str, *details: str) -> None:
        self.message = message
        self.details = details
        super().__init__("\n  ".join((message, *details)))


class ScimError(CalscimError):
    """A request that is refused (RFC 7644 section 3.12); rendered in one place, scim/responses."""

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
    """What an answer of Cal.com's means for whoever has to decide what comes next."""

    UNREACHABLE = "unreachable"  # no answer, or a 5xx: the outcome of a write is unknown
    THROTTLED = "throttled"  # 429: nothing happened, ask again after retry_after
    AUTH = "auth"  # 401, and 403 that is about the key or the organization
    REJECTED = "rejected"  # 400, 403, 422: the same call will be refused again
    CONFLICT = "conflict"  # 409 and its dialects: it is there already
    NOT_FOUND = "gone"  # 404, or a 400 about an id: the thing acted on does not exist
    NO_PROFILE = "no_profile"  # 403, 422: the person has no Profile in the organization
    MALFORMED = "malformed"  # an answer that is not in the documented form


class RemoteError(CalscimError):
    """Cal.com did not do what was asked; ``retry_after`` is in seconds where Cal.com named a time.

    ``properties`` are the fields of the request that Cal.com found invalid, by their names in the request.
    """

    def __init__(
        self,
        kind: RemoteKind,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        retry_after: float | None = None,
        properties: tuple[str, ...] = (),
    ) -> None:
        self.kind = kind
        self.status = status
        self.code = code
        self.retry_after = retry_after
        self.properties = properties
        super().__init__(message)


class StoreError(CalscimError):
    """The database refused, is away, or holds something this program does not know."""


class StoreUnavailable(StoreError):  # noqa: N818 - named for what it tells: SCIM answers 503
    """The database cannot be reached or cannot write at the moment; the same call may succeed later."""
