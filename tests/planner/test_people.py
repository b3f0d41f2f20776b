"""People in the organization: invited, recognised, corrected, deprovisioned, or left alone with a reason."""

from dataclasses import replace

import pytest

from calscim.planner.actions import AttachUser, ChangePreferences, Kind, Provenance
from calscim.planner.attributes.values import PROFILE
from calscim.planner.ids import UserId
from calscim.planner.modes import PeopleMode, Provision
from calscim.planner.policy import Policy
from tests.planner.world import (
    ADD_ONLY,
    ADMIN,
    MANAGED,
    ME,
    MEMBER,
    OBSERVE,
    OWNER,
    address,
    sales,
    show,
    waits,
    world,
)


def mapped() -> Policy:
    return Policy("acme", provision_people=Provision.MAPPED)


# -------------------------------------------------------------------- coming


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
def test_nobody_is_invited_who_is_inactive_or_unmanaged(changes: dict):
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


def test_nobody_is_invited_while_the_organization_could_not_be_read():
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


def test_of_two_users_of_one_person_the_managed_and_active_one_speaks():
    w = world().user("a", account=False, email="ann@acme.com", directory="d1", managed=False)
    w.user("b", account=False, email="ann@acme.com", directory="d2")

    assert [action.user for action in w.plan().actions] == ["b"]


# -------------------------------------------------------------------- who is who


@pytest.mark.parametrize("email", ["ann@acme.com", "ANN@ACME.COM", "Ann@Acme.com"])
def test_an_existing_account_is_recognised_by_its_address_in_any_case(email: str):
    plan = world().user("ann", linked=False, email=email).plan()

    assert plan.actions == ()
    assert [(one.user, one.cal_user, one.origin) for one in plan.links] == [("ann", 101, "found")]


def test_a_linked_user_is_not_recognised_again():
    assert world().user("ann").plan().links == ()


def test_a_changed_address_updates_the_same_account():
    w = world().user("ann").change("ann", email="ann.lee")

    (action,) = w.plan().actions

    assert action.kind is Kind.UPDATE
    assert action.cal_user == w.accounts["ann"]
    assert action.email == "ann.lee@acme.com"
    assert action.provenance == Provenance("okta", 2)


def test_an_address_that_differs_only_in_case_is_left_alone():
    assert world().user("ann", email="Ann@Acme.com").plan().actions == ()


def test_an_unmanaged_users_address_is_never_written():
    assert world().user("ann", managed=False, email="new@acme.com").plan().actions == ()


def test_a_changed_name_alone_changes_nothing_for_the_api_cannot_change_it():
    assert world().user("ann").change("ann", name="Ann Lee").plan().actions == ()


def test_an_address_that_another_account_has_is_waited_for():
    w = world().user("ann").account("bob").change("ann", email="bob")

    plan = w.plan()

    assert plan.actions == ()
    assert waits(plan) == {"bob": "another account already has the address bob@acme.com"}


def test_of_two_users_who_want_one_address_one_gets_it():
    w = world().user("ann").user("bob")
    w.change("ann", email="x").change("bob", email="x")

    plan = w.plan()

    assert show(plan) == ["user.update x"]
    assert len(plan.waiting) == 1


def test_a_linked_user_who_lost_the_address_keeps_the_account():
    plan = world().user("ann", email="").group("S", "ann").map("S", 7).on(7, "ann").plan()

    assert plan.actions == ()
    assert "the account keeps its own" in plan.waiting[0].reason


def test_a_linked_user_without_an_address_is_put_on_a_team_under_the_accounts_address():
    w = world().user("ann").group("S", "ann").map("S", 7).change("ann", email="")

    (action,) = w.plan().actions

    assert action.kind is Kind.ADD
    assert action.email == "ann@acme.com"


def test_whoever_gets_an_old_address_does_not_get_the_old_owners_account():
    w = (
        world()
        .user("ann")
        .change("ann", email="ann.lee")
        .user("new", account=False, email="ann@acme.com")
    )

    plan = w.plan()

    assert show(plan) == ["user.update ann.lee"]
    assert plan.links == ()
    assert "still has this address" in waits(plan)["ann"]


def test_whoever_gets_an_old_address_is_invited_once_it_is_free():
    w = (
        world()
        .user("ann")
        .change("ann", email="ann.lee")
        .user("new", account=False, email="ann@acme.com")
    )

    w.apply(w.plan().actions[0])

    assert show(w.plan()) == ["user.create ann MEMBER"]


