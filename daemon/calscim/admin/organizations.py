"""Find the organizations that an operator names, or the only one that is configured."""

from calscim.config import Organization, Settings
from calscim.errors import UsageError

_NONE = "no organization is configured: add an [[organization]] table to the configuration file"


def find_organization(settings: Settings, name: str | None) -> Organization:
    """Return the organization of that name; without a name, the only one. UsageError if there is no such one."""
    if name is None and len(settings.organizations) > 1:
        listed = ", ".join(organization.name for organization in settings.organizations)
        raise UsageError(f"there are several organizations: add --organization ({listed})")
    return find_organizations(settings, name)[0]


def find_organizations(settings: Settings, name: str | None) -> list[Organization]:
    """Return the organization of that name; without a name, all. UsageError if there is none."""
    if not settings.organizations:
        raise UsageError(_NONE)
    found = [one for one in settings.organizations if name in (None, one.name)]
    if not found:
        listed = ", ".join(organization.name for organization in settings.organizations)
        raise UsageError(f"there is no organization {name!r}; configured: {listed}")
    return found
