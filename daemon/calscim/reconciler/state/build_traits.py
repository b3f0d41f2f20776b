"""Stores the traits of the build of Cal.com that calscim has learned."""

from datetime import timedelta

from calscim.planner.build import BuildTraits
from calscim.postgres.pool import Connection, Database
from calscim.postgres.queries import sql

# An upgrade of Cal.com may change a trait without notice. Learning a trait again costs one call.
RELEARN_AFTER = timedelta(days=7)


async def load(db: "Database | Connection", organization: str) -> BuildTraits:
    """Return the traits that answers have shown within ``RELEARN_AFTER``."""
    rows = await db.fetch(sql("build_traits.load"), organization, RELEARN_AFTER)
    return BuildTraits(**{row["trait"]: row["value"] for row in rows})


async def learn(db: Database, organization: str, trait: str, *, value: bool) -> None:
    """Record a trait; a later answer that contradicts it replaces it."""
    await db.execute(sql("build_traits.record"), organization, trait, value)