def test_a_user_of_another_directory_with_the_accounts_address_is_the_same_person():
    w = world().user("ann").change("ann", email="ann.lee")
    w.user("ann2", account=False, email="ann@acme.com", directory="entra")

    assert [(one.user, one.cal_user) for one in w.plan().links] == [("ann2", 101)]


def test_a_user_with_a_linked_users_address_is_the_same_person_before_cal_com_shows_it():
    w = world().user("ann").change("ann", email="ann.lee")
    w.user("ann2", account=False, email="Ann.Lee@acme.com", directory="entra")

    plan = w.plan()

    assert [(one.user, one.cal_user) for one in plan.links] == [("ann2", 101)]
    assert show(plan) == ["user.update Ann.Lee"]


def test_a_leaver_whose_address_another_account_had_does_not_take_its_owner_along():
    w = world().user("eve", managed=False).user("dan").change("dan", email="eve", active=False)
    assert show(w.plan()) == ["user.deprovision dan"]

    w.apply(w.plan().actions[0])

    assert w.plan().actions == ()


def test_an_inactive_user_without_a_link_is_the_account_that_nobody_else_is():
    w = world().user("ann", linked=False).change("ann", active=False)

    assert show(w.plan()) == ["user.deprovision ann"]


def test_an_imported_users_old_address_proves_nothing():
    """Somebody who was imported as shared@ and has another address in Cal.com since."""
    w = world().user("dan", managed=False).change("dan", email="shared")
    w.user("ann", account=False, active=False, email="shared@acme.com")

    plan = w.plan()

    assert (plan.actions, plan.links) == ((), ())


def test_a_user_made_anew_after_a_deletion_gets_the_old_account():
    w = world().user("ann").change("ann", email="ann.lee").depart("ann")
    w.user("ann2", account=False, email="ann.lee@acme.com")

    plan = w.plan()

    assert show(plan) == ["user.update ann.lee"]
    assert [(one.user, one.cal_user) for one in plan.links] == [("ann2", 101)]


def test_links_are_made_for_imported_and_inactive_users_too():
    w = (
        world()
        .user("ann", linked=False, managed=False)
        .user("bob", linked=False, active=False, managed=False)
    )

    assert [one.user for one in w.plan().links] == ["ann", "bob"]


# -------------------------------------------------------------------- pending and absent


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
    assert "looking again" in waits(plan)["ann"]


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


# -------------------------------------------------------------------- leaving


def test_a_deactivated_user_is_deprovisioned():
    w = world().user("ann").change("ann", active=False)

    (action,) = w.plan().actions

    assert action.kind is Kind.DEPROVISION
    assert action.membership == w.people[w.accounts["ann"]].membership
    assert action.provenance == Provenance("okta", 2)
    assert action.reason == "the provider has deactivated this user (journal 2)"
    assert not action.drift


def test_a_deleted_user_is_deprovisioned():
    w = world().user("ann").depart("ann")

    (action,) = w.plan().actions

    assert (action.kind, action.user, action.provenance) == (
        Kind.DEPROVISION,
        "ann",
        Provenance("okta", 2),
    )
    assert "deleted" in action.reason


def test_a_deprovision_takes_the_teams_along_without_removals_of_its_own():
    w = (
        world()
        .user("ann")
        .group("S", "ann")
        .map("S", 7)
        .map("S", 8)
        .on(7, "ann", ledger="added")
        .on(8, "ann", ledger="added")
    )

    assert show(w.change("ann", active=False).plan()) == ["user.deprovision ann"]


@pytest.mark.parametrize("changes", [{"active": False, "managed": False}, {"managed": False}])
def test_an_unmanaged_person_is_never_deprovisioned(changes: dict):
    assert world().user("ann", **changes).plan().actions == ()


def test_an_unmanaged_deleted_user_is_left_alone():
    assert world().user("ann", managed=False).depart("ann").plan().actions == ()


def test_somebody_who_is_active_in_another_directory_stays():
    w = (
        world()
        .user("ann", active=False)
        .user("ann2", account=False, directory="entra")
        .same_account("ann2", "ann")
    )
    w.change("ann2", email="ann")

    assert w.plan().actions == ()


def test_an_imported_copy_in_another_directory_does_not_keep_a_leaver():
    w = (
        world()
        .user("ann", active=False)
        .user("ann2", account=False, directory="entra", managed=False)
    )
    w.same_account("ann2", "ann")

    assert show(w.plan()) == ["user.deprovision ann"]


