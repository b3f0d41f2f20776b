"""People in the organization: invited, accepted, paused, or unchanged with a reason."""

import pytest

from calscim.planner.actions import AttachUser, Kind, Provenance
from calscim.planner.ids import UserId
from calscim.planner.modes import Provision
from calscim.planner.policy import Policy
from tests.planner.display import show, waits
from tests.planner.world import ADD_ONLY, ADMIN, MANAGED, OBSERVE, world


def mapped() -> Policy:
    return Policy("acme", provision_people=Provision.MAPPED)


# ------------------------------------------------------------------ coming


def test_an_active_user_without_an_account_is_invited():
    assert show(world().user("ann", account=False).plan()) == ["user.create ann MEMBER"]


def test_an_invitation_carries_name_locale_and_time_zone():
    w = (
        world()
        .user("ann", account=False)
        .change("ann", name="Ann Lee", locale="de", time_zone="Europe/Berlin")
    )

    (action,) = w.plan().actions

    assert (action.name, action.preferences.locale, action.preferences.time_zone) == (
        "Ann Lee",
        "de",
        "Europe/Berlin",
    )
    assert action.user == "ann"
    assert action.cal_user is None
    assert action.provenance == Provenance("okta", 2)
    assert "journal 2" in action.reason


@pytest.mark.parametrize(
    "changes", [{"active": False}, {"managed": False}, {"active": False, "managed": False}]
)
def test_an_inactive_or_unmanaged_person_is_not_invited(changes: dict):
    assert world().user("ann", account=False, **changes).plan().actions == ()


def test_a_user_without_an_address_is_shown_as_waiting():
    plan = world().user("ann", account=False, email="").plan()

    assert plan.actions == ()
    assert [one.user for one in plan.waiting] == ["ann"]
    assert "no e-mail address" in plan.waiting[0].reason


def test_an_unmanaged_or_inactive_user_without_an_address_is_not_mentioned():
    w = world().user("ann", account=False, email="", active=False)
    w.user("bob", account=False, email="", managed=False)

    assert w.plan().waiting == ()


def test_no_person_is_invited_if_the_organization_could_not_be_read():
    plan = world().user("ann", account=False).unread().plan()

    assert plan.actions == ()
    assert plan.incomplete == ("the organization's members: no answer",)


def test_two_users_with_one_address_are_invited_once():
    w = (
        world()
        .user("ann", account=False)
        .user("ann2", account=False, email="ANN@acme.com", directory="entra")
    )

    plan = w.plan()

    assert [action.kind for action in plan.actions] == [Kind.CREATE]


def test_the_managed_and_active_user_of_a_person_is_primary():
    w = world().user("a", account=False, email="ann@acme.com", directory="d1", managed=False)
    w.user("b", account=False, email="ann@acme.com", directory="d2")

    assert [action.user for action in w.plan().actions] == ["b"]


# ------------------------------------------------------------------ pending and absent


def test_a_pending_invitation_is_waited_for_and_no_team_is_tried():
    plan = world().user("ann", accepted=False).group("S", "ann").map("S", 7).plan()

    assert plan.actions == ()
    assert waits(plan) == {"ann": "has not accepted the invitation yet"}


def test_a_pending_person_is_put_on_teams_once_accepted():
    w = world().user("ann").group("S", "ann").map("S", 7)

    assert show(w.plan()) == ["member.add ann T7 MEMBER"]


def test_a_pending_person_who_is_deactivated_is_deprovisioned():
    plan = world().user("ann", accepted=False, active=False).plan()

    assert show(plan) == ["user.deprovision ann"]


@pytest.mark.parametrize("passes", [0, 1, 2])
def test_an_account_that_a_list_does_not_show_is_looked_for_again(passes: int):
    plan = world().user("ann").absent("ann", passes).plan()

    assert plan.actions == ()
    assert "reads the list again" in waits(plan)["ann"]


@pytest.mark.parametrize("passes", [3, 4, 100])
def test_an_account_that_several_complete_passes_did_not_show_is_attached_again(passes: int):
    w = world().user("ann").absent("ann", passes)

    (action,) = w.plan().actions

    assert (action.kind, action.cal_user, action.drift) == (Kind.ATTACH, w.accounts["ann"], True)


def test_teams_follow_only_when_the_attached_person_is_seen():
    w = world().user("ann").group("S", "ann").map("S", 7).absent("ann", 3)

    assert show(w.plan()) == ["user.attach ann MEMBER drift"]


@pytest.mark.parametrize("changes", [{"active": False}, {"managed": False}])
def test_an_absent_account_that_is_not_wanted_is_not_brought_back(changes: dict):
    plan = world().user("ann", **changes).absent("ann", 9).plan()

    assert plan.actions == ()
    assert plan.waiting == ()


# ------------------------------------------------------------------ only mapped people


def test_only_members_of_a_mapped_group_are_invited_where_so_configured():
    w = world().user("ann", account=False).user("bob", account=False).group("S", "ann").map("S", 7)
    w.policy = mapped()

    assert show(w.plan()) == ["user.create ann MEMBER", "member.add ann T7 MEMBER"]


