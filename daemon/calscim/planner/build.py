"""Differences between Cal.com builds that change what calscim does."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BuildTraits:
    """The known traits of a Cal.com instance; None: no response has shown it yet.

    ``invites_by_email``: POST memberships takes an address (hosted, 2026). ``clears_teams``: deleting an organization
    membership ends the team memberships too; builds before 2025-08-18 leave them behind.
    """

    invites_by_email: bool | None = None
    clears_teams: bool | None = None
