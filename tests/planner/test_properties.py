"""Properties of every plan: nothing is removed wrongly, the order of reading does not matter, and it ends."""

import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from calscim.planner.actions import ChangeAddress, Kind, State, role_of, team_of
from calscim.planner.context import PlanInputs
from calscim.planner.desired_state import DesiredState
from calscim.planner.modes import Mode, PeopleMode, Provision
from calscim.planner.observed_state import ObservedState
from calscim.planner.planner import propose
from calscim.planner.policy import Policy
from calscim.planner.roles import Role
from calscim.planner.safeguards.limits import Guards, Limit
from calscim.planner.safeguards.limits_check import hold_over_limits
from tests.planner.world import ME, MEMBER, OWNER, PlannerWorld, address, world

NAMES = ["ann", "bob", "cyd", "dan", "eve"]
STRANGERS = ["x1", "x2"]
GROUPS = ["A", "B", "C"]
TEAMS = [7, 8]
MODES = st.sampled_from(list(Mode))
ROLES = st.sampled_from(list(Role))
MANY = settings(max_examples=100, derandomize=True, suppress_health_check=list(HealthCheck))


@st.composite
def worlds(draw: st.DrawFn) -> PlannerWorld:
    """Generate worlds with several directories, unlinked people, hand-made members, and deleted groups."""
    w = world()
    for name in STRANGERS:
        w.account(name, role=draw(ROLES), accepted=draw(st.booleans()))
    for name in NAMES:
        account = draw(st.booleans())
        w.user(
            name,
            account=account,
            linked=draw(st.booleans()),
            managed=draw(st.integers(0, 3)) > 0,
            directory=draw(st.sampled_from(["okta", "entra"])),
            email=draw(st.sampled_from([None, None, None, None, "x1", "shared", ""])),
            **({"role": draw(ROLES), "accepted": draw(st.integers(0, 4)) > 0} if account else {}),
        )
    for group in GROUPS:
        w.group(group, *draw(st.lists(st.sampled_from(NAMES), unique=True)))
    for _ in range(draw(st.integers(0, 5))):
        w.map(
            draw(st.sampled_from([*GROUPS, "unpushed"])),
            draw(st.sampled_from([*TEAMS, *TEAMS, None])),
            draw(MODES),
            draw(ROLES),
            draw(st.sampled_from(["okta", "entra"])),
        )
    numbers = list(range(1, len(w.mappings) + 1)) or [99]
    for team in TEAMS:
        known = sorted(w.accounts.keys() - {"me"})
        for name in draw(st.lists(st.sampled_from(known), unique=True)):
            if w.accounts[name] not in w.people:
                continue
            w.on(
                team,
                name,
                role=draw(ROLES),
                ledger=draw(st.sampled_from([None, "found", "adopted", "added", "added"]))
                if name in NAMES
                else None,
                given=draw(ROLES),
                mappings=(draw(st.sampled_from(numbers)),),
                mode=draw(MODES),
                accepted=draw(st.integers(0, 4)) > 0,
            )
        w.on(team, "me", role=draw(ROLES))
    for name in NAMES:
        if numbers and name in w.accounts and draw(st.booleans()):
            w.office(name, (draw(st.sampled_from(numbers)),), draw(MODES), draw(ROLES))
    _history(draw, w)
    w.policy = Policy(
        "acme",
        protected=frozenset(
            draw(st.sets(st.sampled_from([address(name) for name in NAMES]), max_size=2))
        ),
        people=draw(st.sampled_from([PeopleMode.MANAGED, PeopleMode.MANAGED, *PeopleMode])),
        provision_people=draw(st.sampled_from(list(Provision))),
    )
    return w


def _history(draw: st.DrawFn, w: PlannerWorld) -> None:
    for step in draw(
        st.lists(
            st.sampled_from(["leave", "off", "depart", "ungroup", "unmap", "rename", "absent"]),
            max_size=6,
        )
    ):
        name, group = draw(st.sampled_from(NAMES)), draw(st.sampled_from(GROUPS))
        match step:
            case "leave" if group in w.members:
                w.leave(group, name)
            case "off" if name in w.users:
                w.change(name, active=False)
            case "depart" if name in w.users:
                w.depart(name)
            case "ungroup" if group in w.members:
                w.delete_group(group)
            case "unmap" if w.mappings:
                w.unmap(draw(st.integers(1, len(w.mappings))))
            case "rename" if name in w.users:
                w.change(name, email=draw(st.sampled_from([*NAMES, "new"])))
            case "absent" if name in w.accounts and name in w.users:
                for team in TEAMS:
                    w.off(team, name)
                w.absent(name, draw(st.sampled_from([1, 3])))


def taking(w: PlannerWorld) -> list:
    """Return the actions that would run and remove or demote."""
    return [
        action
        for action in w.plan().actions
        if action.state is State.RUN
        and (
            action.kind in (Kind.REMOVE, Kind.DEPROVISION)
            or (action.kind is Kind.ROLE and action.role.rank < action.observed_role.rank)
        )
    ]


