"""Find tokens that expire soon, and say what the operator should do about each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from calscim.admin.tokens import Token

# Two weeks are enough for a change request in most companies, even over a holiday.
WARN_BEFORE = timedelta(days=14)
# A token with a lifetime below eight weeks gets a warning in its last quarter, not for most of its life.
WARN_SHARE = 4


@dataclass(frozen=True, slots=True)
class Expiring:
    """A token that expires soon. ``detail`` is a sentence with the next step."""

    token_id: int
    directory_id: str | None
    directory: str | None
    organization: str
    expires_at: datetime
    detail: str


def expiring(tokens: Sequence[Token], now: datetime) -> list[Expiring]:
    """Return the valid tokens that expire soon. A rotated token counts until its replacement was used after it."""
    return list(_expiring(tokens, now))


def _expiring(tokens: Sequence[Token], now: datetime) -> Iterator[Expiring]:
    known = {token.id: token for token in tokens}
    for token in tokens:
        ends = token.expires_at
        if token.state != "valid" or ends is None or now < _warn_from(token, ends):
            continue
        if not _is_superseded(token, known):
            yield Expiring(
                token.id,
                token.directory_id,
                token.directory,
                token.organization,
                ends,
                _detail(token, ends),
            )


def _warn_from(token: Token, ends: datetime) -> datetime:
    """Return when the warning begins. The lifetime of a rotated token does not count: the rotation shortened it."""
    if token.replaced_by is not None:
        return ends - WARN_BEFORE
    return ends - min(WARN_BEFORE, (ends - token.created_at) / WARN_SHARE)


def _is_superseded(token: Token, known: Mapping[int, Token]) -> bool:
    replacement = known.get(token.replaced_by) if token.replaced_by is not None else None
    if replacement is None or replacement.last_used_at is None:
        return False
    return token.last_used_at is None or replacement.last_used_at > token.last_used_at


def _detail(token: Token, ends: datetime) -> str:
    named = f"token {token.id} ({token.name}) of {token.owner} ends at {ends:%Y-%m-%d %H:%M} UTC"
    if token.replaced_by is not None:
        return (
            f"{named}: put its replacement, token {token.replaced_by}, into the identity provider"
        )
    if token.scope == "events":
        return (
            f"{named}: `calscim token create --events --organization {token.organization}` creates another; "
            f"`calscim token revoke {token.id}` ends this one"
        )
    return (
        f"{named}: `calscim token rotate {token.directory} --token {token.id}`, "
        f"or `calscim token revoke {token.id}` if no client uses it"
    )
