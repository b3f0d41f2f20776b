"""Which team a name means, and the address that something new gets for its name."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable

from calscim.names import spelling, team_key
from calscim.planner.observed_state import Team


def meant(teams: Iterable[Team], wanted: str) -> Team | str | None:
    """The team of that id, else slug, else exact name, else name but for case; None: there is none.

    Where several fit equally well, the sentence that says which these are, and what to write instead.
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


def slug(name: str) -> str:
    """The part of an address made of a name: the same for the same name, so that nothing is made twice.

    A name with letters that an address cannot have is told from others like it by its digest.
    """
    spelt = [one for one in unicodedata.normalize("NFKD", name) if not unicodedata.combining(one)]
    plain = "".join(one for one in spelt if one.isascii()).lower()
    plain = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if plain and all(one.isascii() or not one.isalnum() for one in spelt):
        return plain
    return f"{plain or 'team'}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
