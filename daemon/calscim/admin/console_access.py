"""Sign-in and sessions of the console: single-use links, requests to an OpenID provider, and sessions.

The browser has the secrets, and the database only their SHA-256. Every sign-in works once.
"""

import hashlib
import secrets
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from calscim.config import Console
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql

LINK_LIFETIME = 600.0  # seconds
REQUEST_LIFETIME = 600.0  # seconds to sign in at the OpenID provider


SignInMethod = Literal["oidc", "link"]


class ConsoleRole(Enum):
    """What a person may do in the console. A role includes those before it."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def includes(self, other: "ConsoleRole") -> bool:
        """Return True if this role may do what the other one may."""
        ranks = list(ConsoleRole)
        return ranks.index(self) >= ranks.index(other)


@dataclass(frozen=True, slots=True)
class Session:
    """A session of the console. ``person``: an address or a name, for journal rows. ``form_token``: against forgery."""

    id: int
    person: str
    role: ConsoleRole
    form_token: str
    id_token: str | None


@dataclass(frozen=True, slots=True)
class SignInRequest:
    """What the answer of the OpenID provider has to match. ``target``: the page that the person asked for."""

    state: str
    nonce: str
    verifier: str
    target: str


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


async def create_link(db: Database, person: str, role: ConsoleRole) -> str:
    """Return the secret of a link that signs the person in once, within ten minutes."""
    secret = secrets.token_urlsafe(32)
    await db.execute(sql("console.create_link"), _digest(secret), person, role.value, LINK_LIFETIME)
    return secret


def link_url(console: Console, secret: str) -> str:
    """Return the URL of a link, which is a secret."""
    return f"{console.public_url}/sign-in/link?key={secret}"


async def use_link(db: Database, secret: str) -> tuple[str, ConsoleRole] | None:
    """Return the person and the role of a link; None if it expired, was used, or never existed."""
    row = await db.fetchrow(sql("console.use_link"), _digest(secret))
    if row is None or not row["valid"]:
        return None
    return row["person"], ConsoleRole(row["role"])


async def create_request(db: Database, target: str) -> SignInRequest:
    """Remember a request to the OpenID provider until its answer arrives."""
    made = SignInRequest(
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
        target=target,
    )
    await db.execute(
        sql("console.create_request"),
        _digest(made.state),
        made.nonce,
        made.verifier,
        target,
        REQUEST_LIFETIME,
    )
    return made


async def use_request(db: Database, state: str) -> SignInRequest | None:
    """Return the request with this state; None if it expired, was answered, or never existed."""
    row = await db.fetchrow(sql("console.use_request"), _digest(state))
    if row is None or not row["valid"]:
        return None
    return SignInRequest(state, row["nonce"], row["verifier"], row["target"])


async def begin_session(
    db: Database,
    person: str,
    role: ConsoleRole,
    method: SignInMethod,
    seconds: float,
    id_token: str | None,
) -> str:
    """Begin a session that ends after ``seconds``, even if it is in use; return its secret, for the cookie."""
    secret, form_token = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    await db.execute(
        sql("console.create_session"),
        _digest(secret),
        person,
        role.value,
        form_token,
        seconds,
        id_token,
        method,
    )
    return secret


async def use_session(
    db: Database, secret: str, idle: float, *, by_person: bool = True
) -> Session | None:
    """Return the session; None if it ended, or was idle for ``idle`` seconds.

    ``by_person`` False: an open page asked by itself, which does not keep the session alive.
    """
    row = await db.fetchrow(sql("console.use_session"), _digest(secret), idle, by_person)
    if row is None:
        return None
    return Session(**{**row, "role": ConsoleRole(row["role"])})


async def end_session(db: Database, secret: str) -> None:
    """End a session."""
    await db.execute(sql("console.end_session"), _digest(secret))


async def delete_expired(db: Database, idle: float) -> None:
    """Delete sessions and sign-ins that have ended."""
    await db.execute(sql("console.delete_expired"), idle)
