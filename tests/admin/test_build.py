"""The description of an organization's build of Cal.com."""

import pytest

from calscim.admin.build import describe
from calscim.planner.build import BuildTraits

SELF_HOSTED = "http://cal.acme.example:5555"


@pytest.mark.parametrize(
    ("url", "traits", "pages", "name"),
    [
        ("https://api.cal.com", BuildTraits(), True, "hosted (api.cal.com)"),
        (SELF_HOSTED, BuildTraits(), None, "self-hosted"),
        (SELF_HOSTED, BuildTraits(), False, "self-hosted, 2025-09-11 or newer"),
        (SELF_HOSTED, BuildTraits(clears_teams=False), True, "self-hosted, before 2025-08-18"),
        (
            SELF_HOSTED,
            BuildTraits(invites_by_email=True),
            True,
            "self-hosted, with the API of 2026",
        ),
        ("https://notcal.com", BuildTraits(), None, "self-hosted"),
    ],
)
def test_a_build_is_named_after_what_its_answers_show(url, traits, pages, name):
    assert describe(url, traits, pages_teams=pages).name == name


def test_the_description_lists_what_a_build_cannot_do():
    limits = str(describe(SELF_HOSTED, BuildTraits(False, False), pages_teams=False))

    for words in ("by id only", "lists all teams in one answer", "leaves team memberships"):
        assert words in limits


def test_a_hosted_build_that_is_fully_known_has_no_limits():
    traits = BuildTraits(invites_by_email=True, clears_teams=True)

    assert describe("https://api.cal.com", traits, pages_teams=True).limits == ()
