"""What is said about the build of Cal.com behind an organization."""

import pytest

from calscim.admin.build import describe
from calscim.planner.build import BuildTraits

HERE = "http://cal.acme.example:5555"


@pytest.mark.parametrize(
    ("url", "traits", "pages", "name"),
    [
        ("https://api.cal.com", BuildTraits(), True, "hosted (api.cal.com)"),
        (HERE, BuildTraits(), None, "self-hosted"),
        (HERE, BuildTraits(), False, "self-hosted, 2025-09-11 or newer"),
        (HERE, BuildTraits(clears_teams=False), True, "self-hosted, before 2025-08-18"),
        (HERE, BuildTraits(invites_by_email=True), True, "self-hosted, with the API of 2026"),
        ("https://notcal.com", BuildTraits(), None, "self-hosted"),
    ],
)
def test_a_build_is_named_by_what_its_answers_showed(url, traits, pages, name):
    assert describe(url, traits, pages_teams=pages).name == name


def test_what_a_build_cannot_do_is_said():
    limits = str(describe(HERE, BuildTraits(False, False), pages_teams=False))

    for words in ("by number only", "lists all teams in one answer", "leaves team memberships"):
        assert words in limits


def test_a_hosted_build_that_is_fully_known_has_no_limits():
    traits = BuildTraits(invites_by_email=True, clears_teams=True)

    assert describe("https://api.cal.com", traits, pages_teams=True).limits == ()