def test_somebody_deleted_in_one_directory_and_active_in_another_stays():
    w = (
        world()
        .user("ann")
        .depart("ann")
        .user("ann2", account=False, email="ann@acme.com", directory="entra")
    )
    w.same_account("ann2", "ann")

    assert w.plan().actions == ()


def test_an_inactive_user_whose_account_is_gone_needs_nothing():
    assert world().user("ann", active=False).absent("ann").plan().actions == ()


def test_nobody_is_deprovisioned_while_the_organization_could_not_be_read():
    assert world().user("ann", active=False).unread().plan().actions == ()


def test_an_owner_of_the_organization_is_never_deprovisioned():
    plan = world().user("ann", active=False, role=OWNER).plan()

    assert plan.actions == ()
    assert "left alone: an owner of the organization" in waits(plan)["ann"]


def test_the_keys_own_user_is_never_deprovisioned():
    w = world()
    w.people[ME] = replace(w.people[ME], role=ADMIN)
    w.user("boss", role=OWNER).user("me", active=False)

    plan = w.plan()

    assert plan.actions == ()
    assert "the API key belongs" in waits(plan)["me"]


@pytest.mark.parametrize("email", ["ceo@acme.com", "CEO@acme.com"])
def test_a_protected_address_is_never_deprovisioned(email: str):
    w = world().user("ceo", active=False, email=email)
    w.policy = Policy("acme", protected=frozenset({"ceo@acme.com"}))

    plan = w.plan()

    assert plan.actions == ()
    assert next(one.reason for one in plan.waiting).endswith("left alone: on the protected list")


@pytest.mark.parametrize("name", ["old", "new", "seen"])
def test_people_in_the_organization_are_protected_under_every_address_they_are_known_by(name: str):
    w = world().user("ann", email="old", account=False).account("ann", email="seen")
    w.same_account("ann", "ann").change("ann", email="new", active=False)
    w.links[UserId("ann")] = replace(w.links[UserId("ann")], email=address("old"))
    w.policy = Policy("acme", protected=frozenset({address(name)}))

    planned = w.plan()

    assert planned.actions == ()
    assert waits(planned)["seen"].endswith("on the protected list")


def test_of_all_administrators_who_leave_at_once_one_stays():
    w = world().user("ann", role=ADMIN).user("bob", role=ADMIN).account("me", role=MEMBER)
    w.change("bob", active=False).change("ann", active=False)

    planned = w.plan()

    assert show(planned) == ["user.deprovision bob"]
    assert waits(planned)["ann"].endswith("the last administrator of the organization")


def test_of_all_administrators_who_are_lowered_at_once_one_stays():
    w = world().user("ann", role=ADMIN).user("bob", role=ADMIN).account("me", role=MEMBER)
    w.group("All", "ann", "bob").map("All", None, MANAGED, MEMBER)

    assert show(w.plan()) == ["member.role bob MEMBER"]


def test_an_administrator_may_leave_where_another_one_is_lowered_and_a_third_stays():
    w = world().user("ann", role=ADMIN).user("bob", role=ADMIN).account("me", role=ADMIN)
    w.change("ann", active=False).group("Heads", "bob").map("Heads", None, MANAGED, MEMBER)

    assert show(w.plan()) == ["user.deprovision ann", "member.role bob MEMBER"]


def test_the_people_of_a_deleted_directory_keep_what_they_have():
    w = world().account("ann", role=ADMIN).account("bob").on(7, "ann", "bob", ledger="added")

    planned = w.plan()

    assert planned.actions == ()
    assert len(planned.notes) == 2


def test_the_last_administrator_of_the_organization_is_not_deprovisioned():
    w = world().user("ann", active=False, role=ADMIN)
    del w.people[ME]

    plan = w.plan()

    assert plan.actions == ()
    assert "the last administrator" in waits(plan)["ann"]


def test_an_administrator_among_others_is_deprovisioned():
    assert show(world().user("ann", active=False, role=ADMIN).plan()) == ["user.deprovision ann"]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (PeopleMode.MANAGED, ["user.deprovision ann", "user.create bob MEMBER", "user.update c"]),
        (
            PeopleMode.ADD_ONLY,
            [
                "user.deprovision ann [observed]",
                "user.create bob MEMBER",
                "user.update c [observed]",
            ],
        ),
        (
            PeopleMode.OBSERVE,
            [
                "user.deprovision ann [observed]",
                "user.create bob MEMBER [observed]",
                "user.update c [observed]",
            ],
        ),
    ],
)
def test_what_may_be_done_to_people_is_set_by_the_policy(mode: PeopleMode, expected: list[str]):
    w = (
        world()
        .user("ann", active=False)
        .user("bob", account=False)
        .user("cyd")
        .change("cyd", email="c")
    )
    w.policy = Policy("acme", people=mode)

    assert show(w.plan()) == expected


