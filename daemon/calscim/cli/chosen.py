"""What a verb is about when it was not said: the only organization, the only directory."""

from calscim import admin
from calscim.config import Organization, Settings
from calscim.errors import UsageError
from calscim.postgres.pool import Database


def the_organization(settings: Settings, name: str | None) -> Organization:
    """The one of that name, or the only one. UsageError naming those that are configured."""
    configured = {one.name: one for one in settings.organizations}
    listed = ", ".join(configured)
    if not configured:
        raise UsageError("no organization is configured: add an [[organization]] table")
    if name is None:
        if len(configured) > 1:
            raise UsageError(f"there are several organizations: add --organization ({listed})")
        return settings.organizations[0]
    if name not in configured:
        raise UsageError(f"there is no organization {name!r}; configured: {listed}")
    return configured[name]


async def the_directory(db: Database, wanted: str | None) -> admin.Directory:
    """By id or name, or the only one. UsageError naming what there is."""
    if wanted is not None:
        return await admin.find_directory(db, wanted)
    every = await admin.directories(db)
    if not every:
        raise UsageError("there is no directory yet: see `calscim directory create --help`")
    if len(every) > 1:
        listed = ", ".join(row.name for row in every)
        raise UsageError(f"there are several directories: add --directory ({listed})")
    return every[0]
