"""Warnings about tokens that expire soon."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from calscim.admin.expiry import expiring

NOW = datetime(2026, 11, 28, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Token:
    id: int = 1
    name: str = "first"
    directory_id: str = "d1"
    directory: str = "Okta"
    state: str = "valid"
    created_at: datetime = NOW - 400 * DAY
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    replaced_by: int | None = None


@pytest.mark.parametrize(
    ("token", "is_warned"),
    [
        (Token(), False),
        (Token(expires_at=NOW + 15 * DAY), False),
        (Token(expires_at=NOW + 13 * DAY), True),
        (Token(expires_at=NOW + 13 * DAY, state="revoked"), False),
        (Token(expires_at=NOW - DAY, state="expired"), False),
        (Token(created_at=NOW, expires_at=NOW + 7 * DAY), False),
        (Token(created_at=NOW - 6 * DAY, expires_at=NOW + DAY), True),
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
    old = Token(expires_at=NOW + DAY, replaced_by=2, last_used_at=old_use)
    new = Token(id=2, last_used_at=new_use)

    found = expiring([old, new], NOW)

    assert [warning.token_id for warning in found] == [1] * is_warned
    assert all("token 2" in warning.detail for warning in found)


def test_a_warning_names_the_command_to_run():
    [found] = expiring([Token(expires_at=NOW + DAY)], NOW)

    assert "calscim token rotate Okta --token 1" in found.detail
