"""Attributes of people: calscim sets, changes, clears, and repairs only those of the table."""

from dataclasses import replace

import pytest

from calscim.planner.actions import Kind, State
from calscim.planner.attributes.table import attributes_without_options, find_attribute
from calscim.planner.modes import PeopleMode, Provision
from calscim.planner.observed_state import AttributeType
from tests.planner.display import show, waits
from tests.planner.world import world

TEXT, NUMBER = AttributeType.TEXT, AttributeType.NUMBER
SINGLE, MULTI = AttributeType.SINGLE_SELECT, AttributeType.MULTI_SELECT


def ann(kind=TEXT, *options, create_options=False, **data):
    """Return a world with one person, one attribute, and one row in the table."""
    w = world().user("ann").attribute("department", kind, *options)
    return w.rule("department", "department", create_options=create_options).says("ann", **data)


def settle(w, most=20):
    """Plan and apply until no action runs; return the number of actions."""
    for count in range(most):
        plan = w.plan()
        w.note(plan)
        running = [action for action in plan.actions if action.state is State.RUN]
        if not running:
            return count
        w.apply(running[0])
    raise AssertionError(f"does not settle: {show(w.plan())}")


# ------------------------------------------------------------------ set, changed, cleared


@pytest.mark.parametrize("kind", [TEXT, SINGLE, MULTI])
def test_a_value_that_is_missing_is_set(kind):
    w = ann(kind, "Sales", department="Sales")

    assert show(w.plan()) == ["user.update ann assign department Sales"]
    assert w.plan().actions[0].reason == 'department: nothing -> "Sales" (journal 2)'
    settle(w)
    assert w.values("ann", "department") == ["Sales"]


@pytest.mark.parametrize("kind", [TEXT, SINGLE])
def test_a_changed_value_is_removed_before_the_new_one_is_assigned(kind):
    w = ann(kind, "Sales", "Marketing", department="Sales")
    settle(w)
    w.says("ann", department="Marketing")

    assert show(w.plan()) == [
        "user.update ann unassign department Sales",
        "user.update ann assign department Marketing",
    ]
    assert [one.reason for one in w.plan().actions] == [
        'department: "Sales" -> "Marketing" (journal 3); removes "Sales"',
        'department: "Sales" -> "Marketing" (journal 3); assigns "Marketing"',
    ]
    settle(w)
    assert w.values("ann", "department") == ["Marketing"]


def test_only_the_difference_of_a_multi_select_is_sent():
    w = ann(MULTI, "a", "b", "c", department=["a", "b"])
    settle(w)
    w.says("ann", department=["b", "c"])

    assert show(w.plan()) == [
        "user.update ann unassign department a",
        "user.update ann assign department c",
    ]


def test_a_value_that_the_directory_cleared_is_removed():
    w = ann(department="Sales")
    settle(w)
    w.says("ann")

    assert w.plan().actions[0].reason == 'department: "Sales" -> nothing (journal 3)'
    settle(w)
    assert w.values("ann", "department") == []


def test_a_value_that_the_directory_never_gave_stays():
    w = ann().holds("ann", "department", "Sales")

    assert show(w.plan()) == []


def test_a_value_that_was_there_already_may_be_cleared_later():
    w = ann(department="Sales").holds("ann", "department", "Sales")
    assert settle(w) == 0

    w.says("ann")

    assert show(w.plan()) == ["user.update ann unassign department Sales"]


def test_what_was_cleared_and_is_set_by_hand_then_stays():
    w = ann(department="Sales")
    settle(w)
    settle(w.says("ann"))

    assert show(w.holds("ann", "department", "Sales").plan()) == []


def test_a_value_removed_on_both_sides_is_forgotten():
    w = ann(department="Sales")
    settle(w)
    w.says("ann").holds("ann", "department")
    assert settle(w) == 0

    assert show(w.holds("ann", "department", "Sales").plan()) == []


# ------------------------------------------------------------------ drift and modes


def test_a_value_changed_by_hand_is_corrected():
    w = ann(department="Sales")
    settle(w)
    w.holds("ann", "department", "Other")

    plan = w.plan()

    assert show(plan) == [
        "user.update ann unassign department Other drift",
        "user.update ann assign department Sales drift",
    ]
    assert "; the value was changed in Cal.com; removes" in plan.actions[0].reason


def test_a_value_removed_by_hand_is_assigned_again():
    w = ann(MULTI, "a", "b", department=["a", "b"])
    settle(w)

    assert show(w.holds("ann", "department", "b").plan()) == [
        "user.update ann assign department a drift"
    ]


def policy(w, **changes):
    w.policy = replace(w.policy, **changes)
    return w


def test_observing_only_reports():
    w = policy(ann(department="Sales"), people=PeopleMode.OBSERVE)

    assert show(w.plan()) == ["user.update ann assign department Sales [observed]"]


def test_add_only_fills_and_neither_clears_nor_replaces():
    w = policy(ann(department="Sales"), people=PeopleMode.ADD_ONLY)
    settle(w)
    assert w.values("ann", "department") == ["Sales"]

    assert {one.state for one in w.says("ann", department="Marketing").plan().actions} == {
        State.OBSERVED
    }
    assert {one.state for one in w.says("ann").plan().actions} == {State.OBSERVED}


def test_add_only_adds_to_a_selection_of_many():
    w = policy(ann(MULTI, "a", "b", department="b"), people=PeopleMode.ADD_ONLY)

    assert show(w.holds("ann", "department", "a").plan()) == [
        "user.update ann unassign department a [observed]",
        "user.update ann assign department b",
    ]


