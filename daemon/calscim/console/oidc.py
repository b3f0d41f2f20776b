"""Sign-in with OpenID Connect: discovery, the authorization code flow with PKCE, and the ID token.

Sources: OpenID Connect Core 1.0, OpenID Connect Discovery 1.0, RFC 7636 (PKCE), RFC 9207 (the issuer in answers).
"""

import asyncio
import base64
import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
import orjson
from joserfc import jwt
from joserfc.errors import ExceededSizeError, JoseError
from joserfc.jwk import KeySet

from calscim.admin.console_access import ConsoleRole, SignInRequest
from calscim.clock import Clock
from calscim.config import Oidc
from calscim.config.addresses import is_local
from calscim.console.errors import SignInError
from calscim.terminal import printable

TIMEOUT = aiohttp.ClientTimeout(total=10.0)
LEEWAY = 60  # seconds that clocks may differ
ALGORITHMS = [
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
]
_METADATA_LASTS = 3600.0  # seconds
_KEYS_LAST = 60.0  # seconds in which an unknown key does not cause another download
_LARGEST = 1024 * 1024  # bytes of an answer
_NEEDED = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True, slots=True)
class Identity:
    """A person as the provider describes them. ``address`` is None if the provider has not verified it."""

    name: str  # the address if there is one, for journal rows
    address: str | None
    groups: frozenset[str]
    id_token: str


