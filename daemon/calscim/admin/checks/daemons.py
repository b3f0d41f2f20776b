"""Checks that running daemons use the present secrets, and that tokens are not about to expire."""

from calscim import admin
from calscim.admin.checks.check import Check
from calscim.admin.checks.database import Connect
from calscim.admin.expiry import expiring
from calscim.admin.fingerprints import stale
from calscim.clock import SystemClock
from calscim.config import Settings
from calscim.errors import StoreError
from calscim.postgres import migrations


async def check_daemons(settings: Settings, connect: Connect) -> list[Check]:
    """Check that the running daemons use the keys and the certificate of this configuration."""
    try:
        async with connect() as connection:
            if await migrations.current(connection) < migrations.latest():
                return []
            running = await stale(connection, settings)
    except (StoreError, OSError):  # the checks of the database and of the configuration report it
        return []
    return [_daemon(holder, keys) for holder, keys in running.items()]


async def check_tokens(connect: Connect) -> list[Check]:
    """Warn of tokens that end soon."""
    try:
        async with connect() as connection:
            if await migrations.current(connection) < migrations.latest():
                return []
            known = await admin.tokens(connection)
    except StoreError:  # the check of the database reports it
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
