"""An OpenID provider whose answers a test can spoil."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

CLIENT = "console"
SECRET = "client's secret/+"


@dataclass
class OpenId:
    """The provider. ``claims`` are added to the ID token; ``spoil`` changes the whole token's claims."""

    url: str = ""
    claims: dict[str, Any] = field(default_factory=lambda: {"email": "ann@acme.example"})
    userinfo: dict[str, Any] = field(default_factory=dict)
    spoil: Callable[[dict[str, Any]], None] = lambda claims: None
    key: Any = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "first"}))
    algorithm: str = "RS256"
    metadata: dict[str, Any] = field(default_factory=dict)
    down: bool = False
    requests: list[dict[str, str]] = field(default_factory=list)
    token_requests: list[dict[str, str]] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)
    key_downloads: int = 0
    body: bytes | None = None  # of the token endpoint, instead of its own
    _nonces: dict[str, str] = field(default_factory=dict)

    def rotate(self) -> None:
        """Sign with a new key from now on."""
        self.key = ECKey.generate_key("P-256", {"kid": "second"})
        self.algorithm = "ES256"

    def answer(self, location: str) -> str:
        """Return the callback to which the provider sends the browser that opens ``location``."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        self.requests.append(query)
        code = f"code{len(self.requests)}"
        self._nonces[code] = query["nonce"]
        return f"{query['redirect_uri']}?code={code}&state={query['state']}&iss={self.url}"

    async def _discovery(self, _: web.Request) -> web.Response:
        self._check()
        made = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "end_session_endpoint": f"{self.url}/logout",
        }
        return web.json_response(made | self.metadata)

    async def _keys(self, _: web.Request) -> web.Response:
        self._check()
        self.key_downloads += 1
        return web.json_response(KeySet([self.key]).as_dict(private=False))

    async def _token(self, request: web.Request) -> web.Response:
        self._check()
        if self.body is not None:
            return web.Response(body=self.body, content_type="application/json")
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.token_requests.append(form)
        self.authorizations.append(request.headers.get("Authorization", ""))
        nonce = self._nonces.pop(form["code"], None)
        if nonce is None:
            return web.json_response({"error": "invalid_grant"}, status=400)
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "sub": "00u1",
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            **self.claims,
        }
        self.spoil(claims)
        header = {"alg": self.algorithm, "kid": self.key.kid}
        token = jwt.encode(header, claims, self.key, algorithms=[self.algorithm])
        return web.json_response({"id_token": token, "access_token": "access"})

    async def _userinfo(self, _: web.Request) -> web.Response:
        self._check()
        return web.json_response({"sub": "00u1", **self.userinfo})

    def _check(self) -> None:
        if self.down:
            raise web.HTTPServiceUnavailable


@asynccontextmanager
async def openid() -> AsyncIterator[OpenId]:
    """Serve a provider on a free port."""
    made = OpenId()
    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", made._discovery)
    app.router.add_get("/keys", made._keys)
    app.router.add_post("/token", made._token)
    app.router.add_get("/userinfo", made._userinfo)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        made.url = f"http://{host}:{port}"
        yield made
    finally:
        await runner.cleanup()