@MANY
@given(worlds())
def test_the_keys_own_user_owners_and_protected_people_never_have_less(w: PlannerWorld):
    for action in taking(w):
        person = w.people[action.cal_user]
        assert action.cal_user != ME
        assert person.email.casefold() not in w.policy.protected
        assert action.email.casefold() not in w.policy.protected
        if team_of(action) is None:
            assert person.role is not OWNER
        elif w.teams[team_of(action)][action.cal_user].role is OWNER:
            edge = w.ledger[team_of(action), action.cal_user]
            assert (edge.origin, edge.role) == ("added", OWNER)


@settings(MANY, max_examples=400)
@given(worlds())
def test_protected_people_stay_while_the_organization_could_not_be_read(w: PlannerWorld):
    for name in ("ann", "bob"):
        if name in w.accounts:
            w.policy = replace(w.policy, protected=w.policy.protected | {address(name)})
    w.unread()

    for action in taking(w):
        assert w.people[action.cal_user].email.casefold() not in w.policy.protected


@MANY
@given(worlds())
def test_the_organization_always_keeps_an_administrator(w: PlannerWorld):
    for name, account in w.accounts.items():
        if account in w.people:
            role = Role.ADMIN if name in ("ann", "bob") else MEMBER
            w.people[account] = replace(w.people[account], role=role)
    assume(any(one.accepted and one.role is not MEMBER for one in w.people.values()))
    for name in {"ann", "bob"} & w.users.keys():
        w.change(name, active=False)

    for action in taking(w):
        if team_of(action) is None:
            w.apply(action)

    assert any(one.accepted and one.role is not MEMBER for one in w.people.values())


@MANY
@given(worlds())
def test_nothing_runs_in_a_paused_organization(w: PlannerWorld):
    w.pause()

    assert not [one for one in w.plan().actions if one.state is State.RUN]


@MANY
@given(worlds(), st.sampled_from([Mode.OBSERVE, Mode.ADD_ONLY]))
def test_add_only_invites_people_and_observe_only_reports(w: PlannerWorld, mode: Mode):
    w.mappings = [replace(mapping, mode=mode) for mapping in w.mappings]
    w.policy = replace(w.policy, people=PeopleMode(mode.value))

    kinds = {one.kind for one in w.plan().actions if one.state is State.RUN}

    adds = {Kind.CREATE, Kind.ATTACH, Kind.ADD, Kind.ACCEPT} if mode is Mode.ADD_ONLY else set()
    assert kinds <= adds


@MANY
@given(worlds())
def test_there_is_one_action_for_each_person_and_place(w: PlannerWorld):
    actions = [one for one in w.plan().actions if team_of(one) is not None]

    # A pending membership with another role is accepted and changed.
    places = [(team_of(one), one.cal_user or one.user, one.kind is Kind.ACCEPT) for one in actions]

    assert len(set(places)) == len(places)


@MANY
@given(worlds())
def test_a_person_that_no_provider_wrote_to_or_that_one_keeps_active_is_not_deprovisioned(
    w: PlannerWorld,
):
    for action in taking(w):
        if action.kind is not Kind.DEPROVISION:
            continue
        linked = {user for user, link in w.links.items() if link.cal_user == action.cal_user}
        mail = w.people[action.cal_user].email.casefold()
        users = [
            one for one in w.users.values() if one.id in linked or one.email.casefold() == mail
        ]
        gone = [w.deleted_users[one] for one in linked if one in w.deleted_users]
        assert any(one.managed for one in [*users, *gone])
        if w.policy.provision_people is Provision.ASSIGNED:
            mine = [one for one in users if one.id in linked]
            assert not any(one.managed and one.active for one in mine)


@MANY
@given(worlds())
def test_members_calscim_neither_added_nor_adopted_leave_only_exclusive_teams(w: PlannerWorld):
    exclusive = {m.team for m in w.mappings if m.mode is Mode.EXCLUSIVE and m.removed_seq is None}
    for action in taking(w):
        if action.kind is Kind.REMOVE and team_of(action) not in exclusive:
            assert w.ledger[team_of(action), action.cal_user].is_owned


@MANY
@given(worlds())
def test_every_removal_names_a_membership_that_was_seen(w: PlannerWorld):
    for action in taking(w):
        place = w.people if team_of(action) is None else w.teams[team_of(action)]
        assert action.membership == place[action.cal_user].membership


@MANY
@given(worlds(), st.sets(st.sampled_from(TEAMS)), st.booleans())
def test_nothing_is_taken_where_a_side_could_not_be_read(
    w: PlannerWorld, teams: set[int], people: bool
):
    for team in teams:
        w.unread(team)
    if people:
        w.unread()

    planned = w.plan()

    for action in planned.actions:
        assert team_of(action) not in teams
        if people:
            assert team_of(action) is not None
            if action.kind is Kind.REMOVE:
                assert (
                    w.ledger[team_of(action), action.cal_user].origin == "added"
                    or action.state is not State.RUN
                )
    assert len(planned.incomplete) == len([t for t in teams if t in w.teams]) + people


@MANY
@given(worlds())
def test_an_action_without_a_journal_row_is_called_drift(w: PlannerWorld):
    for action in w.plan().actions:
        assert action.drift or action.provenance is not None
        assert action.reason


