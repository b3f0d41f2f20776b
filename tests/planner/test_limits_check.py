"""What one pass may take away: limits, held sets, approvals, and the last look before each call."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calscim.planner.action_key import digest
from calscim.planner.actions import (
    Action,
    AddMember,
    AttachUser,
    ChangeAddress,
    ChangeOrgRole,
    ChangeTeamRole,
    CreateUser,
    DeprovisionUser,
    Kind,
    RemoveMember,
    State,
)
from calscim.planner.ids import CalUserId, MembershipId, TeamId
from calscim.planner.observed_state import OrgMember, TeamMember
from calscim.planner.policy import Policy
from calscim.planner.roles import Role
from calscim.planner.safeguards.holds import held_sets
from calscim.planner.safeguards.limits import Guards, Limit
from calscim.planner.safeguards.limits_check import hold_over_limits
from calscim.planner.safeguards.preflight import find_protection
from tests.planner.world import (
    ADMIN,
    EXCLUSIVE,
    MANAGED,
    ME,
    MEMBER,
    OWNER,
    PlannerWorld,
    show,
    world,
)


def states(plan, kind: Kind = Kind.REMOVE) -> list[str]:
    return [action.state.value for action in plan.actions if action.kind is kind]


def team_of(size: int, leavers: int, strangers: int = 0) -> PlannerWorld:
    """An exclusive team of that size: so many left the group, so many were put there by hand."""
    w = world().group("S").map("S", 7, EXCLUSIVE)
    for number in range(size - strangers):
        name = f"u{number:02}"
        w.user(name).join("S", name).on(7, name, ledger="added", mode=EXCLUSIVE)
        if number < leavers:
            w.leave("S", name)
    for number in range(strangers):
        w.account(f"x{number:02}").on(7, f"x{number:02}")
    return w


def wide(w: PlannerWorld, **limits: object) -> PlannerWorld:
    """No limit but those given."""
    everything = Limit(count=10_000)
    w.guards = replace(Guards(everything, everything, everything, everything), **limits)
    return w


# -------------------------------------------------------------------- limits


@pytest.mark.parametrize(
    ("count", "percent", "size", "least", "limit"),
    [
        (None, 30, 10, 5, 3),
        (None, 30, 9, 5, 2),
        (None, 30, 4, 5, 1),
        (None, 30, 0, 5, 1),
        (None, 30, 1, 5, 1),
        (None, 10, 5, 5, 1),
        (None, 5, 20, 20, 1),
        (None, 5, 39, 20, 1),
        (None, 5, 40, 20, 2),
        (None, 20, 3, 20, 4),
        (None, 29, 100, 5, 29),
        (None, 7, 100, 5, 7),
        (None, 0.1, 1000, 5, 1),
        (None, 0.1, 100_000, 5, 100),
        (None, 12.5, 80, 5, 10),
        (None, 100, 8, 5, 8),
        (None, 0, 100, 5, 1),
        (3, None, 1000, 5, 3),
        (0, None, 1000, 5, 0),
        (3, 30, 100, 5, 3),
        (30, 3, 100, 5, 3),
        (0, 30, 100, 5, 0),
    ],
)
def test_a_limit(count: int | None, percent: float | None, size: int, least: int, limit: int):
    assert Limit(count, percent).of(size, least) == limit


@given(st.floats(0, 100), st.integers(0, 10_000), st.integers(0, 100))
def test_a_percentage_is_at_least_one_and_never_more_than_its_share(
    percent: float, size: int, least: int
):
    limit = Limit(percent=percent).of(size, least)

    assert limit >= 1
    assert limit == 1 or limit <= percent * max(size, least) / 100 + 1e-6


def test_a_limit_without_a_number_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        Limit()


@pytest.mark.parametrize(
    ("limit", "words"), [(Limit(3), "3"), (Limit(percent=2.5), "2.5%"), (Limit(3, 20), "3 or 20%")]
)
def test_a_limit_in_words(limit: Limit, words: str):
    assert str(limit) == words


# -------------------------------------------------------------------- a team's removals


@pytest.mark.parametrize(
    ("size", "leavers", "held"),
    [
        (10, 3, False),
        (10, 4, True),
        (4, 1, False),
        (4, 2, True),
        (20, 4, False),
        (20, 7, True),
        (1, 1, False),
    ],
)
def test_a_teams_removals_are_held_as_a_whole_over_its_limit(size: int, leavers: int, held: bool):
    plan = team_of(size, leavers).guarded()

    assert states(plan) == ["held" if held else "run"] * leavers


def test_a_hold_names_the_team_the_numbers_and_the_limit():
    plan = team_of(10, 4).guarded()

    assert plan.actions[0].guard == (
        "4 members of 10 would leave T7 (team 7) at once; max_removals_per_team (30%) allows 3"
    )


def test_other_teams_go_on_while_one_is_held():
    w = (
        team_of(20, 8)
        .group("B", "u19")
        .map("B", 8)
        .user("bob")
        .on(8, "bob", ledger="added", mappings=(2,))
        .on(8, "me")
    )
    wide(w, max_removals_per_team=Limit(percent=30))
    w.join("B", "bob").leave("B", "bob")

    plan = w.guarded()

    assert [action.state for action in plan.actions if getattr(action, "team", None) == 8] == [
        State.RUN,
        State.RUN,
    ]
    assert [action.state for action in plan.actions if getattr(action, "team", None) == 7] == [
        State.HELD
    ] * 8


def test_adds_are_never_held():
    w = team_of(10, 9)
    for number in range(50):
        w.user(f"n{number}").join("S", f"n{number}")

    plan = w.guarded()

    assert states(plan, Kind.ADD) == ["run"] * 50
    assert set(states(plan)) == {"held"}


@pytest.mark.parametrize(("strangers", "held"), [(1, False), (2, True)])
def test_drift_has_a_limit_of_its_own(strangers: int, held: bool):
    w = wide(team_of(12, 2, strangers), drift_removals=Limit(percent=10))

    plan = w.guarded()

    assert states(plan) == ["run", "run"] + ["held" if held else "run"] * strangers
    assert not held or "although no push asked for that; drift_removals" in str(
        plan.actions[-1].guard
    )


def test_drift_counts_against_the_teams_limit_too():
    w = wide(team_of(10, 3, 1), max_removals_per_team=Limit(percent=30))

    assert states(w.guarded()) == ["held"] * 4


def test_a_percentage_of_a_small_team_is_taken_of_the_least_size():
    w = team_of(3, 2)
    w.guards = replace(w.guards, min_team_size=10)

    assert states(w.guarded()) == ["run", "run"]


def test_observed_and_paused_removals_count_for_nothing():
    w = team_of(10, 4).pause(team=7)

    assert states(w.guarded()) == ["paused"] * 4


# -------------------------------------------------------------------- the organization


def two_teams(leavers: int) -> PlannerWorld:
    w = world()
    for team, group in ((7, "A"), (8, "B")):
        w.group(group).map(group, team)
        for number in range(20):
            name = f"{group}{number:02}"
            w.user(name).join(group, name).on(team, name, ledger="added", mappings=(team - 6,))
            if number < leavers:
                w.leave(group, name)
    return w


@pytest.mark.parametrize(("leavers", "held"), [(4, False), (5, True)])
def test_the_organizations_removals_are_held_as_a_whole_over_its_limit(leavers: int, held: bool):
    plan = two_teams(leavers).guarded()

    assert states(plan) == ["held" if held else "run"] * 2 * leavers
    assert not held or plan.actions[0].guard == (
        "10 team memberships of 40 would end at once; max_removals_per_organization (20%) allows 8"
    )


@pytest.mark.parametrize(
    ("people", "leavers", "held"), [(19, 1, False), (19, 2, True), (39, 2, False), (39, 3, True)]
)
def test_deprovisions_are_held_as_a_whole_over_their_limit(people: int, leavers: int, held: bool):
    w = world()
    for number in range(people):
        w.user(f"u{number:02}", active=number >= leavers)

    plan = w.guarded()

    assert states(plan, Kind.DEPROVISION) == ["held" if held else "run"] * leavers


def test_a_held_deprovision_says_so():
    w = world().user("a", active=False).user("b", active=False)

    assert w.guarded().actions[0].guard == (
        "2 people of 3 would leave the organization at once; max_deprovisions (5%) allows 1"
    )


def test_the_teams_of_leavers_count_as_removals_there():
    w = team_of(10, 3).user("z").on(7, "z", ledger="added").change("z", active=False)
    w.guards = replace(w.guards, max_removals_per_organization=Limit(100))

    plan = w.guarded()

    assert states(plan, Kind.DEPROVISION) == ["run"]
    assert states(plan) == ["held"] * 3
    assert plan.actions[-1].guard.startswith("4 members of 11")


def test_the_teams_of_held_leavers_do_not_count():
    w = team_of(10, 3)
    for name in ("y", "z"):
        w.user(name).on(7, name, ledger="added").change(name, active=False)
    w.guards = replace(
        w.guards, max_deprovisions=Limit(1), max_removals_per_organization=Limit(100)
    )

    plan = w.guarded()

    assert states(plan, Kind.DEPROVISION) == ["held", "held"]
    assert states(plan) == ["run"] * 3


def test_a_leaver_is_not_held_by_the_limit_of_a_team():
    w = world().group("S", *()).map("S", 7)
    for name in ("a", "b", "c"):
        w.user(name).on(7, name, ledger="added").change(name, active=False)
    w.guards = replace(w.guards, max_deprovisions=Limit(10))

    assert states(w.guarded(), Kind.DEPROVISION) == ["run"] * 3


def test_unreadable_people_make_the_limit_of_deprovisions_the_smallest():
    w = world().user("a", active=False)
    planned = w.plan()
    w.unread()

    assert states(hold_over_limits(planned, w.context(guards=w.guards)), Kind.DEPROVISION) == [
        "run"
    ]


# -------------------------------------------------------------------- demotions


def admins(size: int, lowered: int) -> PlannerWorld:
    w = world().group("S").group("L").map("S", 7).map("L", 7, MANAGED, ADMIN)
    for number in range(size):
        name = f"u{number:02}"
        w.user(name).join("S", name).join("L", name)
        w.on(7, name, role=ADMIN, ledger="added", mappings=(1, 2))
        if number < lowered:
            w.leave("L", name)
    return w


@pytest.mark.parametrize(("lowered", "held"), [(3, False), (4, True)])
def test_demotions_have_the_limit_of_removals_apart_from_these(lowered: int, held: bool):
    plan = admins(10, lowered).guarded()

    assert states(plan, Kind.ROLE) == ["held" if held else "run"] * lowered


def test_raised_roles_are_never_held():
    w = world().group("S").map("S", 7, MANAGED, ADMIN)
    for number in range(10):
        w.user(f"u{number}").join("S", f"u{number}").on(7, f"u{number}", ledger="added")

    assert states(w.guarded(), Kind.ROLE) == ["run"] * 10


def test_demotions_have_the_limit_of_the_organization():
    w = wide(admins(10, 9), max_removals_per_organization=Limit(percent=20))

    plan = w.guarded()

    assert set(states(plan, Kind.ROLE)) == {"held"}
    assert "team roles of 10 would be lowered" in plan.actions[0].guard


def test_demotions_in_the_organization_have_the_limit_of_deprovisions():
    w = world().group("A").map("A", None, MANAGED, MEMBER)
    for name in ("a", "b"):
        w.user(name, role=ADMIN).join("A", name)

    plan = w.guarded()

    assert states(plan, Kind.ROLE) == ["held", "held"]
    assert "would lose their role" in plan.actions[0].guard


# -------------------------------------------------------------------- hashes and approvals


def test_a_plan_with_one_held_set_has_that_sets_hash():
    plan = team_of(10, 4).guarded()

    (held,) = held_sets(plan)

    assert plan.hash == held.hash
    assert len(held.hash) == 16
    assert held.actions == plan.actions


def test_a_plan_with_nothing_held_has_the_hash_of_all_it_does():
    plan = team_of(10, 2).guarded()

    assert held_sets(plan) == ()
    assert plan.hash == digest(plan.actions)


def test_each_limit_has_a_set_of_its_own():
    w = team_of(10, 4)
    for name in ("y", "z"):
        w.user(name, active=False)

    sets = held_sets(w.guarded())

    assert [len(held.actions) for held in sets] == [2, 4]
    assert len({held.hash for held in sets}) == 2


def test_the_hash_of_two_looks_at_one_world_is_the_same():
    assert team_of(10, 4).guarded().hash == team_of(10, 4).guarded().hash


def test_an_unrelated_push_does_not_change_the_hash():
    w = team_of(10, 4)
    before = w.guarded().hash

    w.user("new", account=False).change("u00", email="other").group("X")

    assert w.guarded().hash == before


@pytest.mark.parametrize(
    "happens",
    [
        lambda w: w.leave("S", "u05"),
        lambda w: w.join("S", "u00"),
        lambda w: w.off(7, "u00").on(7, "u00", ledger="added"),
        lambda w: w.off(7, "u00").on(7, "u00", role=ADMIN, ledger="added").on(7, "me", role=OWNER),
    ],
)
def test_the_hash_changes_with_whom_it_is_about(happens):
    w = wide(team_of(10, 4), max_removals_per_team=Limit(1))
    before = w.guarded().hash

    happens(w)

    assert w.guarded().hash != before


def test_an_approved_set_runs():
    w = team_of(10, 4)
    hash_ = w.guarded().hash

    plan = w.guarded(hash_)

    assert states(plan) == ["run"] * 4
    assert {action.guard for action in plan.actions} == {None}


def test_another_hash_releases_nothing():
    assert states(team_of(10, 4).guarded("0123456789abcdef")) == ["held"] * 4


def test_an_approval_is_stale_when_one_more_left():
    w = team_of(10, 4)
    hash_ = w.guarded().hash
    w.leave("S", "u09")

    assert states(w.guarded(hash_)) == ["held"] * 5


def test_one_approved_set_leaves_the_other_held():
    w = team_of(10, 4)
    for name in ("y", "z"):
        w.user(name, active=False)
    deprovisions, removals = held_sets(w.guarded())

    assert states(w.guarded(removals.hash)) == ["run"] * 4
    assert states(w.guarded(removals.hash), Kind.DEPROVISION) == ["held"] * 2
    assert states(w.guarded(deprovisions.hash), Kind.DEPROVISION) == ["run"] * 2


def test_the_hash_of_the_whole_plan_releases_all_that_is_held():
    w = team_of(10, 4)
    for name in ("y", "z"):
        w.user(name, active=False)

    plan = w.guarded(w.guarded().hash)

    assert {action.state for action in plan.actions} == {State.RUN}


def test_what_was_approved_makes_room_in_the_limit_of_the_organization():
    w = two_teams(4)
    for number in range(4, 12):
        w.leave("A", f"A{number:02}")
    w.guards = replace(w.guards, max_removals_per_organization=Limit(10))
    first, second = held_sets(w.guarded())
    assert (len(first.actions), len(second.actions)) == (12, 4)

    assert set(states(w.guarded(first.hash))) == {"run"}


def test_a_later_set_that_was_approved_as_well_is_released_too():
    w = two_teams(8)
    first, second = held_sets(w.guarded())

    assert set(states(w.guarded(first.hash, second.hash))) == {"run"}


@given(
    st.integers(1, 30),
    st.integers(0, 30),
    st.integers(0, 10),
    st.integers(0, 100),
    st.integers(0, 100),
    st.integers(0, 100),
)
def test_no_guard_ever_lets_more_than_its_limit(
    size: int, leavers: int, strangers: int, team: int, organization: int, drift: int
):
    w = team_of(size + strangers, min(leavers, size), strangers)
    w.guards = Guards(
        Limit(percent=team), Limit(percent=organization), Limit(1), Limit(percent=drift)
    )

    running = [
        one for one in w.guarded().actions if one.kind is Kind.REMOVE and one.state is State.RUN
    ]

    members = size + strangers
    assert len(running) <= w.guards.max_removals_per_team.of(members, 5)
    assert len(running) <= w.guards.max_removals_per_organization.of(members, 20)
    assert sum(one.drift for one in running) <= w.guards.drift_removals.of(members, 5)


# -------------------------------------------------------------------- the last look


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
def test_the_last_look(action: Action, person, member, reason: str | None):
    found = find_protection(action, person, member, ME, Policy("acme"))

    assert found is None if reason is None else reason in str(found)


@pytest.mark.parametrize("action", [DEPROVISION, REMOVE, DEMOTE, DEMOTE_HERE])
def test_the_last_look_spares_the_keys_own_user_and_protected_people(action: Action):
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
def test_the_last_look_lets_everything_pass_that_takes_nothing(action: Action):
    assert find_protection(action, org(OWNER), seat(OWNER), CalUserId(101), PROTECTED) is None


def test_the_last_look_lets_a_raised_role_pass():
    raised = replace(DEMOTE, role=OWNER)

    assert find_protection(raised, org(), seat(), CalUserId(101), PROTECTED) is None


def test_a_plan_is_shown_with_its_holds():
    assert show(team_of(4, 2).guarded()) == [
        "member.remove u00 T7 [held]",
        "member.remove u01 T7 [held]",
    ]
