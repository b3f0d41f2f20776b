"""Sign-in and sign-out: with the OpenID provider, or with a link of ``calscim console link``."""

import hmac
import re

import structlog
from aiohttp import web

from calscim.admin import console_access
from calscim.admin.console_access import ConsoleRole, SignInMethod
from calscim.config import Scim
from calscim.console import cookies
from calscim.console.errors import AttemptsError, SignInError
from calscim.console.rendering import page, redirect
from calscim.console.services import forget_session, services, session_or_none
from calscim.scim.client_address import TrustedProxies
from calscim.scim.failed_attempts import Failures

log = structlog.get_logger()

MAX_FAILURES = 10  # sign-ins of one client in a minute

_ERROR_CODE = re.compile(r"[a-z_]{1,40}")  # RFC 6749, section 4.1.2.1
_LOCAL_TARGET = re.compile(r"/(?![/\\])[^\x00-\x1f\\]*")


class SignIn:
    """The handlers, which share the count of failed attempts."""

    def __init__(self, failed: Failures, scim: Scim) -> None:
        self._failed = failed
        self._proxies = TrustedProxies.of(scim.trusted_proxies)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/sign-in", self._page),
            # HEAD, with which mail and chat programs look at links, must not use one up.
            web.get("/sign-in/begin", self._begin, allow_head=False),
            web.get("/sign-in/callback", self._callback, allow_head=False),
            web.get("/sign-in/link", self._link, allow_head=False),
            web.post("/sign-out", self._sign_out),
        ]

    async def _page(self, request: web.Request) -> web.StreamResponse:
        if session_or_none(request) is not None:
            return redirect(_target(request))
        provider = services(request).provider
        return page(
            request,
            "sign_in.html",
            provider=None if provider is None else provider.host,
            target=_target(request),
            expired="expired" in request.query,
        )

    async def _begin(self, request: web.Request) -> web.StreamResponse:
        known = services(request)
        if known.provider is None:
            raise SignInError("No OpenID provider is configured: run `calscim console link`.")
        self._admit(request)
        made = await console_access.create_request(known.db, _target(request))
        url = await known.provider.authorization_url(made)
        response = redirect(url)
        cookies.set_sign_in(response, made.state, known.console.public_url)
        return response

    async def _callback(self, request: web.Request) -> web.StreamResponse:
        self._admit(request)
        try:
            return await self._signed_in(request)
        except SignInError as error:
            self._note_failure(request, str(error))
            raise

    async def _signed_in(self, request: web.Request) -> web.StreamResponse:
        known, query = services(request), request.query
        if known.provider is None:
            raise SignInError("No OpenID provider is configured: run `calscim console link`.")
        state, mine = (
            query.get("state", ""),
            cookies.read_sign_in(request, known.console.public_url),
        )
        if (
            "error" in query and not state
        ):  # some providers leave the state out when the person declines
            code = query["error"] if _ERROR_CODE.fullmatch(query["error"]) else "unknown error"
            raise SignInError(f"The provider refused the sign-in ({code}). Begin again.")
        if not mine or not hmac.compare_digest(state.encode(), mine.encode()):
            raise SignInError(
                "This browser did not begin this sign-in, or began another one since. Begin again."
            )
        began = await console_access.use_request(known.db, state)
        if began is None:
            raise SignInError("This sign-in has expired or was used before. Begin again.")
        if "error" in query:
            raise SignInError(
                f"The provider refused the sign-in: {query.get('error_description') or query['error']}. "
                "Begin again, or ask the person who maintains the provider."
            )
        if not query.get("code"):
            raise SignInError("The provider's answer has no code. Begin again.")
        identity = await known.provider.finish(query["code"], query.get("iss"), began)
        role = known.provider.role(identity)
        if role is None:
            raise SignInError(known.provider.no_role(identity))
        return await self._begin_session(
            request, identity.name, role, "oidc", began.target, identity.id_token
        )

    async def _link(self, request: web.Request) -> web.StreamResponse:
        self._admit(request)
        found = await console_access.use_link(services(request).db, request.query.get("key", ""))
        if found is None:
            reason = "This link was used before, has expired, or is not complete. Run `calscim console link` again."
            self._note_failure(request, reason)
            raise SignInError(reason)
        person, role = found
        return await self._begin_session(request, person, role, "link", "/", None)

    async def _begin_session(
        self,
        request: web.Request,
        person: str,
        role: ConsoleRole,
        method: SignInMethod,
        target: str,
        id_token: str | None,
    ) -> web.StreamResponse:
        known = services(request)
        before = cookies.read_session(request, known.console.public_url)
        if before is not None:  # a new secret for every sign-in
            await console_access.end_session(known.db, before)
        secret = await console_access.begin_session(
            known.db, person, role, method, known.console.session_lifetime, id_token
        )
        log.info(
            "console.signed_in",
            person=person,
            role=role.value,
            method=method,
            remote=self._client(request),
        )
        response = redirect(target)
        cookies.set_session(response, secret, known.console.public_url)
        cookies.forget_sign_in(response, known.console.public_url)
        return response

    async def _sign_out(self, request: web.Request) -> web.StreamResponse:
        known, found = services(request), session_or_none(request)
        secret = cookies.read_session(request, known.console.public_url)
        if secret is not None:
            await console_access.end_session(known.db, secret)
        url = None
        if found is not None:
            log.info("console.signed_out", person=found.person)
            if known.provider is not None and found.id_token is not None:
                url = await known.provider.sign_out_url(found.id_token)
        forget_session(request)
        response = page(request, "signed_out.html", provider_url=url)
        cookies.forget_session(response, known.console.public_url)
        return response

    def _admit(self, request: web.Request) -> None:
        if self._failed.wait(self._client(request)) is not None:
            raise AttemptsError

    def _note_failure(self, request: web.Request, reason: str) -> None:
        self._failed.count(self._client(request))
        log.warning("console.sign_in_failed", reason=reason, remote=self._client(request))

    def _client(self, request: web.Request) -> str:
        return self._proxies.client(request.remote, request.headers.getall("X-Forwarded-For", []))


def _target(request: web.Request) -> str:
    """Return the page to show after the sign-in: only one of the console's own."""
    wanted = request.query.get("next", "/")
    return wanted if _LOCAL_TARGET.fullmatch(wanted) else "/"