def test_where_deprovisioning_is_only_observed_teams_still_follow_the_directory():
    w = (
        world()
        .user("ann")
        .group("S", "ann")
        .map("S", 7)
        .on(7, "ann", ledger="added")
        .change("ann", active=False)
    )
    w.policy = Policy("acme", people=PeopleMode.ADD_ONLY)

    assert show(w.plan()) == ["user.deprovision ann [observed]", "member.remove ann T7"]


def test_where_invitations_are_only_observed_so_is_the_team_that_would_follow():
    w = world().user("ann", account=False).group("S", "ann").map("S", 7)
    w.policy = Policy("acme", people=PeopleMode.OBSERVE)

    assert show(w.plan()) == [
        "user.create ann MEMBER [observed]",
        "member.add ann T7 MEMBER [observed]",
    ]


# -------------------------------------------------------------------- only mapped people


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


def test_an_observing_mapping_neither_invites_nor_lets_go():
    w = world().user("ann", account=False).user("bob").group("S", "ann", "bob").map("S", 7, OBSERVE)
    w.policy = mapped()

    assert show(w.plan()) == ["member.add bob T7 MEMBER [observed]"]


def test_somebody_calscim_brought_in_leaves_even_without_a_row_that_says_so():
    w = world().user("ann", origin="created").user("bob", origin="found")
    w.policy = mapped()

    assert show(w.plan()) == ["user.deprovision ann"]


# -------------------------------------------------------------------- paused


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


# -------------------------------------------------------------------- scope


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


def test_a_scope_of_nobody_does_nothing():
    assert world().user("ann", account=False).plan(users=[]).actions == ()


def test_whose_office_ended_keeps_it_out_of_scope():
    w = world().user("ann").user("eve", role=ADMIN).group("A").map("A", None, MANAGED, ADMIN)
    w.office("eve")

    assert w.plan(users=["ann"]).actions == ()
    assert show(w.plan(users=["eve"])) == ["member.role eve MEMBER drift"]


def test_a_user_who_comes_back_gets_the_account_they_had():
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


# ------------------------------------------------------------------ members without a Profile


def half_member(w, name="ann", **changes):
    """The account is accepted in the organization, and Cal.com shows no Profile for it."""
    account = w.accounts[name]
    w.people[account] = replace(w.people[account], has_profile=False, **changes)
    return w


def test_a_half_member_is_made_pending_and_waits_for_acceptance():
    w = half_member(sales(), role=ADMIN)

    planned = w.plan()

    [action] = planned.actions
    assert (action.kind, action.cal_user) == (Kind.ATTACH, w.accounts["ann"])
    assert action.membership == w.people[w.accounts["ann"]].membership
    assert action.role is ADMIN
    assert "accept" in waits(planned)["ann"]
    w.apply(action)
    assert show(w.plan()) == []
    assert waits(w.plan()) == {"ann": "has not accepted the invitation yet"}


@pytest.mark.parametrize("why", ["owner", "protected", "the key's user"])
def test_a_half_member_who_is_protected_is_left_alone_and_said(why):
    w = sales()
    if why == "protected":
        w.policy = replace(w.policy, protected=frozenset({"ann@acme.com"}))
    if why == "the key's user":
        w.user("me")
    name = "me" if why == "the key's user" else "ann"
    half_member(w, name, role=OWNER if why == "owner" else MEMBER)

    planned = w.plan()

    assert not [one for one in planned.actions if one.kind is Kind.ATTACH]
    assert "is left alone" in waits(planned)[name]


def test_a_half_member_gets_neither_teams_nor_attributes_nor_another_address():
    w = sales().rule("title", "title").attribute("title").says("ann", title="Boss")
    half_member(w.change("ann", email="ann.new"))

    assert [one.kind for one in w.plan().actions] == [Kind.ATTACH]


def test_a_half_member_whom_no_provider_wrote_to_is_left_alone():
    w = half_member(world().user("ann", managed=False))

    assert w.plan().actions == ()