def test_a_paused_directory_sends_no_attributes():
    w = ann(department="Sales").pause(directory="okta")

    assert show(w.plan()) == ["user.update ann assign department Sales [paused]"]


# ------------------------------------------------------------------ whom


def test_attributes_are_not_set_on_users_that_the_provider_has_not_written_to():
    assert show(ann(department="Sales").change("ann", managed=False).plan()) == []


def test_attributes_are_not_set_on_inactive_or_deleted_users():
    kinds = [one.kind for one in ann(department="Sales").change("ann", active=False).plan().actions]

    assert kinds == [Kind.DEPROVISION]


def test_attributes_are_not_set_on_people_who_get_no_membership():
    w = policy(ann(department="Sales"), provision_people=Provision.MAPPED)

    assert show(w.plan()) == ["user.deprovision ann"]


def test_attributes_wait_until_the_invitation_is_accepted():
    w = world().user("ann", accepted=False).attribute("department")
    w.rule("department", "department").says("ann", department="Sales")

    assert show(w.plan()) == []
    assert "ann" in waits(w.plan())


def test_attributes_of_an_invited_person_come_last_in_the_same_plan():
    w = world().user("ann", account=False).group("g", "ann").map("g", 1).attribute("department")
    w.rule("department", "department").says("ann", department="Sales")

    assert show(w.plan()) == [
        "user.create ann MEMBER",
        "member.add ann T1 MEMBER",
        "user.update ann assign department Sales",
    ]


def test_a_pass_over_one_person_changes_only_that_person():
    w = ann(department="Sales").user("bob").says("bob", department="Sales")

    assert show(w.plan(users=["bob"])) == ["user.update bob assign department Sales"]


# ------------------------------------------------------------------ options


def test_a_missing_option_is_reported_and_the_old_value_stays():
    w = ann(SINGLE, "Sales", department="Sales")
    settle(w)
    w.says("ann", department="Marketing")

    assert show(w.plan()) == []
    assert 'has no option "Marketing"' in waits(w.plan())["ann"]
    assert w.values("ann", "department") == ["Sales"]


def test_a_missing_option_is_created_once_if_the_table_allows_it():
    w = ann(SINGLE, create_options=True, department="Sales")
    w.user("bob").says("bob", department="Sales")

    assert show(w.plan()) == [
        "user.update ann option department Sales",
        "user.update ann assign department Sales",
        "user.update bob assign department Sales",
    ]
    backwards = world()
    backwards.__dict__.update(w.__dict__)
    backwards.users = dict(reversed(list(w.users.items())))
    assert show(backwards.plan()) == show(w.plan())
    settle(w)
    assert w.values("bob", "department") == ["Sales"]


def test_the_existing_options_of_a_multi_select_are_assigned():
    w = ann(MULTI, "a", department=["a", "b"])

    assert show(w.plan()) == ["user.update ann assign department a"]
    assert 'no option "b"' in waits(w.plan())["ann"]


def test_options_are_read_only_for_selects_that_lack_one():
    w = ann(SINGLE, "a", department="a").attribute("title").rule("title", "title")
    attributes = list(w.attributes.values())

    assert attributes_without_options(w.directory, w.policy, attributes) == []
    w.says("ann", department="b", title="x")
    assert [one.name for one in attributes_without_options(w.directory, w.policy, attributes)] == [
        "department"
    ]


# ------------------------------------------------------------------ what is not known


def test_attributes_that_could_not_be_read_change_nothing_and_a_note_says_so():
    w = ann(department="Sales")
    w.attributes_gap = "403"

    assert show(w.plan()) == []
    assert w.plan().notes == ("calscim changes no attributes: 403",)
    assert w.plan().incomplete == ()


def test_people_that_could_not_be_read_change_nothing():
    w = ann(department="Sales")
    w.people_gap = "timeout"

    assert show(w.plan()) == []


def test_attributes_that_cal_com_does_not_show_are_not_changed():
    w = ann(department="Sales")
    account = w.accounts["ann"]
    w.people[account] = replace(w.people[account], attributes=None)

    assert show(w.plan()) == []
    assert "does not show the attributes of 1 person" in w.plan().notes[0]


def test_an_attribute_that_cal_com_does_not_have_is_reported():
    w = world().user("ann").attribute("team").rule("title", "titel").says("ann", title="x")

    assert show(w.plan()) == []
    assert w.plan().notes == (
        "Cal.com has no attribute titel: create it in Cal.com, or correct the table; Cal.com has: team",
    )


def test_the_first_of_two_rows_for_one_attribute_counts():
    w = ann(department="Sales").rule("title", "Department").says("ann", title="x", department="y")

    assert show(w.plan()) == ["user.update ann assign department y"]
    assert "two rows of the table name" in w.plan().notes[0]


def test_a_text_for_a_number_is_reported():
    w = ann(NUMBER, department="many")

    assert show(w.plan()) == []
    assert "takes a number" in waits(w.plan())["ann"]


def test_a_number_is_the_same_however_it_is_written():
    w = ann(NUMBER, department="12.50").holds("ann", "department", "12.5")

    assert show(w.plan()) == []


def test_an_attribute_is_matched_by_slug_by_name_or_in_any_case():
    w = world().attribute("Cost Center").attribute("team")
    every = [replace(one, slug=one.name.lower().replace(" ", "-")) for one in w.attributes.values()]

    for wanted in ("cost-center", "Cost Center", "COST CENTER"):
        assert find_attribute(every, wanted).name == "Cost Center"
    assert "2 attributes called TEAM" in find_attribute([*every, replace(every[1], id="2")], "TEAM")