def shuffled(w: PlannerWorld, rng: random.Random) -> tuple[DesiredState, ObservedState]:
    def mix(mapping: dict) -> dict:
        items = list(mapping.items())
        rng.shuffle(items)
        return dict(items)

    directory, observed = w.directory, w.observed
    mappings = list(directory.mappings)
    rng.shuffle(mappings)
    directory = replace(
        directory,
        users=mix(directory.users),
        deleted_users=mix(directory.deleted_users),
        members={group: mix(members) for group, members in mix(directory.members).items()},
        former=mix(directory.former),
        links=mix(directory.links),
        ledger=mix(directory.ledger),
        mappings=tuple(mappings),
    )
    teams = {t: replace(read, value=mix(read.value)) for t, read in mix(observed.teams).items()}
    people = replace(observed.people, value=mix(observed.people.value))
    return directory, replace(observed, people=people, teams=teams)


@MANY
@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_reading_does_not_matter(w: PlannerWorld, rng: random.Random):
    directory, observed = shuffled(w, rng)

    other = propose(PlanInputs(directory, observed, w.policy, absences=w.missed))
    for field in ("actions", "waiting", "incomplete", "in_place", "links", "notes", "hash"):
        assert getattr(other, field) == getattr(w.plan(), field)


def name_of(action) -> tuple:
    """Identify an action by its effect: an account that was created meanwhile has an id now."""
    return (
        action.kind,
        team_of(action),
        action.user or action.cal_user,
        role_of(action),
        action.state,
        action.drift,
    )


def _of_another(w: PlannerWorld, user: str, email: str) -> bool:
    link = w.links.get(user)
    holders = [one.user for one in w.people.values() if one.email.casefold() == email.casefold()]
    return link is not None and any(holder != link.cal_user for holder in holders)


@MANY
@given(worlds())
def test_when_one_action_is_done_exactly_the_rest_is_left(w: PlannerWorld):
    first = w.plan()
    w.note(first)
    running = [action for action in first.actions if action.state is State.RUN]
    addresses = [one.email.casefold() for one in (*w.users.values(), *w.deleted_users.values())]
    assume(running)
    assume(running[0].kind is not Kind.ATTACH)  # opens the way to teams
    assume(
        len(set(addresses)) == len(addresses)
    )  # an address that gets free opens the way to another
    assume(not any(_of_another(w, one.id, one.email) for one in w.users.values()))

    w.apply(running[0])

    before = sorted(str(name_of(one)) for one in running[1:])
    after = sorted(str(name_of(one)) for one in w.plan().actions if one.state is State.RUN)
    assert after == before


@MANY
@given(worlds())
def test_plans_come_to_an_end(w: PlannerWorld):
    for _ in range(4):
        planned = w.plan()
        w.note(planned)
        running = [action for action in planned.actions if action.state is State.RUN]
        if not running:
            break
        for action in running:
            if team_of(action) is None or action.cal_user in w.people or action.cal_user is None:
                w.apply(action)
    assert [one for one in w.plan().actions if one.state is State.RUN] == []


@MANY
@given(worlds())
def test_what_was_noted_is_not_noted_again(w: PlannerWorld):
    w.note(w.plan())

    again = w.plan()

    assert again.links == ()
    assert all(edge is w.ledger[edge.team, edge.cal_user] for edge in again.in_place)


@MANY
@given(worlds(), st.sets(st.sampled_from(NAMES)))
def test_a_plan_for_some_people_is_a_part_of_the_plan_for_all(w: PlannerWorld, names: set[str]):
    whole = {name_of(one) for one in w.plan().actions}

    part = w.plan(users=names).actions

    administrators = {one for one in part if one.kind in (Kind.REMOVE, Kind.ROLE)}
    assert {name_of(one) for one in part if one not in administrators} <= whole


@MANY
@given(worlds(), st.sets(st.sampled_from(TEAMS)))
def test_a_plan_for_some_teams_is_the_plan_for_all_without_the_others(
    w: PlannerWorld, teams: set[int]
):
    whole = [one for one in w.plan().actions if team_of(one) is None or team_of(one) in teams]

    assert list(w.plan(teams=teams).actions) == whole


@MANY
@given(worlds(), st.integers(0, 100))
def test_guards_hold_only_removals_demotions_and_new_addresses_of_owners(
    w: PlannerWorld, percent: int
):
    limit = Limit(percent=percent)
    planned = w.plan()

    guarded = hold_over_limits(planned, w.context(guards=Guards(limit, limit, limit, limit)))

    assert len(guarded.actions) == len(planned.actions)
    for before, after in zip(planned.actions, guarded.actions, strict=True):
        if after.state is State.HELD:
            assert before.state is State.RUN
            assert after.guard
            if isinstance(before, ChangeAddress):
                assert before.observed_role is OWNER or before.cal_user == ME
            else:
                assert before in taking(w)
        else:
            assert before == after


@pytest.mark.parametrize("role", [MEMBER])
def test_an_empty_world_needs_nothing(role: Role):
    assert world().plan().actions == ()
    assert role is MEMBER
