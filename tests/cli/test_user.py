"""calscim user and group: what the identity provider pushed, found by any name."""

import json
import uuid

import pytest

from calscim import admin
from calscim.directory import resources
from calscim.planner.modes import Mode
from calscim.planner.roles import Role
from tests.support.acme import ANN, BOB, EDITOR, Acme


@pytest.fixture
async def okta(db):
    return await admin.create_directory(
        db, EDITOR, organization="acme", name="Okta", provider="okta-scim-v2"
    )


@pytest.fixture
async def acme(db, okta):
    made = Acme(db, okta)
    await made.happen()
    await admin.add_mapping(
        db,
        EDITOR,
        admin.draft(
            okta,
            group="Sales",
            team=admin.TeamRef(7, "Sales team"),
            role=Role.ADMIN,
            mode=Mode.MANAGED,
        ),
    )
    return made


def test_users_are_listed_and_searched(calscim, acme):
    assert [one["email"] for one in calscim("user", "list", "--json").json] == [ANN, BOB]
    assert [one["email"] for one in calscim("user", "list", "--search", "BOB", "--json").json] == [
        BOB
    ]
    assert calscim("user", "list", "--inactive").out.strip() == "there is no such user"

    limited = calscim("user", "list", "--limit", "1")
    assert ANN in limited.out
    assert BOB not in limited.out
    assert "--limit 0" in limited.err
    assert BOB in calscim("user", "list", "--limit", "0").out


@pytest.mark.parametrize("wanted", [ANN, ANN.upper(), "00uann", "id"])
def test_a_user_is_shown_by_any_of_its_names(calscim, acme, wanted):
    ran = calscim("user", "show", str(acme.ann) if wanted == "id" else wanted, "--json")

    assert ran.code == 0
    assert ran.json["id"] == str(acme.ann)
    assert ran.json["resource"]["userName"] == ANN
    assert [one["name"] for one in ran.json["groups"]] == ["Sales"]
    shown = calscim("user", "show", ANN).out
    assert "givenName" in shown


@pytest.mark.parametrize(
    "typed", ["ann@acme", "anne@acme.example", "amn@acme.example", "ann@acme.exmaple"]
)
def test_an_unknown_user_names_similar_ones(calscim, acme, typed):
    ran = calscim("user", "show", typed)

    assert ran.code == 1
    assert f"did you mean {ANN}?" in ran.err


@pytest.fixture
async def second(db, acme):
    """The same person in another directory."""
    other = await admin.create_directory(
        db, EDITOR, organization="acme", name="Entra", provider="azure-scim-v2"
    )
    second = Acme(db, other)
    second.ann = uuid.uuid4()
    second.ids[second.ann] = "other"
    await second.push(second.ann, ANN)
    return second


def test_a_name_in_two_directories_has_to_be_chosen(calscim, acme, second):
    ran = calscim("user", "show", ANN)

    assert ran.code == 1
    assert "2 users match" in ran.err
    assert calscim("user", "show", ANN, "--directory", "Entra", "--json").json["id"] == str(
        second.ann
    )


def test_a_group_is_shown_with_members_and_mappings(calscim, acme):
    ran = calscim("group", "show", "sales", "--json")

    assert ran.json["mappings"][0]["team"] == "Sales team"
    assert [(one["kind"], one["email"]) for one in ran.json["members"]] == [
        ("User", ANN),
        ("User", BOB),
    ]
    shown = calscim("group", "show", str(acme.group)).out
    assert "Sales team (ADMIN, managed)" in shown
    assert ANN in shown


def test_an_unknown_group_names_similar_ones(calscim, acme):
    ran = calscim("group", "show", "Sale")

    assert ran.code == 1
    assert "did you mean Sales?" in ran.err


@pytest.fixture
async def deleted(db, acme):
    await resources.delete_user(db, acme.origin(b""), acme.bob)


def test_a_deleted_user_is_not_shown(calscim, acme, deleted):
    assert calscim("user", "show", BOB).code == 1


def test_the_effective_configuration_has_sources_and_no_secrets(calscim, configuration):
    ran = calscim("config", "show", "--json")

    found = {one["key"]: one for one in ran.json}
    assert found["organization.acme.api_key"] == {
        "key": "organization.acme.api_key", "value": "***", "source": "organization.acme.api_key",
    }  # fmt: skip
    assert found["reconcile.interval"]["value"] == "5m"
    assert found["reconcile.interval"]["source"] == "default"
    assert found["guards.max_removals_per_team"]["value"] == "30%"
    assert found["tokens.lifetime"]["value"] == "off"
    assert "cal_sim" not in json.dumps(ran.json)


def test_a_variable_is_named_as_the_source(calscim, configuration, monkeypatch):
    monkeypatch.setenv("CALSCIM_LOG_LEVEL", "debug")

    found = {one["key"]: one for one in calscim("config", "show", "--json").json}

    assert found["log.level"] == {
        "key": "log.level",
        "value": "debug",
        "source": "CALSCIM_LOG_LEVEL",
    }
