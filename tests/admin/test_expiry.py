"""Warnings about tokens that expire soon."""

from datetime import UTC, datetime, timedelta

import pytest

from calscim.admin import Token
from calscim.admin.expiry import expiring

NOW = datetime(2026, 11, 28, tzinfo=UTC)
DAY = timedelta(days=1)


VALUES = {
    "id": 1,
    "name": "first",
    "directory_id": "d1",
    "directory": "Okta",
    "organization": "acme",
    "state": "valid",
    "created_at": NOW - 400 * DAY,
    "expires_at": None,
    "revoked_at": None,
}


def token_with(**values) -> Token:
    return Token(**(VALUES | values))


@pytest.mark.parametrize(
    ("token", "is_warned"),
    [
        (token_with(), False),
        (token_with(expires_at=NOW + 15 * DAY), False),
        (token_with(expires_at=NOW + 13 * DAY), True),
        (token_with(expires_at=NOW + 13 * DAY, state="revoked"), False),
        (token_with(expires_at=NOW - DAY, state="expired"), False),
        (token_with(created_at=NOW, expires_at=NOW + 7 * DAY), False),
        (token_with(created_at=NOW - 6 * DAY, expires_at=NOW + DAY), True),
    ],
)
def test_a_token_gets_a_warning_in_its_last_two_weeks_or_its_last_quarter(token, is_warned):
    assert bool(expiring([token], NOW)) == is_warned


@pytest.mark.parametrize(
    ("old_use", "new_use", "is_warned"),
    [
        (None, None, True),
        (NOW - DAY, None, True),
        (NOW, NOW - DAY, True),
        (NOW - DAY, NOW, False),
        (None, NOW, False),
    ],
)
def test_a_rotated_token_gets_a_warning_until_its_replacement_is_used(old_use, new_use, is_warned):
    old = token_with(expires_at=NOW + DAY, replaced_by=2, last_used_at=old_use)
    new = token_with(id=2, last_used_at=new_use)

    found = expiring([old, new], NOW)

    assert [warning.token_id for warning in found] == [1] * is_warned
    assert all("token 2" in warning.detail for warning in found)


def test_a_warning_names_the_command_to_run():
    [found] = expiring([token_with(expires_at=NOW + DAY)], NOW)

    assert "calscim token rotate Okta --token 1" in found.detail


def test_a_warning_about_a_token_of_the_change_feed_names_its_own_commands():
    [found] = expiring(
        [token_with(directory_id=None, directory=None, scope="events", expires_at=NOW + DAY)], NOW
    )

    assert found.detail == (
        "token 1 (first) of the change feed of acme ends at 2026-11-29 00:00 UTC: `calscim token create --events "
        "--organization acme` creates another; `calscim token revoke 1` ends this one"
    )
