"""SCIM over HTTP: tokens, invalid bodies and paths, preconditions, members and the journal."""

import asyncio
import json

from tests.scim.conftest import patch


async def test_a_user_name_is_unique_in_any_case_also_when_eight_arrive_at_once(provider):
    bodies = [{"userName": name} for name in ("ann@a.io", "ANN@a.io", "Ann@A.io", "aNN@a.io") * 2]

    answers = await asyncio.gather(*(provider("POST", "/Users", body) for body in bodies))

    assert sorted(answer.status for answer in answers) == [201] + [409] * 7
    refused = next(answer for answer in answers if answer.status == 409)
    assert refused.body["scimType"] == "uniqueness"


async def test_a_user_name_keeps_its_case_and_is_found_in_any(provider):
    await provider.user("Ann.Lee@Acme.com")

    found = await provider("GET", '/Users?filter=userName%20eq%20"ANN.LEE@ACME.COM"')

    assert found.body["totalResults"] == 1
    assert found.body["Resources"][0]["userName"] == "Ann.Lee@Acme.com"


async def test_a_group_name_is_unique_in_any_case(provider):
    await provider.group("Sales")

    answer = await provider("POST", "/Groups", {"displayName": "sales"})

    assert (answer.status, answer.body["scimType"]) == (409, "uniqueness")


async def test_versions_guard_against_lost_updates(provider):
    number = await provider.user("ann@acme.com")
    seen = await provider("GET", f"/Users/{number}")
    change = patch({"op": "replace", "path": "title", "value": "Boss"})
    assert (
        await provider("PATCH", f"/Users/{number}", change, If_Match=seen.headers["ETag"])
    ).status == 200

    stale = await provider("PATCH", f"/Users/{number}", change, If_Match=seen.headers["ETag"])
    deleted = await provider("DELETE", f"/Users/{number}", If_Match=seen.headers["ETag"])
    unchanged = await provider(
        "GET",
        f"/Users/{number}",
        If_None_Match=(await provider("GET", f"/Users/{number}")).headers["ETag"],
    )

    assert (stale.status, deleted.status, unchanged.status) == (412, 412, 304)


async def test_a_change_without_effect_keeps_the_version_and_leaves_one_row(provider):
    number = await provider.user("ann@acme.com", title="Boss")
    before = await provider("GET", f"/Users/{number}")
    rows = len(await provider.journal())

    answer = await provider(
        "PATCH", f"/Users/{number}", patch({"op": "replace", "path": "title", "value": "Boss"})
    )

    assert answer.headers["ETag"] == before.headers["ETag"]
    assert answer.body["meta"] == before.body["meta"]
    assert len(await provider.journal()) == rows + 1


async def test_put_clears_missing_attributes_and_ignores_read_only_ones(provider):
    number = await provider.user("ann@acme.com", title="Boss", displayName="Ann")

    answer = await provider(
        "PUT",
        f"/Users/{number}",
        {"userName": "ann@acme.com", "id": "other", "groups": [], "meta": {}},
    )

    assert answer.status == 200
    assert answer.body["id"] == number
    assert "title" not in answer.body
    assert "displayName" not in answer.body


async def test_sixty_four_member_patches_at_once_lose_none(provider):
    users = [await provider.user(f"u{n}@a.io") for n in range(64)]
    group = await provider.group("Sales")

    answers = await asyncio.gather(
        *(
            provider(
                "PATCH",
                f"/Groups/{group}",
                patch({"op": "add", "path": "members", "value": [{"value": u}]}),
            )
            for u in users
        )
    )

    assert {answer.status for answer in answers} == {204}
    assert await provider.members(group) == set(users)


async def test_simultaneous_puts_and_patches_have_a_sequential_result(provider):
    number = await provider.user("ann@acme.com")

    answers = await asyncio.gather(
        *(
            provider(
                "PATCH",
                f"/Users/{number}",
                patch({"op": "replace", "path": "title", "value": f"t{n}"}),
            )
            for n in range(16)
        ),
        *(
            provider(
                "PATCH",
                f"/Users/{number}",
                patch({"op": "replace", "path": "nickName", "value": f"n{n}"}),
            )
            for n in range(16)
        ),
    )

    assert {answer.status for answer in answers} == {200}
    final = (await provider("GET", f"/Users/{number}")).body
    assert final["title"].startswith("t")
    assert final["nickName"].startswith("n")
    assert final["meta"]["version"] == 'W/"33"'


async def test_a_member_with_an_unknown_id_is_skipped_and_the_others_are_added(provider):
    users = [await provider.user(f"u{n}@a.io") for n in range(3)]
    group = await provider.group("Sales", *users, "nobody", "00000000-0000-4000-8000-000000000000")

    assert await provider.members(group) == set(users)
    effect = json.loads((await provider.journal())[-1]["effect"])
    assert sorted(effect["skipped"]) == ["00000000-0000-4000-8000-000000000000", "nobody"]


async def test_a_thousand_members_are_added_and_removed_by_one_patch_each(provider):
    users = [await provider.user(f"u{n}@a.io") for n in range(50)]
    group = await provider.group("Sales", *users[:10])

    added = patch({"op": "add", "path": "members", "value": [{"value": user} for user in users]})
    removed = patch(
        {"op": "Remove", "path": "members", "value": [{"value": user} for user in users[:20]]}
    )
    assert (await provider("PATCH", f"/Groups/{group}", added)).status == 204
    assert (await provider("PATCH", f"/Groups/{group}", removed)).status == 204

    assert await provider.members(group) == set(users[20:])


async def test_a_user_shows_the_groups_it_is_in(provider):
    ann = await provider.user("ann@acme.com")
    group = await provider.group("Sales", ann)

    shown = (await provider("GET", f"/Users/{ann}")).body["groups"]

    assert [(one["value"], one["display"]) for one in shown] == [(group, "Sales")]
    assert (
        shown[0]["$ref"]
        == f"https://scim.example.com/scim/v2/{provider.directory.id}/Groups/{group}"
    )


async def test_members_that_are_not_requested_are_left_out(provider):
    ann = await provider.user("ann@acme.com")
    group = await provider.group("Sales", ann)

    one = (await provider("GET", f"/Groups/{group}?excludedAttributes=members")).body
    listed = (await provider("GET", "/Groups?excludedAttributes=members")).body["Resources"][0]
    only = (await provider("GET", f"/Groups/{group}?attributes=displayName")).body

    assert "members" not in one
    assert "members" not in listed
    assert only.keys() == {"schemas", "id", "displayName"}


async def test_a_deleted_user_leaves_its_groups(provider):
    ann, bob = await provider.user("ann@acme.com"), await provider.user("bob@acme.com")
    group = await provider.group("Sales", ann, bob)

    assert (await provider("DELETE", f"/Users/{ann}")).status == 204

    assert await provider.members(group) == {bob}
    assert (await provider("GET", f"/Users/{ann}")).status == 404
    assert (await provider("DELETE", f"/Users/{ann}")).status == 404
