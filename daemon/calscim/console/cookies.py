"""The cookies of the console. On HTTPS they have the prefix ``__Host-``, which ties them to this one host.

On plain HTTP, which only loopback has, browsers refuse such cookies, so that they have a plain name there.
"""

from aiohttp import web

_SESSION, _SIGN_IN = "calscim_session", "calscim_sign_in"


def read_session(request: web.Request, public_url: str) -> str | None:
    """Return the secret of the session, or None."""
    return request.cookies.get(_name(_SESSION, public_url)) or None


def set_session(response: web.StreamResponse, secret: str, public_url: str) -> None:
    """Store the secret of a session in the browser, until the browser closes."""
    _set(response, _SESSION, secret, public_url)


def forget_session(response: web.StreamResponse, public_url: str) -> None:
    """Delete the session's cookie."""
    _forget(response, _SESSION, public_url)


def read_sign_in(request: web.Request, public_url: str) -> str | None:
    """Return the state of the sign-in that this browser began, or None."""
    return request.cookies.get(_name(_SIGN_IN, public_url)) or None


def set_sign_in(response: web.StreamResponse, state: str, public_url: str) -> None:
    """Remember in the browser which sign-in it began."""
    _set(response, _SIGN_IN, state, public_url)


def forget_sign_in(response: web.StreamResponse, public_url: str) -> None:
    """Delete the cookie of a sign-in."""
    _forget(response, _SIGN_IN, public_url)


def _is_secure(public_url: str) -> bool:
    return public_url.startswith("https://")


def _name(name: str, public_url: str) -> str:
    return f"__Host-{name}" if _is_secure(public_url) else name


def _set(response: web.StreamResponse, name: str, value: str, public_url: str) -> None:
    response.set_cookie(
        _name(name, public_url),
        value,
        path="/",
        httponly=True,
        secure=_is_secure(public_url),
        samesite="Lax",  # a sign-in comes back from the provider's site
    )


def _forget(response: web.StreamResponse, name: str, public_url: str) -> None:
    response.del_cookie(
        _name(name, public_url),
        path="/",
        httponly=True,
        secure=_is_secure(public_url),
        samesite="Lax",
    )
