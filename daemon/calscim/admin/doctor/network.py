"""What answers at the public URL, as an identity provider sees it, and at Cal.com; and whether the clocks agree."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import aiohttp
import orjson

from calscim.admin import Directory, Editor, create_token, revoke_token
from calscim.admin.directory_views import base_url
from calscim.admin.doctor.finding import Finding, failed, ok, skipped, warning
from calscim.clock import SystemClock
from calscim.config import Settings
from calscim.postgres.pool import Database

SKEW = timedelta(seconds=30)
_TIMEOUT = aiohttp.ClientTimeout(total=10.0)
_TEST_CALL = "/Users?startIndex=1&count=1"  # what Okta asks when the settings are saved
_TOKEN_LIFETIME = 60.0  # seconds


async def examine_own_url(
    settings: Settings, directories: Sequence[Directory], http: aiohttp.ClientSession
) -> AsyncIterator[Finding]:
    """Yield findings about requests to ``scim.public_url`` without a token, which calscim has to refuse."""
    if not directories:
        yield skipped("public URL", "there is no directory yet: `calscim directory create`")
    for directory in directories:
        yield await _without_token(settings, directory, http)


async def _without_token(
    settings: Settings, directory: Directory, http: aiohttp.ClientSession
) -> Finding:
    what, url = f"public URL of {directory.name}", base_url(settings, directory.id) + _TEST_CALL
    try:
        status, headers, body = await _get(http, url, {})
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        return failed(
            what,
            f"{settings.scim.public_url} does not answer ({str(error) or type(error).__name__})",
            "start `calscim serve`, and check the proxy, the firewall and scim.public_url",
        )
    if status == 401 and _is_scim(body):
        return ok(what, f"{settings.scim.public_url} leads to calscim, which asks for the token")
    return _not_calscim(what, url, status, headers)


def _not_calscim(what: str, url: str, status: int, headers: dict[str, str]) -> Finding:
    """Explain an answer that is not one of calscim's SCIM server."""
    if 300 <= status < 400:
        return failed(
            what,
            f"{url} redirects to {headers.get('Location', 'another place')}: identity providers do not follow that",
            "write the final address into scim.public_url",
        )
    if "html" in headers.get("Content-Type", ""):
        return failed(
            what,
            f"a web page answers at {url} (HTTP {status}), not calscim: a proxy, a login page or another program",
            "let the proxy pass /scim/ to scim.listen",
        )
    if status in {502, 503, 504}:
        return failed(what, f"HTTP {status} at {url}", "start `calscim serve`, and see /readyz")
    return failed(
        what,
        f"HTTP {status} at {url} without a token, where calscim answers 401 with a SCIM error",
        "check which program scim.public_url leads to",
    )


async def examine_test_call(
    settings: Settings,
    db: Database,
    editor: Editor,
    directories: Sequence[Directory],
    http: aiohttp.ClientSession,
) -> AsyncIterator[Finding]:
    """Yield findings about the identity provider's test call, with a read token that is revoked afterwards."""
    for directory in directories:
        what, url = f"test call of {directory.name}", base_url(settings, directory.id) + _TEST_CALL
        made, token = await create_token(
            db, editor, directory, name="doctor", seconds=_TOKEN_LIFETIME, scope="read"
        )
        try:
            headers = {"Authorization": f"Bearer {token}"}
            status, answered, body = await _get(http, url, headers)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            yield failed(
                what,
                f"no answer ({str(error) or type(error).__name__})",
                "see the public URL above",
            )
            continue
        finally:
            await revoke_token(db, editor, made)
        if status == 200 and _is_scim(body):
            yield ok(what, "the users are listed, as Okta's test call asks")
        elif status == 401:
            yield failed(
                what,
                "the token is refused: the proxy removes the Authorization header, or the URL leads to another calscim",
                "let the proxy pass the Authorization header",
            )
        else:
            yield _not_calscim(what, url, status, answered)


async def examine_clocks(
    settings: Settings, db: Database | None, http: aiohttp.ClientSession
) -> AsyncIterator[Finding]:
    """Yield findings about the difference between this machine's clock, Postgres's and Cal.com's."""
    if db is not None:
        now: datetime = await db.fetchval("SELECT clock_timestamp()")
        yield _skew("Postgres", now)
    for organization in settings.organizations:
        host = urlsplit(organization.api_url).netloc
        try:
            _, headers, _ = await _get(http, f"{organization.api_url}/v2/me", {})
            shown = parsedate_to_datetime(headers["Date"])
        except (aiohttp.ClientError, OSError, TimeoutError):
            continue  # the check of the organization reports it
        except (KeyError, ValueError):
            yield skipped(f"clock of {host}", "its answers have no date")
        else:
            yield _skew(host, shown)


def _skew(whose: str, shown: datetime) -> Finding:
    difference = shown - SystemClock().now()
    seconds = abs(round(difference.total_seconds()))
    if abs(difference) <= SKEW:
        return ok(f"clock of {whose}", f"differs from this machine's by {seconds} s")
    before = "ahead of" if difference > timedelta(0) else "behind"
    return warning(
        f"clock of {whose}",
        f"is {seconds} s {before} this machine's: expiry, windows and the order of events are wrong by as much",
        "synchronize both clocks: `timedatectl`",
    )


def _is_scim(body: bytes) -> bool:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return isinstance(found, dict) and any(
        str(one).startswith("urn:ietf:params:scim:api:messages") for one in found.get("schemas", ())
    )


async def _get(
    http: aiohttp.ClientSession, url: str, headers: dict[str, str]
) -> tuple[int, dict[str, str], bytes]:
    async with http.get(url, headers=headers, timeout=_TIMEOUT, allow_redirects=False) as answer:
        return answer.status, dict(answer.headers), await answer.content.read(65_536)
