"""Describe an organization's build of Cal.com, as far as its answers show, and what that build cannot do."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from calscim.planner.build import BuildTraits

_HOSTED = "cal.com"  # and every host below it


@dataclass(frozen=True, slots=True)
class Build:
    """A description of a build. ``limits``: a sentence for each thing that calscim does differently because of it."""

    name: str
    limits: tuple[str, ...]

    def __str__(self) -> str:
        return "; ".join((self.name, *self.limits))


def describe(api_url: str, traits: BuildTraits, *, pages_teams: bool | None) -> Build:
    """Describe a build. ``pages_teams``: whether GET teams honors take and skip; None: unknown."""
    host = urlsplit(api_url).hostname or ""
    hosted = host == _HOSTED or host.endswith(f".{_HOSTED}")
    invites = hosted if traits.invites_by_email is None else traits.invites_by_email
    name = f"hosted ({host})" if hosted else "self-hosted"
    if invites and not hosted:
        name += ", with the API of 2026"
    elif traits.clears_teams is False:
        name += ", before 2025-08-18"
    elif pages_teams is False:
        name += ", 2025-09-11 or newer"
    return Build(name, tuple(_limits(traits, invites=invites, hosted=hosted, pages=pages_teams)))


def _limits(traits: BuildTraits, *, invites: bool, hosted: bool, pages: bool | None) -> list[str]:
    found = []
    if traits.invites_by_email is None and not hosted:
        found.append(
            "calscim learns whether it attaches accounts by e-mail address when a person first comes back"
        )
    elif not invites:
        found.append(
            "it attaches accounts by id only: people who come back have to accept an invitation, and you have to "
            "invite accounts that calscim has not seen"
        )
    if traits.invites_by_email is False:
        found.append("it ignores names and notify_new_users = false for new people")
    if pages is False:
        found.append("it lists all teams in one answer")
    if traits.clears_teams is False:
        found.append(
            "it leaves team memberships behind: calscim ends them before the organization membership"
        )
    elif traits.clears_teams is None:
        found.append(
            "calscim learns whether it ends team memberships itself at the first deprovision"
        )
    return found
