"""The builds of Cal.com that the simulation can imitate, and the capabilities of each."""

from dataclasses import dataclass

HOSTED_2026 = "hosted 2026"
SELF_HOSTED_2025_12 = "self-hosted 2025-12"
BEFORE_2025_08_18 = "before 2025-08-18"


@dataclass(frozen=True, slots=True)
class Build:
    """The differences between builds. Everything else is the same in all of them.

    ``self-hosted 2025-12`` was recorded. The other two follow from Cal.com's documentation and source.
    """

    name: str
    invites_by_email: bool  # POST memberships accepts an e-mail address instead of an account id
    takes_names: bool  # POST users accepts name and skipNotificationEmail; other builds drop them
    takes_usernames: bool  # POST users accepts username; other builds answer 400 TRPCError
    cascades: bool  # deleting an organization membership also ends the Profile and the teams
    distinguishes_conflicts: bool  # two kinds of 409 for an existing account, else a single 400
    checks_admin_api: bool  # organizations without the Admin API are refused


_BUILDS = (
    Build(
        SELF_HOSTED_2025_12,
        invites_by_email=False,
        takes_names=False,
        takes_usernames=False,
        cascades=True,
        distinguishes_conflicts=True,
        checks_admin_api=False,
    ),
    Build(
        HOSTED_2026,
        invites_by_email=True,
        takes_names=True,
        takes_usernames=True,
        cascades=True,
        distinguishes_conflicts=False,
        checks_admin_api=True,
    ),
    Build(
        BEFORE_2025_08_18,
        invites_by_email=False,
        takes_names=False,
        takes_usernames=False,
        cascades=False,
        distinguishes_conflicts=True,
        checks_admin_api=False,
    ),
)
NAMES = tuple(build.name for build in _BUILDS)


def named(name: str) -> Build:
    """Return a build by its name. Raise ValueError, which lists the names, if there is none."""
    for build in _BUILDS:
        if build.name == name:
            return build
    raise ValueError(f"there is no build {name!r}: choose one of {', '.join(NAMES)}")
