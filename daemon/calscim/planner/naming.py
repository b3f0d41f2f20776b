"""Find the team that a name refers to, and derive slugs from names."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable

from calscim.names import spelling, team_key
from calscim.planner.observed_state import Team


def match_team(teams: Iterable[Team], wanted: str) -> Team | str | None:
    """Return the team that ``wanted`` names, a sentence if several teams match, or None if none does.

    The team is looked up by id, then by slug, then by exact name, then by name in any case. The sentence lists the
    teams that match equally well and says what to write instead.
    """
    every = sorted(teams, key=lambda team: team.id)
    for found in (
        [team for team in every if str(team.id) == wanted],
        [team for team in every if team.slug == wanted],
        [team for team in every if spelling(team.name) == spelling(wanted)],
        [team for team in every if team_key(team.name) == team_key(wanted)],
    ):
        if len(found) == 1:
            return found[0]
        if found:
            which = " or ".join(f"{team.id} ({team.name!r}, {team.slug})" for team in found)
            return f"{len(found)} teams in Cal.com are called {wanted!r}: give the id of one instead: {which}"
    return None


def make_slug(name: str) -> str:
    """Return the slug for a name. The same name always gives the same slug, so nothing is created twice.

    If a slug cannot represent every letter of the name, a digest of the name makes the slug unique.
    """
    spelt = [one for one in unicodedata.normalize("NFKD", name) if not unicodedata.combining(one)]
    plain = "".join(one for one in spelt if one.isascii()).lower()
    plain = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if plain and all(one.isascii() or not one.isalnum() for one in spelt):
        return plain
    return f"{plain or 'team'}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
