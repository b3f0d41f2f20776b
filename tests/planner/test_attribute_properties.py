"""Properties of plans for attributes, over many generated worlds."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from calscim.planner.actions import ChangeAttribute, Kind, State
from calscim.planner.modes import PeopleMode
from calscim.planner.observed_state import AttributeType
from tests.planner.test_attributes import settle
from tests.planner.world import world

TEXT, NUMBER = AttributeType.TEXT, AttributeType.NUMBER
SINGLE, MULTI = AttributeType.SINGLE_SELECT, AttributeType.MULTI_SELECT

NAMES = ("one", "two", "three")
WORDS = st.lists(st.sampled_from(["1", "2", "3.0", "4"]), unique=True, max_size=3)


@st.composite
def worlds(draw):
    w = world()
    for name in NAMES:
        kind = draw(st.sampled_from(list(AttributeType)))
        w.attribute(name, kind, *draw(WORDS))
        if draw(st.booleans()):
            w.rule(name, name, create_options=draw(st.booleans()))
    for person in ("ann", "bob"):
        account = draw(st.booleans())
        w.user(person, account=account, accepted=draw(st.booleans())) if account else w.user(
            person, account=False
        )
        w.says(person, **{name: draw(WORDS) for name in NAMES})
        if account:
            _by_hand(draw, w, person)
    if draw(st.booleans()):
        w.policy = replace(w.policy, people=draw(st.sampled_from(list(PeopleMode))))
    return w


def _by_hand(draw, w, person):
    for name in NAMES:
        held = draw(WORDS)
        attribute = w.attributes[name]
        if attribute.type.selects:
            held = [value for value in held if value in attribute.options]
        if attribute.type is not MULTI:
            held = held[:1]
        w.holds(person, name, *held)


@settings(max_examples=300)
@given(worlds(), st.data())
def test_applied_step_by_step_the_plan_shrinks_to_nothing_and_only_declared_attributes_are_touched(
    w, data
):
    before = {account: person.attributes for account, person in w.people.items()}
    declared = {rule.to for rule in w.policy.attributes}
    for _ in range(2):
        settle(w, most=60)
        for person in ("ann", "bob"):
            w.says(person, **{name: data.draw(WORDS) for name in NAMES})
    settle(w, most=60)

    assert not [
        one
        for one in w.plan().actions
        if isinstance(one, ChangeAttribute) and one.state is State.RUN
    ]
    for account, held in before.items():
        untouched = {one for one in held or () if one.attribute not in declared}
        after = {one for one in w.people[account].attributes or () if one.attribute not in declared}
        assert after == untouched


@settings(max_examples=200)
@given(worlds())
def test_after_its_first_action_a_plan_is_the_rest_of_itself(w):
    w.note(w.plan())
    plan = w.plan()
    running = [one for one in plan.actions if one.state is State.RUN]
    if not running or running[0].kind is not Kind.UPDATE:
        return

    w.apply(running[0])

    def lines(actions):
        return [
            (one.kind, one.email, one.change.op, one.change.attribute.id, one.change.value)
            for one in actions
        ]

    rest = [one for one in w.plan().actions if one.state is State.RUN]
    assert lines(rest) == lines(running[1:])


@settings(max_examples=100)
@given(worlds(), st.sampled_from(["attributes", "people", "person"]))
def test_what_was_not_read_changes_nothing(w, gap):
    if gap == "attributes":
        w.attributes_gap = "timeout"
    elif gap == "people":
        w.people_gap = "timeout"
    else:
        w.people = {key: replace(one, attributes=None) for key, one in w.people.items()}

    touched = [
        one
        for one in w.plan().actions
        if isinstance(one, ChangeAttribute) and one.cal_user is not None
    ]
    assert touched == []


@settings(max_examples=100)
@given(worlds())
def test_observing_and_adding_only_take_nothing_away(w):
    for mode in (PeopleMode.OBSERVE, PeopleMode.ADD_ONLY):
        w.policy = replace(w.policy, people=mode)
        running = [
            one
            for one in w.plan().actions
            if isinstance(one, ChangeAttribute) and one.state is State.RUN
        ]
        assert all(one.change.op.value != "unassign" for one in running)
        if mode is PeopleMode.OBSERVE:
            assert running == []
