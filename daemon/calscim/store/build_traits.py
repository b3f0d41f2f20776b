"""What calscim has learned about the build of Cal.com behind an organization."""

from calscim.core.build import BuildTraits
from calscim.store.pool import Database
from calscim.store.sql import sql


async def load(db: Database, organization: str) -> BuildTraits:
    """Return every trait that is known so far."""
    rows = await db.fetch(sql("build_traits.load"), organization)
    return BuildTraits(**{row["trait"]: row["value"] for row in rows})


async def learn(db: Database, organization: str, trait: str, *, value: bool) -> None:
    """Record a trait; a later answer that contradicts it replaces it."""
    await db.execute(sql("build_traits.learn"), organization, trait, value)