def test_a_pending_person_without_a_profile_is_not_sent_another_address():
    w = world().user("ann", accepted=False)
    half_member(w.change("ann", email="ann.new"), accepted=False)

    assert w.plan().actions == ()
    assert waits(w.plan())["ann.new"] == "has not accepted the invitation yet"


# ------------------------------------------------------------------ locale and time zone


def told(w):
    """The world after what it should remember was recorded."""
    w.note(w.plan())
    return w


def test_what_the_directory_has_at_first_sight_is_taken_for_what_cal_com_has():
    w = told(world().user("ann").change("ann", locale="de", time_zone="Europe/Berlin"))

    assert show(w.plan()) == []


def test_a_changed_locale_is_told_once_and_alone():
    w = told(world().user("ann").change("ann", locale="de"))
    w.change("ann", locale="fr", time_zone="Europe/Paris")

    (action,) = w.plan().actions
    assert (
        action.kind,
        isinstance(action, ChangePreferences),
        action.preferences.locale,
        action.preferences.time_zone,
    ) == (
        Kind.UPDATE,
        True,
        "fr",
        "Europe/Paris",
    )
    w.apply(action)
    assert show(w.plan()) == []


def test_with_a_new_address_the_locale_goes_in_the_same_update():
    w = told(world().user("ann").change("ann", locale="de"))
    w.change("ann", locale="fr", email="ann.new")

    (action,) = w.plan().actions
    assert (isinstance(action, ChangePreferences), action.preferences.locale) == (False, "fr")
    w.apply(action)
    assert show(w.plan()) == []


def test_a_change_carries_only_what_changed():
    w = told(world().user("ann").change("ann", locale="de", time_zone="Europe/Berlin"))
    w.change("ann", time_zone="Europe/Rome")

    [action] = w.plan().actions

    assert (
        isinstance(action, ChangePreferences),
        action.preferences.locale,
        action.preferences.time_zone,
    ) == (True, None, "Europe/Rome")


def test_a_new_address_goes_without_a_locale_that_did_not_change():
    w = told(world().user("ann").change("ann", locale="en-US", time_zone="Europe/Berlin"))
    w.change("ann", email="ann.new")

    [action] = w.plan().actions

    assert (
        isinstance(action, ChangePreferences),
        action.preferences.locale,
        action.preferences.time_zone,
    ) == (False, None, None)
    w.apply(action)
    assert show(w.plan()) == []


def test_a_locale_that_means_the_same_language_is_recorded_and_not_sent():
    w = told(world().user("ann").change("ann", locale="en-US")).change("ann", locale="en-GB")

    assert show(w.plan()) == []
    assert told(w).told[w.accounts["ann"], PROFILE] == '["locale en-GB"]'


def test_a_locale_and_a_time_zone_are_sent_as_cal_com_spells_them():
    w = world().user("ann", account=False)
    w.change("ann", locale="de-AT", time_zone="Pacific Standard Time")

    [action] = w.plan().actions

    assert (action.preferences.locale, action.preferences.time_zone) == (
        "de",
        "America/Los_Angeles",
    )


def test_what_cal_com_does_not_know_is_left_out_and_said_once():
    w = world().user("ann", account=False).user("bob").user("cem", account=False)
    for name in ("ann", "bob"):
        w.change(name, locale="tlh")
    w.change("cem", time_zone="Mars/Olympus")

    planned = w.plan()

    assert [one.preferences.locale for one in planned.actions] == [None, None]
    assert [one.preferences.time_zone for one in planned.actions] == [None, None]
    assert planned.notes == (
        'Cal.com has no language for the locale "tlh", which the directory has for 2 people: left out',
        'Cal.com has no time zone "Mars/Olympus", which the directory has for 1 person: left out',
    )


def test_a_person_who_gets_another_address_counts_once_for_what_is_left_out():
    w = told(world().user("ann").change("ann", locale="de"))

    planned = w.change("ann", locale="tlh", email="ann.lee").plan()

    [note] = planned.notes
    assert "which the directory has for 1 person" in note


def test_a_locale_that_the_directory_drops_is_told_to_nobody():
    w = told(world().user("ann").change("ann", locale="de"))

    assert show(told(w.change("ann", locale=None)).plan()) == []


def test_add_only_changes_no_locale():
    w = told(world().user("ann").change("ann", locale="de")).change("ann", locale="fr")
    w.policy = replace(w.policy, people=PeopleMode.ADD_ONLY)

    assert show(w.plan()) == ["user.update ann [observed]"]
