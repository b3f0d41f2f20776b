"""When a parked action is tried again."""

from dataclasses import replace

import pytest

from calscim.planner.action_key import revision
from calscim.planner.actions import (
    AddMember,
    ChangePreferences,
    CreateUser,
    Provenance,
    RemoveMember,
)
from calscim.planner.backoff import is_due, retry_delay
from calscim.planner.ids import CalUserId, MembershipId, TeamId, UserId
from calscim.planner.people.user_preferences import Preferences
from calscim.planner.roles import Role

ADD = AddMember(
    "ann@acme.com",
    "because",
    user=UserId("ann"),
    cal_user=CalUserId(101),
    team=TeamId(7),
    role=Role.MEMBER,
)


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [(0, 60), (1, 60), (2, 120), (3, 240), (6, 1920), (7, 3600), (8, 3600), (1000, 3600)],
)
def test_waits_grow_from_a_minute_to_an_hour(attempts: int, seconds: int):
    assert retry_delay(attempts, refused=False, jitter=0.0) == seconds


@pytest.mark.parametrize("attempts", [1, 2, 50])
def test_a_flat_refusal_waits_an_hour(attempts: int):
    assert retry_delay(attempts, refused=True, jitter=0.0) == 3600


@pytest.mark.parametrize("jitter", [0.0, 0.5, 0.999])
def test_jitter_shortens_by_at_most_a_tenth(jitter: float):
    assert 54 < retry_delay(1, refused=False, jitter=jitter) <= 60


@pytest.mark.parametrize(
    ("due_in", "tried"), [(-1.0, True), (0.0, True), (0.1, False), (3600.0, False)]
)
def test_the_same_action_is_tried_when_its_time_has_come(due_in: float, tried: bool):
    assert is_due(revision(ADD), due_in, ADD) is tried


@pytest.mark.parametrize(
    "changes",
    [
        {"role": Role.ADMIN},
        {"email": "ann.lee@acme.com"},
        {"cal_user": CalUserId(102)},
        {"team": TeamId(8)},
    ],
)
def test_a_parked_action_that_changed_is_tried_at_once(changes: dict):
    assert is_due(revision(ADD), 3600.0, replace(ADD, **changes))


@pytest.mark.parametrize(
    "changes", [{"membership": MembershipId(5)}, {"observed_role": Role.ADMIN}]
)
def test_a_removal_of_another_membership_or_role_is_tried_at_once(changes: dict):
    removal = RemoveMember("ann@acme.com", "because", cal_user=CalUserId(101), team=TeamId(7))

    assert is_due(revision(removal), 3600.0, replace(removal, **changes))


def test_a_new_account_with_another_name_is_tried_at_once():
    creation = CreateUser("ann@acme.com", "because", user=UserId("ann"), name="Ann")

    assert is_due(revision(creation), 3600.0, replace(creation, name="Ann Lee"))


@pytest.mark.parametrize(
    ("changes", "tried"),
    [
        ({"preferences": Preferences("fr", "Europe/Berlin", "")}, True),
        ({"preferences": Preferences("de", "Europe/Rome", "")}, True),
        ({"reason": "another"}, False),
    ],
)
def test_a_profile_that_is_to_become_another_one_is_tried_at_once(changes: dict, tried: bool):
    update = ChangePreferences(
        "ann@acme.com",
        "because",
        cal_user=CalUserId(101),
        preferences=Preferences("de", "Europe/Berlin", ""),
    )

    assert is_due(revision(update), 3600.0, replace(update, **changes)) is tried


@pytest.mark.parametrize(
    "changes", [{"reason": "another"}, {"provenance": Provenance("okta", 9)}, {"drift": True}]
)
def test_another_reason_does_not_make_it_another_action(changes: dict):
    assert not is_due(revision(ADD), 3600.0, replace(ADD, **changes))
