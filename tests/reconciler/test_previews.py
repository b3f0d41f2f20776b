"""A plan with unsaved edits of mappings equals the plan after they are saved."""

import pytest

from calscim import admin
from calscim.admin import MappingEdits, TeamRef
from calscim.admin.plan_preview import inspect
from calscim.planner.actions import State
from calscim.planner.modes import Mode
from calscim.planner.render import action_json, plan_json
from calscim.planner.roles import Role
from calscim.reconciler.state import holds
from tests.support.stage import EDITOR, PEOPLE, addresses, assigned

FIVE = addresses(*PEOPLE)


def shown(plan):
    """Return the parts of a plan that do not depend on the journal row of the edit."""
    told = [action_json(action) for action in plan.actions]
    unsaid = ("seq", "because")
    return plan.hash, [{key: one[key] for key in one if key not in unsaid} for one in told]


async def previewed(stage, edits):
    return await inspect(stage.db, stage.settings, stage.organization, edits)


def drafted(stage, group, team, mode="managed", role="MEMBER"):
    ref = TeamRef(None, team, new=True) if team not in TEAMS else TeamRef(stage.team_id(team), team)
    return admin.draft(stage.directory, group=group, team=ref, role=Role(role), mode=Mode(mode))


TEAMS = ("Sales", "Engineering")


async def save(stage, edits):
    for one in edits.add:
        await admin.add_mapping(stage.db, EDITOR, one)
    for row, one in edits.change:
        await admin.change_mapping(stage.db, EDITOR, row, role=one.role, mode=one.mode)
    for row in edits.remove:
        await admin.remove_mapping(stage.db, EDITOR, row)


async def world(stage):
    """Sales is mapped and in sync, Staff contains Sales, each team has a member added by hand, and dan is not in Cal.com."""
    await stage.given("Sales", "managed", "ann", "bob", "cem")
    for name in TEAMS:
        stage.world.add_person(f"stranger-{name}@acme.example")
        stage.world.put_on_team(name, f"stranger-{name}@acme.example")
    await assigned(stage, "dan")
    await stage.okta.push_group("Leads", addresses("ann", "dan"))
    return (await admin.mappings(stage.db))[0]


EDITS = {
    "a group onto a team": lambda s, m: MappingEdits(add=(drafted(s, "Leads", "Engineering"),)),
    "a group onto a team that others fill": lambda s, m: MappingEdits(
        add=(drafted(s, "Leads", "Sales", role="ADMIN"),)
    ),
    "an exclusive group": lambda s, m: MappingEdits(
        add=(drafted(s, "Leads", "Engineering", "exclusive"),)
    ),
    "a group that only observes": lambda s, m: MappingEdits(
        add=(drafted(s, "Leads", "Engineering", "observe"),)
    ),
    "a group that was not pushed": lambda s, m: MappingEdits(add=(drafted(s, "Nobody", "Sales"),)),
    "a team that is yet to be made": lambda s, m: MappingEdits(
        add=(drafted(s, "Leads", "Support"), drafted(s, "Sales", "Support", role="ADMIN"))
    ),
    "the organization": lambda s, m: MappingEdits(
        add=(
            admin.draft(
                s.directory,
                group="Leads",
                team=TeamRef(None, "acme"),
                role=Role.ADMIN,
                mode=Mode.MANAGED,
            ),
        )
    ),
    "another role": lambda s, m: MappingEdits(
        change=((m, drafted(s, "Sales", "Sales", role="ADMIN")),)
    ),
    "another mode": lambda s, m: MappingEdits(
        change=((m, drafted(s, "Sales", "Sales", "exclusive")),)
    ),
    "a mapping less": lambda s, m: MappingEdits(remove=(m,)),
    "one for another": lambda s, m: MappingEdits(add=(drafted(s, "Leads", "Sales"),), remove=(m,)),
    "nothing": lambda s, m: MappingEdits(),
}


@pytest.mark.parametrize("what", EDITS)
async def test_a_preview_is_the_plan_once_the_edits_are_saved(stage, what):
    edits = EDITS[what](stage, await world(stage))

    preview = (await previewed(stage, edits)).plan
    await save(stage, edits)

    assert shown(preview) == shown(await stage.plan())


async def test_a_preview_changes_nothing_and_holds_nothing(stage):
    mapping = await world(stage)
    before = await stage.db.fetch("SELECT * FROM calscim.journal_heads ORDER BY stream")
    plan = await stage.plan()

    inspected = await previewed(stage, MappingEdits(remove=(mapping,)))

    assert State.HELD in {action.state for action in inspected.plan.actions}
    assert await holds.load_current(stage.db, "acme") == []
    assert shown(inspected.saved) == shown(plan) == shown(await stage.plan())
    assert await stage.db.fetch("SELECT * FROM calscim.journal_heads ORDER BY stream") == before
    assert await admin.mappings(stage.db) == [mapping]


async def test_a_held_set_of_before_is_held_on_after_a_preview_without_it(stage):
    mapping = await world(stage)
    await stage.okta.push_now("Sales", [])
    await stage.plan()
    (held,) = await holds.load_current(stage.db, "acme")

    await previewed(stage, MappingEdits(add=(drafted(stage, "Leads", "Engineering"),)))

    assert await holds.load_current(stage.db, "acme") == [held]
    assert mapping.group == "Sales"


async def test_members_of_nested_groups_are_in_a_preview(stage):
    await assigned(stage, "ann", "bob")
    await stage.full()
    await stage.okta.push_group("Field", addresses("ann"))
    await stage.okta.push_group("Staff", addresses("bob"))
    field, staff = stage.okta.groups["Field"], stage.okta.groups["Staff"]
    operation = {"op": "add", "path": "members", "value": [{"value": field}]}
    await stage.okta._call(
        "PATCH",
        f"/Groups/{staff}",
        {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [operation],
        },
    )

    found = await previewed(stage, MappingEdits(add=(drafted(stage, "Staff", "Sales"),)))

    assert {one.email for one in found.plan.actions} == set(addresses("ann", "bob"))


async def test_actions_of_an_unsaved_edit_name_the_edit_instead_of_a_journal_row(stage):
    mapping = await world(stage)
    await stage.full()

    removal = (await previewed(stage, MappingEdits(remove=(mapping,)))).plan
    team = (await previewed(stage, MappingEdits(add=(drafted(stage, "Leads", "Support"),)))).plan

    for plan in (removal, team):
        said = plan_json(plan, 0)["actions"]
        assert "(not saved yet)" in said[0]["because"]
        assert said[0]["seq"] is None
        assert not any(one["drift"] for one in said)
