"""Plans in the form that scripts read."""

from calscim.exit_codes import ExitCode
from calscim.planner.ids import TeamId
from calscim.planner.render import exit_code, plan_json
from tests.planner.removals import team_of
from tests.planner.world import OBSERVE, world


def test_an_empty_plan_is_in_step():
    assert exit_code(world().guarded()) == ExitCode.IN_SYNC == 0


def test_a_plan_with_something_to_do_is_pending():
    assert exit_code(team_of(10, 1).guarded()) == ExitCode.PENDING == 2


def test_a_plan_with_a_held_action_exits_with_3():
    assert exit_code(team_of(10, 9).join("S", "u00").guarded()) == ExitCode.HELD == 3


def test_what_is_observed_or_paused_does_not_count():
    assert (
        exit_code(world().user("ann").group("S", "ann").map("S", 7, OBSERVE).guarded())
        == ExitCode.IN_SYNC
    )
    assert exit_code(team_of(10, 1).pause().guarded()) == ExitCode.IN_SYNC


def test_the_form_of_a_plan():
    plan = (
        world()
        .user("ann")
        .user("bob", account=False, email="")
        .group("S", "ann")
        .map("S", 7)
        .unread(9)
    )
    plan.teams[TeamId(9)] = {}

    shown = plan_json(plan.guarded(), 4, {TeamId(7): "Sales"})

    assert shown == {
        "organization": "acme",
        "hash": shown["hash"],
        "journal_seq": 4,
        "complete": False,
        "incomplete": ["team T9: no answer"],
        "notes": [],
        "waiting": [
            {
                "email": "",
                "user_name": "",
                "user_id": "bob",
                "reason": "the directory has no e-mail address for this user, and Cal.com requires one",
            }
        ],
        "held_counts": {"sets": 0, "removals": 0},
        "seats": {"now": 2, "after": 2, "difference": 0},
        "limits": [],
        "actions": [
            {
                "kind": "member.add",
                "team_id": 7,
                "team": "Sales",
                "user_id": "ann",
                "cal_user_id": 101,
                "membership_id": None,
                "email": "ann@acme.com",
                "role": "MEMBER",
                "because": "S (journal 3) puts this person on T7",
                "drift": False,
                "stream": "okta",
                "seq": 3,
                "state": "run",
                "guard": None,
            }
        ],
    }


def test_an_action_of_the_organization_has_no_team():
    (action,) = plan_json(world().user("ann", account=False).guarded(), 1)["actions"]

    assert (action["team_id"], action["team"], action["role"]) == (None, None, "MEMBER")


def test_drift_has_no_journal_row():
    (action,) = plan_json(team_of(10, 0, 1).guarded(), 1)["actions"]

    assert (action["stream"], action["seq"], action["drift"], action["role"]) == (
        None,
        None,
        True,
        None,
    )
