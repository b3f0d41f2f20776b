"""When something that did not succeed is tried again."""

from dataclasses import replace

import pytest

from calscim.planner.actions import Action, Kind, Provenance
from calscim.planner.backoff import due, fingerprint, wait
from calscim.planner.ids import CalUserId, MembershipId, TeamId, UserId
from calscim.planner.roles import Role

ADD = Action(
    Kind.ADD,
    "ann@acme.com",
    "because",
    user=UserId("ann"),
    cal_user=CalUserId(101),
    team=TeamId(7),
    role=Role.MEMBER,
    name="Ann",
)


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [(0, 60), (1, 60), (2, 120), (3, 240), (6, 1920), (7, 3600), (8, 3600), (1000, 3600)],
)
def test_waits_grow_from_a_minute_to_an_hour(attempts: int, seconds: int):
    assert wait(attempts, refused=False, jitter=0.0) == seconds


@pytest.mark.parametrize("attempts", [1, 2, 50])
def test_a_flat_refusal_waits_an_hour(attempts: int):
    assert wait(attempts, refused=True, jitter=0.0) == 3600


@pytest.mark.parametrize("jitter", [0.0, 0.5, 0.999])
def test_jitter_shortens_by_at_most_a_tenth(jitter: float):
    assert 54 < wait(1, refused=False, jitter=jitter) <= 60


@pytest.mark.parametrize(
    ("due_in", "tried"), [(-1.0, True), (0.0, True), (0.1, False), (3600.0, False)]
)
def test_the_same_action_is_tried_when_its_time_has_come(due_in: float, tried: bool):
    assert due(fingerprint(ADD), due_in, ADD) is tried


@pytest.mark.parametrize(
    "changes",
    [
        {"role": Role.ADMIN},
        {"email": "ann.lee@acme.com"},
        {"name": "Ann Lee"},
        {"cal_user": CalUserId(102)},
        {"membership": MembershipId(5)},
        {"observed_role": Role.ADMIN},
        {"team": TeamId(8)},
    ],
)
def test_an_action_that_became_another_one_is_tried_at_once(changes: dict):
    assert due(fingerprint(ADD), 3600.0, replace(ADD, **changes))


@pytest.mark.parametrize(
    ("changes", "tried"),
    [
        ({"locale": "fr"}, True),
        ({"time_zone": "Europe/Rome"}, True),
        ({"because": "another"}, False),
    ],
)
def test_a_profile_that_is_to_become_another_one_is_tried_at_once(changes: dict, tried: bool):
    update = Action(
        Kind.UPDATE,
        "ann@acme.com",
        "because",
        cal_user=CalUserId(101),
        locale="de",
        time_zone="Europe/Berlin",
        profile=True,
    )

    assert due(fingerprint(update), 3600.0, replace(update, **changes)) is tried


@pytest.mark.parametrize(
    "changes", [{"because": "another"}, {"cause": Provenance("okta", 9)}, {"drift": True}]
)
def test_another_reason_does_not_make_it_another_action(changes: dict):
    assert not due(fingerprint(ADD), 3600.0, replace(ADD, **changes))
