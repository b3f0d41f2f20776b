"""The locale and the time zone of accounts follow the directory."""

from dataclasses import replace

from calscim.planner.actions import ChangePreferences, Kind, Provenance
from calscim.planner.attributes.values import PREFERENCES
from calscim.planner.modes import PeopleMode
from tests.planner.display import show
from tests.planner.world import world


def acknowledged(w):
    """Record what the plan says that Cal.com has, and return the world."""
    w.note(w.plan())
    return w


def test_what_the_directory_has_at_first_sight_is_taken_for_what_cal_com_has():
    w = acknowledged(world().user("ann").change("ann", locale="de", time_zone="Europe/Berlin"))

    assert show(w.plan()) == []


def test_a_changed_locale_is_sent_once_and_alone():
    w = acknowledged(world().user("ann").change("ann", locale="de"))
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
    assert action.provenance == Provenance("okta", 3)
    w.apply(action)
    assert show(w.plan()) == []


def test_with_a_new_address_the_locale_goes_in_the_same_update():
    w = acknowledged(world().user("ann").change("ann", locale="de"))
    w.change("ann", locale="fr", email="ann.new")

    (action,) = w.plan().actions
    assert (isinstance(action, ChangePreferences), action.preferences.locale) == (False, "fr")
    w.apply(action)
    assert show(w.plan()) == []


def test_a_change_carries_only_what_changed():
    w = acknowledged(world().user("ann").change("ann", locale="de", time_zone="Europe/Berlin"))
    w.change("ann", time_zone="Europe/Rome")

    [action] = w.plan().actions

    assert (
        isinstance(action, ChangePreferences),
        action.preferences.locale,
        action.preferences.time_zone,
    ) == (True, None, "Europe/Rome")


def test_a_new_address_goes_without_a_locale_that_did_not_change():
    w = acknowledged(world().user("ann").change("ann", locale="en-US", time_zone="Europe/Berlin"))
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
    w = acknowledged(world().user("ann").change("ann", locale="en-US")).change(
        "ann", locale="en-GB"
    )

    assert show(w.plan()) == []
    assert acknowledged(w).applied_attributes[w.accounts["ann"], PREFERENCES] == '["locale en-GB"]'


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
        'Cal.com has no language for the locale "tlh", which the directory has for 2 people: calscim leaves it out',
        'Cal.com has no time zone "Mars/Olympus", which the directory has for 1 person: calscim leaves it out',
    )


def test_a_person_who_gets_another_address_counts_once_for_what_is_left_out():
    w = acknowledged(world().user("ann").change("ann", locale="de"))

    planned = w.change("ann", locale="tlh", email="ann.lee").plan()

    [note] = planned.notes
    assert "which the directory has for 1 person" in note


def test_a_locale_that_the_directory_drops_is_not_sent():
    w = acknowledged(world().user("ann").change("ann", locale="de"))

    assert show(acknowledged(w.change("ann", locale=None)).plan()) == []


def test_add_only_changes_no_locale():
    w = acknowledged(world().user("ann").change("ann", locale="de")).change("ann", locale="fr")
    w.policy = replace(w.policy, people=PeopleMode.ADD_ONLY)

    assert show(w.plan()) == ["user.update ann [observed]"]