@dataclass(frozen=True, slots=True)
class Metadata:
    """The parts of the discovery document that the console uses."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    end_session_endpoint: str | None
    accepts_basic: bool


class Provider:
    """The OpenID provider of ``[console.oidc]``."""

    def __init__(
        self, settings: Oidc, public_url: str, http: aiohttp.ClientSession, clock: Clock
    ) -> None:
        self._settings = settings
        self._redirect = f"{public_url}/sign-in/callback"
        self._home = f"{public_url}/sign-in"
        self._http = http
        self._clock = clock
        self._metadata: tuple[float, Metadata] | None = None
        self._keys: tuple[float, KeySet] | None = None
        self._lock = asyncio.Lock()

    @property
    def host(self) -> str:
        """The provider's host, for people."""
        return urlsplit(self._settings.issuer).netloc

    async def authorization_url(self, request: SignInRequest) -> str:
        """Return the URL at which the person signs in. Raise SignInError if the provider does not answer."""
        metadata = await self.metadata()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(request.verifier.encode()).digest())
        query = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._redirect,
            "scope": " ".join(dict.fromkeys(("openid", *self._settings.scopes))),
            "state": request.state,
            "nonce": request.nonce,
            "code_challenge": challenge.rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return _with_query(metadata.authorization_endpoint, query)

    async def sign_out_url(self, id_token: str) -> str | None:
        """Return the URL at which the person signs out of the provider, or None if it has none."""
        with suppress(SignInError):
            metadata = await self.metadata()
            if metadata.end_session_endpoint is not None:
                query = {
                    "client_id": self._settings.client_id,
                    "post_logout_redirect_uri": self._home,
                    "id_token_hint": id_token,
                }
                return _with_query(metadata.end_session_endpoint, query)
        return None

    async def finish(self, code: str, issuer: str | None, request: SignInRequest) -> Identity:
        """Exchange the code and return who signed in. Raise SignInError if anything does not match."""
        metadata = await self.metadata()
        if issuer is not None and issuer != metadata.issuer:
            raise SignInError("The answer came from another provider. Begin again.")
        tokens = await self._exchange(metadata, code, request)
        id_token = tokens.get("id_token")
        if not isinstance(id_token, str):
            raise SignInError(
                "The provider sent no ID token: add openid to console.oidc.scopes, and check the client there."
            )
        claims = await self._verified(metadata, id_token, request.nonce)
        if self._settings.roles_claim not in claims:
            claims = {**await self._userinfo(metadata, tokens, claims), **claims}
        return self._identity(claims, id_token)

    def role(self, identity: Identity) -> ConsoleRole | None:
        """Return the highest role of the person's groups and address, or None."""
        names = {one.casefold() for one in identity.groups}
        if identity.address is not None:
            names.add(identity.address.casefold())
        roles = (
            (ConsoleRole.ADMIN, self._settings.admins),
            (ConsoleRole.OPERATOR, self._settings.operators),
            (ConsoleRole.VIEWER, self._settings.viewers),
        )
        return next(
            (role for role, given in roles if names & {one.casefold() for one in given}), None
        )

    def no_role(self, identity: Identity) -> str:
        """Return the sentence for a person without a role."""
        claim = self._settings.roles_claim
        if identity.groups:
            why = f"none of the {len(identity.groups)} groups in the claim {claim!r} has a role"
        else:
            why = f"the claim {claim!r} is missing or empty, so that only your address could give you a role"
        return (
            f"{identity.name} has no role in the console: {why}. Ask the person who maintains [console.oidc] in "
            "calscim's configuration to add one of your groups or your address to viewers, operators or admins."
        )

    async def metadata(self) -> Metadata:
        """Return the discovery document, read at most once an hour."""
        async with self._lock:
            now = self._clock.monotonic()
            if self._metadata is None or now - self._metadata[0] > _METADATA_LASTS:
                self._metadata = (now, await self._discover())
            return self._metadata[1]

    async def _discover(self) -> Metadata:
        issuer = self._settings.issuer.rstrip("/")
        found = await self._json("GET", f"{issuer}/.well-known/openid-configuration")
        missing = [name for name in _NEEDED if not isinstance(found.get(name), str)]
        if missing:
            raise SignInError(
                f"The provider's discovery document lacks {', '.join(missing)}: check console.oidc.issuer."
            )
        if found["issuer"].rstrip("/") != issuer:
            raise SignInError(
                f"The provider calls itself {found['issuer']}: write this into console.oidc.issuer."
            )
        for name in (*_NEEDED[1:], "userinfo_endpoint", "end_session_endpoint"):
            _check_endpoint(name, found.get(name))
        methods = found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return Metadata(
            issuer=found["issuer"],
            authorization_endpoint=found["authorization_endpoint"],
            token_endpoint=found["token_endpoint"],
            jwks_uri=found["jwks_uri"],
            userinfo_endpoint=found.get("userinfo_endpoint"),
            end_session_endpoint=found.get("end_session_endpoint"),
            accepts_basic="client_secret_basic" in methods,
        )

    async def _exchange(
        self, metadata: Metadata, code: str, request: SignInRequest
    ) -> Mapping[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect,
            "code_verifier": request.verifier,
        }
        headers, secret = {}, self._settings.client_secret
        if secret is not None and metadata.accepts_basic:
            pair = f"{quote(self._settings.client_id, safe='')}:{quote(secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form["client_id"] = self._settings.client_id
            if secret is not None:
                form["client_secret"] = secret
        return await self._json("POST", metadata.token_endpoint, data=form, headers=headers)

    async def _verified(self, metadata: Metadata, id_token: str, nonce: str) -> dict[str, Any]:
        try:
            token = await self._decoded(metadata, id_token)
            jwt.JWTClaimsRegistry(
                now=int(self._clock.now().timestamp()),
                leeway=LEEWAY,
                iss={"essential": True, "value": metadata.issuer},
                aud={"essential": True, "value": self._settings.client_id},
                sub={"essential": True},
                exp={"essential": True},
                iat={"essential": True},
                nonce={"essential": True, "value": nonce},
            ).validate(token.claims)
        except ExceededSizeError:
            raise SignInError(
                "The provider's ID token is too long: let the provider send only the groups that have a role in "
                "the console."
            ) from None
        except (JoseError, ValueError) as error:
            raise SignInError(
                f"The provider's ID token is not valid ({error}). Begin again; if it happens again, check "
                "console.oidc.issuer, console.oidc.client_id and this machine's clock."
            ) from None
        audience = token.claims["aud"]
        party = token.claims.get("azp", self._settings.client_id)
        if (isinstance(audience, list) and len(audience) > 1 and "azp" not in token.claims) or (
            party != self._settings.client_id
        ):
            raise SignInError(
                "The provider's ID token is for another client: check console.oidc.client_id."
            )
        return token.claims

    async def _decoded(self, metadata: Metadata, id_token: str) -> jwt.Token:
        """Check the signature. If it does not match, the provider may have new keys, which are then downloaded."""
        keys = await self._keys_of(metadata, again=False)
        try:
            return jwt.decode(id_token, keys, algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            renewed = await self._keys_of(metadata, again=True)
            if renewed is keys:
                raise
            return jwt.decode(id_token, renewed, algorithms=ALGORITHMS)

    async def _keys_of(self, metadata: Metadata, *, again: bool) -> KeySet:
        async with self._lock:
            now = self._clock.monotonic()
            lasts = _KEYS_LAST if again else _METADATA_LASTS
            if self._keys is None or now - self._keys[0] > lasts:
                found = await self._json("GET", metadata.jwks_uri)
                try:
                    keys = KeySet.import_key_set(_signing(found))
                except (JoseError, ValueError, KeyError, TypeError) as error:
                    raise SignInError(
                        f"The provider's keys cannot be read ({error}). Check console.oidc.issuer."
                    ) from None
                self._keys = (now, keys)
            return self._keys[1]

    async def _userinfo(
        self, metadata: Metadata, tokens: Mapping[str, Any], claims: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        access = tokens.get("access_token")
        if metadata.userinfo_endpoint is None or not isinstance(access, str):
            return {}
        headers = {"Authorization": f"Bearer {access}"}
        found = await self._json("GET", metadata.userinfo_endpoint, headers=headers)
        return found if found.get("sub") == claims["sub"] else {}  # Core 5.3.4

    def _identity(self, claims: Mapping[str, Any], id_token: str) -> Identity:
        address = claims.get("email")
        # Some providers send it as text: https://docs.aws.amazon.com/cognito/latest/developerguide/userinfo-endpoint.html
        is_unverified = str(claims.get("email_verified", True)).lower() == "false"
        if not isinstance(address, str) or is_unverified:
            address = None
        groups = claims.get(self._settings.roles_claim)
        given = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
        return Identity(
            # Not preferred_username, which a person can change: approvals count people by this name.
            name=printable(address or str(claims["sub"])).replace(" ", "_")[:200],
            address=address,
            groups=frozenset(one for one in given if isinstance(one, str)),
            id_token=id_token,
        )

    async def _json(self, method: str, url: str, **options: Any) -> dict[str, Any]:
        """Return an answer of the provider that is a JSON object. Raise SignInError for anything else."""
        place = urlsplit(url).netloc
        try:
            async with self._http.request(
                method, url, timeout=TIMEOUT, allow_redirects=False, **options
            ) as response:
                body = await response.content.read(_LARGEST + 1)
                while len(body) <= _LARGEST and not response.content.at_eof():
                    body += await response.content.read(_LARGEST + 1 - len(body))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = str(error) or type(error).__name__
            raise SignInError(
                f"The OpenID provider at {place} does not answer ({reason}). Try again later, or sign in with "
                "`calscim console link`."
            ) from None
        if len(body) > _LARGEST:
            raise SignInError(
                f"The answer of {place} has more than 1 MiB. Check console.oidc.issuer."
            )
        try:
            found = orjson.loads(body)
        except orjson.JSONDecodeError:
            found = None
        if response.status != 200 or not isinstance(found, dict):
            error_code = found.get("error") if isinstance(found, dict) else None
            said = f", {error_code}" if isinstance(error_code, str) else ""
            raise SignInError(
                f"The OpenID provider at {place} refused the request (HTTP {response.status}{said}). Check "
                "[console.oidc] in calscim's configuration and the client at the provider."
            )
        return found


def _signing(found: Mapping[str, Any]) -> Any:
    """Return the keys without those for encryption, and without kinds of keys that sign no ID token."""
    keys = found["keys"]
    usable = [
        one
        for one in keys
        if one.get("use", "sig") == "sig" and one.get("kty") in {"RSA", "EC", "OKP"}
    ]
    return {"keys": usable}


def _check_endpoint(name: str, url: Any) -> None:
    if url is None:
        return
    parts = urlsplit(str(url))
    if parts.scheme != "https" and not is_local(parts.hostname or ""):
        raise SignInError(
            f"The provider's {name} is not an https URL: let the provider serve it over https."
        )


def _with_query(url: str, query: Mapping[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"
