"""The organization memberships of the simulated Cal.com."""

import pytest

from calscim.testing.calcom import builds
from calscim.testing.calcom.builds import BEFORE_2025_08_18, HOSTED_2026, SELF_HOSTED_2025_12
from tests.testing.conftest import OLDER, ORG, membership

ADA, BOB, OWNER = "ada@acme.example", "bob@acme.example", "owner@acme.example"


async def test_attaching_by_number_makes_no_profile_and_shuts_the_teams(api, world, sales):
    number = world.add_person("out@acme.example", in_org=False)
    body = {"userId": number, "role": "MEMBER", "accepted": True}

    row = (await api("POST", f"{ORG}/memberships", body)).data
    refused = await api("POST", sales, body)

    assert row["accepted"] is True
    assert refused.error == (
        422,
        "UnprocessableEntityException",
        "User is not part of the Organization",
    )


@pytest.mark.parametrize("build", builds.NAMES)
async def test_attaching_by_number_again_sets_the_role_and_the_acceptance_again(api, world, build):
    world.build = build
    body = {"userId": world.user_id(ADA), "role": "ADMIN", "accepted": True}

    first = (await api("POST", f"{ORG}/memberships", body)).data
    second = (await api("POST", f"{ORG}/memberships", {"userId": world.user_id(ADA)})).data

    assert first["id"] == second["id"]
    assert (first["role"], first["accepted"]) == ("ADMIN", True)
    assert (second["role"], second["accepted"]) == ("MEMBER", False)


async def test_a_half_member_has_nothing_to_accept_until_the_membership_is_pending(
    api, world, sales
):
    number = world.add_person(BOB, in_org=False)
    await api("POST", f"{ORG}/memberships", {"userId": number, "accepted": True})
    with pytest.raises(AssertionError, match="no invitation"):
        world.accept(BOB)

    await api("POST", f"{ORG}/memberships", {"userId": number, "accepted": False})
    world.accept(BOB)

    assert (await api("POST", sales, {"userId": number, "accepted": True})).status == 201


async def test_accepting_over_the_api_makes_no_profile(api, world, sales):
    number = world.add_person(BOB, accepted=False)

    await api("PATCH", membership(world, BOB), {"accepted": True})

    assert (await api("POST", sales, {"userId": number, "accepted": True})).status == 422


async def test_an_unknown_account_cannot_be_attached(api):
    answer = await api("POST", f"{ORG}/memberships", {"userId": 4711, "role": "MEMBER"})

    assert answer.error[:2] == (400, "BAD_REQUEST")


async def test_an_invitation_to_an_accepted_domain_is_accepted_with_a_profile(api, world, sales):
    world.auto_accept_domains = frozenset({"acme.example"})
    number = world.add_person("out@acme.example", in_org=False)

    row = await api("POST", f"{ORG}/memberships", {"email": "out@acme.example", "role": "MEMBER"})
    member = await api("POST", sales, {"userId": number, "role": "MEMBER"})

    assert (row.data["accepted"], member.data["accepted"]) == (True, True)


async def test_an_invitation_elsewhere_is_pending_until_it_is_accepted(api, world, sales):
    world.auto_accept_domains = frozenset({"acme.example"})
    number = world.add_person("guest@else.example", in_org=False)
    body = {"email": "guest@else.example", "role": "MEMBER"}

    row = (await api("POST", f"{ORG}/memberships", body)).data
    before = await api("POST", sales, {"userId": number, "role": "MEMBER", "accepted": True})
    world.accept("guest@else.example")
    after = await api("POST", sales, {"userId": number, "role": "MEMBER", "accepted": True})

    assert (row["accepted"], before.status, after.status) == (False, 422, 201)


async def test_an_invitation_needs_an_account_that_is_not_a_member(api):
    unknown = await api("POST", f"{ORG}/memberships", {"email": "x@acme.example", "role": "MEMBER"})
    member = await api("POST", f"{ORG}/memberships", {"email": ADA, "role": "MEMBER"})

    assert (unknown.status, member.error[2]) == (404, "user_already_invited_or_member")


@pytest.mark.parametrize("build", OLDER)
async def test_older_builds_know_no_invitation(api, world, build):
    world.build = build
    world.add_person("out@acme.example", in_org=False)

    answer = await api(
        "POST", f"{ORG}/memberships", {"email": "out@acme.example", "role": "MEMBER"}
    )

    [error] = answer.body["error"]["details"]["errors"]
    assert error["constraints"] == {"isInt": "userId must be an integer number"}


@pytest.mark.parametrize("build", [HOSTED_2026, SELF_HOSTED_2025_12])
async def test_leaving_ends_every_team_and_keeps_the_account_under_another_name(api, world, build):
    world.build = build
    number = world.user_id(ADA)
    world.put_on_team("Sales", ADA)

    await api("DELETE", membership(world, ADA))

    assert world.snapshot()["teams"]["Sales"] == {}
    assert world.accounts[number].username == f"ada-{number}"
    assert world.accounts[number].profile is False
    assert world.accounts_deleted == 0


async def test_before_2025_08_18_leaving_ends_only_the_membership(api, world):
    world.build = BEFORE_2025_08_18
    world.put_on_team("Sales", ADA)

    await api("DELETE", membership(world, ADA))

    assert ADA not in world.snapshot()["people"]
    assert world.snapshot()["teams"]["Sales"] == {ADA: "MEMBER"}
    assert (world.account(ADA).username, world.account(ADA).profile) == ("ada", True)


async def test_the_last_owner_is_not_protected(api, world):
    assert (await api("DELETE", membership(world, OWNER))).status == 200
    assert OWNER not in world.snapshot()["people"]


async def test_a_deleted_membership_is_not_found(api, world):
    path = membership(world, ADA)
    await api("DELETE", path)

    assert [(await api(method, path)).status for method in ("GET", "DELETE")] == [404, 404]
    assert (await api("PATCH", path, {"role": "ADMIN"})).error[:2] == (404, "NotFoundException")


async def test_a_team_membership_is_not_one_of_the_organization(api, world):
    number = world.put_on_team("Sales", ADA)

    assert (await api("DELETE", f"{ORG}/memberships/{number}")).status == 404


async def test_roles_and_acceptance_are_changed(api, world):
    changed = (
        await api("PATCH", membership(world, ADA), {"role": "ADMIN", "accepted": False})
    ).data

    assert (changed["role"], changed["accepted"]) == ("ADMIN", False)
    assert world.snapshot()["pending"] == [ADA]
