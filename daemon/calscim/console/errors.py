"""Errors of the console that become a page."""

from calscim.errors import CalscimError


class PageError(CalscimError):
    """A request that gets a page with a title, a sentence, and a status instead of what it asked for."""

    status = 400
    title = "This request cannot be answered"


class NotFoundError(PageError):
    """There is no such page, or no such person, team, directory or row."""

    status = 404
    title = "Not found"


class ForbiddenError(PageError):
    """The person may not do this, or the form is not one of the console's."""

    status = 403
    title = "Refused"


class ConflictError(PageError):
    """Another person changed the same thing in the meantime."""

    status = 409
    title = "Changed meanwhile"


class HostError(PageError):
    """The request is for a host that is not the console's."""

    status = 421
    title = "Wrong address"

    def __init__(self) -> None:
        super().__init__(
            "The console does not answer under this host name. Use the address in console.public_url of "
            "calscim's configuration."
        )


class SignInError(PageError):
    """A sign-in that did not succeed. The message never contains a secret."""

    status = 403
    title = "Sign-in failed"


class AttemptsError(PageError):
    """Too many sign-ins from one address."""

    status = 429
    title = "Too many attempts"

    def __init__(self) -> None:
        super().__init__(
            "Too many sign-ins failed from your address. Wait a minute, then try again."
        )


class SignInNeeded(CalscimError):  # noqa: N818 - a redirection, not a fault
    """The person has to sign in first. ``target``: the page to show afterwards, quoted for a URL."""

    def __init__(self, target: str, *, expired: bool) -> None:
        super().__init__("sign in first")
        self.target = target
        self.expired = expired
