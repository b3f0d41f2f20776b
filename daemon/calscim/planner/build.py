"""How the builds of Cal.com differ, as far as it changes what calscim does."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BuildTraits:
    """What one Cal.com is known to do; None: no answer has shown it yet.

    ``invites_by_email``: POST memberships takes an address (hosted, 2026). ``clears_teams``: deleting an
    organization membership ends the team memberships too; builds before 2025-08-18 leave them behind.
    """

    invites_by_email: bool | None = None
    clears_teams: bool | None = None