def test_whoever_leaves_the_last_mapped_group_leaves_the_organization():
    w = (
        world()
        .user("ann")
        .group("S", "ann")
        .map("S", 7)
        .on(7, "ann", ledger="added")
        .leave("S", "ann")
    )
    w.policy = mapped()

    (action,) = w.plan().actions

    assert action.kind is Kind.DEPROVISION
    assert action.provenance == Provenance("okta", 4)
    assert "left S (journal 4)" in action.reason


def test_whoever_was_in_a_deleted_group_leaves_the_organization():
    w = world().user("ann").group("S", "ann").map("S", 7).delete_group("S")
    w.policy = mapped()

    assert show(w.plan()) == ["user.deprovision ann"]


def test_whoever_is_in_another_mapped_group_stays():
    w = (
        world()
        .user("ann")
        .group("S", "ann")
        .group("T", "ann")
        .map("S", 7, ADD_ONLY)
        .map("T", None)
        .leave("S", "ann")
    )
    w.policy = mapped()

    assert w.plan().actions == ()


def test_an_observing_mapping_neither_invites_nor_deprovisions():
    w = world().user("ann", account=False).user("bob").group("S", "ann", "bob").map("S", 7, OBSERVE)
    w.policy = mapped()

    assert show(w.plan()) == ["member.add bob T7 MEMBER [observed]"]


def test_a_person_that_calscim_invited_leaves_even_without_a_journal_row():
    w = world().user("ann", origin="created").user("bob", origin="found")
    w.policy = mapped()

    assert show(w.plan()) == ["user.deprovision ann"]


# ------------------------------------------------------------------ paused


def test_a_paused_directory_leaves_its_people_alone():
    w = world().user("ann", account=False).user("bob", active=False).pause(directory="okta")

    assert show(w.plan()) == ["user.deprovision bob [paused]", "user.create ann MEMBER [paused]"]


def test_a_person_of_two_directories_is_not_paused_by_one_of_them():
    w = (
        world()
        .user("ann", account=False)
        .user("ann2", account=False, email="ann@acme.com", directory="entra")
    )

    assert show(w.pause(directory="okta").plan()) == ["user.create ann MEMBER"]


def test_a_paused_organization_leaves_everybody_alone():
    w = world().user("ann", account=False).group("S", "ann").map("S", 7).pause()

    assert show(w.plan()) == [
        "user.create ann MEMBER [paused]",
        "member.add ann T7 MEMBER [paused]",
    ]


# ------------------------------------------------------------------ scope


def test_only_people_in_scope_are_acted_upon():
    w = world().user("ann", account=False).user("bob", account=False).user("cyd", active=False)

    assert show(w.plan(users=["ann"])) == ["user.create ann MEMBER"]
    assert show(w.plan(users=["cyd"])) == ["user.deprovision cyd"]


def test_the_same_person_under_another_user_is_in_scope():
    w = (
        world()
        .user("ann", active=False)
        .user("ann2", account=False, directory="entra", managed=False)
    )
    w.same_account("ann2", "ann")

    assert show(w.plan(users=["ann2"])) == ["user.deprovision ann"]


def test_a_deleted_user_in_scope_is_deprovisioned():
    assert show(world().user("ann").user("bob").depart("ann").plan(users=["ann"])) == [
        "user.deprovision ann"
    ]


def test_a_user_without_an_address_out_of_scope_is_not_mentioned():
    w = world().user("ann", account=False, email="").user("bob")

    assert w.plan(users=["bob"]).waiting == ()
    assert len(w.plan(users=["ann"]).waiting) == 1


def test_an_empty_scope_plans_nothing():
    assert world().user("ann", account=False).plan(users=[]).actions == ()


def test_whose_office_ended_keeps_it_out_of_scope():
    w = world().user("ann").user("eve", role=ADMIN).group("A").map("A", None, MANAGED, ADMIN)
    w.office("eve")

    assert w.plan(users=["ann"]).actions == ()
    assert show(w.plan(users=["eve"])) == ["member.role eve MEMBER drift"]


def test_a_user_who_returns_gets_the_former_account():
    w = world().user("ann").change("ann", active=False)
    account = w.accounts["ann"]
    w.apply(w.plan().actions[0])
    w.change("ann", active=True)

    [action] = w.plan().actions

    assert (type(action), action.cal_user) == (AttachUser, account)
    assert UserId("ann") not in w.links


def test_an_account_that_came_back_by_itself_under_another_address_is_recognised():
    w = world().user("ann").change("ann", active=False)
    w.apply(w.plan().actions[0])
    w.change("ann", active=True).account("ann", email="ann.private@else.example")

    planned = w.plan()

    assert [link.cal_user for link in planned.links] == [w.accounts["ann"]]
    assert show(planned) == ["user.update ann"]


def test_an_account_that_came_back_is_not_taken_for_an_inactive_user():
    w = world().user("ann").change("ann", active=False)
    w.apply(w.plan().actions[0])
    w.account("ann", email="ann.private@else.example")

    assert w.plan().actions == ()
