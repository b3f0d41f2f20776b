"""The last check before a removal or a demotion, on the last values that were read."""

from dataclasses import replace

import pytest

from calscim.planner.actions import (
    Action,
    AddMember,
    AttachUser,
    ChangeAddress,
    ChangeOrgRole,
    ChangeTeamRole,
    CreateUser,
    DeprovisionUser,
    RemoveMember,
)
from calscim.planner.ids import CalUserId, MembershipId, TeamId
from calscim.planner.observed_state import OrgMember, TeamMember
from calscim.planner.policy import Policy
from calscim.planner.roles import Role
from calscim.planner.safeguards.preflight import find_protection
from tests.planner.world import (
    ADMIN,
    ME,
    MEMBER,
    OWNER,
)


def org(role: Role = MEMBER, email: str = "ann@acme.com", user: int = 101) -> OrgMember:
    return OrgMember(MembershipId(5), CalUserId(user), email, "", "", role, True)


def seat(role: Role = MEMBER) -> TeamMember:
    return TeamMember(MembershipId(9), CalUserId(101), role, True)


DEPROVISION = DeprovisionUser("ann@acme.com", "", cal_user=CalUserId(101))
REMOVE = RemoveMember(
    "ann@acme.com", "", cal_user=CalUserId(101), team=TeamId(7), observed_role=MEMBER
)
DEMOTE = ChangeTeamRole(
    "ann@acme.com",
    "",
    cal_user=CalUserId(101),
    team=TeamId(7),
    role=MEMBER,
    observed_role=ADMIN,
)
DEMOTE_HERE = ChangeOrgRole(
    "ann@acme.com", "", cal_user=CalUserId(101), role=MEMBER, observed_role=ADMIN
)
PROTECTED = Policy("acme", protected=frozenset({"ann@acme.com"}))


@pytest.mark.parametrize(
    ("action", "person", "member", "reason"),
    [
        (DEPROVISION, org(), None, None),
        (DEPROVISION, org(ADMIN), None, None),
        (DEPROVISION, org(OWNER), None, "an owner of the organization"),
        (DEPROVISION, None, None, "did not see the person in the organization"),
        (DEMOTE_HERE, org(ADMIN), None, None),
        (DEMOTE_HERE, org(OWNER), None, "an owner of the organization"),
        (DEMOTE_HERE, None, None, "did not see the person in the organization"),
        (REMOVE, org(), seat(), None),
        (REMOVE, None, seat(), None),
        (REMOVE, org(OWNER), seat(), None),
        (REMOVE, org(), seat(OWNER), "became an owner of the team"),
        (REMOVE, org(), None, "did not see the person on the team"),
        (replace(REMOVE, observed_role=OWNER), org(), seat(OWNER), None),
        (DEMOTE, org(), seat(ADMIN), None),
        (DEMOTE, org(), seat(OWNER), "became an owner of the team"),
    ],
)
def test_the_last_check_names_the_protection(action: Action, person, member, reason: str | None):
    found = find_protection(action, person, member, ME, Policy("acme"))

    assert found is None if reason is None else reason in str(found)


@pytest.mark.parametrize("action", [DEPROVISION, REMOVE, DEMOTE, DEMOTE_HERE])
def test_the_last_check_keeps_the_keys_own_user_and_protected_people(action: Action):
    person, member = org(ADMIN), seat(ADMIN)

    assert "API key" in str(find_protection(action, person, member, CalUserId(101), Policy("acme")))
    assert find_protection(action, person, member, ME, PROTECTED) == "on the protected list"
    assert (
        find_protection(action, replace(person, email="x@y"), member, ME, PROTECTED)
        == "on the protected list"
    )
    other = replace(action, email="other@acme.com")
    assert (
        find_protection(other, replace(person, email="ANN@acme.com"), member, ME, PROTECTED)
        == "on the protected list"
    )


@pytest.mark.parametrize(
    "action",
    [
        CreateUser("ann@acme.com", ""),
        AttachUser("ann@acme.com", "", cal_user=CalUserId(101)),
        ChangeAddress("ann@acme.com", "", cal_user=CalUserId(101)),
        AddMember("ann@acme.com", "", cal_user=CalUserId(101), team=TeamId(7)),
    ],
)
def test_the_last_check_allows_every_action_that_removes_nothing(action: Action):
    assert find_protection(action, org(OWNER), seat(OWNER), CalUserId(101), PROTECTED) is None


def test_the_last_check_allows_a_promotion():
    raised = replace(DEMOTE, role=OWNER)

    assert find_protection(raised, org(), seat(), CalUserId(101), PROTECTED) is None
