"""Settings of Postgres that endanger what is written, and channels of notifications that fail."""

from collections.abc import AsyncIterator

from calscim.admin.doctor.finding import Finding, failed, ok, skipped
from calscim.admin.notifications import channel_status
from calscim.config import Settings
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql

_WANTED = ("fsync", "full_page_writes")


async def examine_durability(db: Database) -> AsyncIterator[Finding]:
    """Yield findings about settings with which Postgres may lose what it has confirmed."""
    found = {row["name"]: row["setting"] for row in await db.fetch(sql("health.list_settings"))}
    wrong = [name for name in _WANTED if found.get(name) == "off"]
    for name in wrong:
        yield failed(
            "durability",
            f"{name} is off: a crash of the machine can lose or damage the journal",
            f"ALTER SYSTEM SET {name} = on, then reload Postgres",
        )
    if found.get("synchronous_commit") == "off":
        wrong.append("synchronous_commit")
        yield failed(
            "durability",
            "synchronous_commit is off: a crash can lose changes that the identity provider was told are kept",
            "ALTER SYSTEM SET synchronous_commit = on, then reload Postgres",
        )
    if not wrong:
        yield ok("durability", "a change is on disk before it is confirmed")


async def examine_notifications(settings: Settings, db: Database) -> AsyncIterator[Finding]:
    """Yield findings about each channel."""
    names = [one.name for one in settings.channels]
    if not names:
        yield skipped("notifications", "no channel is configured (docs/guide/notifications.md)")
    for one in await channel_status(db, names):
        what = f"notifications to {one.channel}"
        if one.is_failing:
            yield failed(
                what,
                f"the last delivery failed: {one.last_failure}",
                f"correct the channel, then `calscim notify test {one.channel}`",
            )
        else:
            yield ok(what, f"{one.waiting} messages wait")
