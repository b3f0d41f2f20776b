"""Translates the settings into the rules of an organization's passes."""

from calscim.config import Organization, Settings
from calscim.planner.safeguards.windows import Window
from calscim.reconciler.approvals import Rules


def rules(settings: Settings, organization: Organization) -> Rules:
    """Return the rules of an organization's passes."""
    return Rules(
        policy=organization,
        guards=settings.guards,
        grace=settings.reconcile,
        windows=windows(settings, organization),
        approvals=settings.guards.approvals,
    )


def windows(settings: Settings, organization: Organization) -> tuple[Window, ...]:
    """Return the maintenance windows of all organizations and the organization's own."""
    return (*settings.reconcile.windows, *organization.windows)
