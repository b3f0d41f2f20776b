"""Prepared responses for reads of the lists of people and teams."""

from calscim.planner.observed_state import Complete
from tests.calcom.conftest import ROOT, org_row

PEOPLE = f"{ROOT}/memberships"
TEAMS = f"{ROOT}/teams"


def pages(calcom, rows, path=PEOPLE, *, size=250):
    """Prepare the responses to one read of a list, in pages like those of Cal.com."""
    for start in range(0, len(rows) + 1, size):
        calcom.answer("GET", f"{path}?take=250&skip={start}", rows[start : start + size])


def people(*numbers):
    return [org_row(number) for number in numbers]


def ids(found):
    assert isinstance(found, Complete), found
    return {user - 100 for user in found.value}


def teams(*numbers):
    return [{"id": number, "name": f"Team {number}", "slug": None} for number in numbers]
