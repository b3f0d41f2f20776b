"""Checks that running daemons use the present secrets, and that tokens are not about to expire."""

from calscim import admin
from calscim.admin.checks.check import Check
from calscim.admin.checks.database import Connect, read_current
from calscim.admin.expiry import expiring
from calscim.admin.fingerprints import stale
from calscim.clock import SystemClock
from calscim.config import Settings


async def check_daemons(settings: Settings, connect: Connect) -> list[Check]:
    """Check that the running daemons use the keys and the certificate of this configuration."""
    try:
        running = await read_current(connect, lambda connection: stale(connection, settings))
    except OSError:  # the check of the configuration reports it
        return []
    return [_daemon(holder, keys) for holder, keys in (running or {}).items()]


async def check_tokens(connect: Connect) -> list[Check]:
    """Warn of tokens that end soon."""
    known = await read_current(connect, admin.tokens)
    if known is None:
        return []
    valid = sum(token.state == "valid" for token in known)
    warning = "; ".join(one.detail for one in expiring(known, SystemClock().now()))
    return [Check("tokens", True, f"{valid} valid", warning)]


def _daemon(holder: str, keys: list[str]) -> Check:
    what = f"daemon {holder}"
    if not keys:
        return Check(what, True, "uses the keys of this configuration")
    used = f"does not use the {' and the '.join(keys)} of this configuration"
    warning = (
        "run `systemctl reload calscim` (SIGHUP) to read them again; run `systemctl restart calscim` if they are "
        "systemd credentials or if this warning stays"
    )
    return Check(what, True, used, f"{used}: {warning}")
