"""Sorted lists: where users without a value stand, and which of several values counts."""

from typing import Any

import pytest

from calscim.errors import ScimError
from calscim.postgres.pool import Database
from calscim.scim.filter.sort import compile_listing
from calscim.scim.schema import USER
from tests.scim.searched_directory import Searched, staged
from tests.scim.test_filters import E

ORDERED = [
    ("userName", "Ann bob_% cy"),
    ("title", "cy Ann bob_%"),
    ("externalId", "Ann bob_% cy"),
    ("displayName", "Ann bob_% cy"),
    ("active", "bob_% Ann cy"),
    ("emails", "Ann bob_% cy"),
    ("emails.type", "Ann bob_% cy"),
    (f"{E}:employeeNumber", "Ann bob_% cy"),
    ("groups.display", "Ann bob_% cy"),
    ("meta.created", "Ann bob_% cy"),
]


@pytest.mark.parametrize(("name", "expected"), ORDERED)
async def test_an_ascending_order_puts_users_without_a_value_last(
    stage: Searched, name: str, expected: str
) -> None:
    order = compile_listing(USER, None, name, descending=False)

    found = await stage.found(USER, order)

    assert " ".join(body["userName"] for body in found) == expected


async def test_a_descending_order_puts_users_without_a_value_first(stage: Searched) -> None:
    order = compile_listing(USER, None, "externalId", descending=True)

    found = await stage.found(USER, order)

    assert [body["userName"] for body in found] == ["cy", "bob_%", "Ann"]


async def test_several_values_are_ordered_by_the_primary_one_or_else_the_first(
    db: Database,
) -> None:
    def having(*values: tuple[str, bool]) -> dict[str, Any]:
        entries = [{"value": value, "primary": primary} for value, primary in values]
        return {"active": True, "phoneNumbers": entries}

    async with staged(db) as stage:
        people = [
            having(("3", False), ("1", False)),
            having(("9", False), ("2", True)),
            having(("1", False)),
        ]
        made = await stage.put_users(people)

        order = compile_listing(USER, None, "phoneNumbers", descending=False)
        found = [body["id"] for body in await stage.found(USER, order)]

        assert found == [made[2], made[1], made[0]]


async def test_groups_of_a_user_are_ordered_by_the_first_of_their_names(db: Database) -> None:
    async with staged(db) as stage:
        made = await stage.put_users([{"active": True}] * 3)
        await stage.put_groups(
            {"zeta": made[:1], "beta": made[1:2], "eta": made[:1], "alpha": made[:1]}
        )

        order = compile_listing(USER, None, "groups.display", descending=False)

        assert [body["id"] for body in await stage.found(USER, order)] == made


async def test_a_filter_and_an_order_go_together(stage: Searched) -> None:
    text = 'emails.type eq "work" and active pr'

    both = compile_listing(USER, text, "userName", descending=True)

    assert [body["userName"] for body in await stage.found(USER, both)] == ["bob_%", "Ann"]


@pytest.mark.parametrize(
    "text",
    [
        "nosuch",
        "name",
        "addresses",
        "x509Certificates",
        "password",
        "userName pr",
        'emails[type eq "x"]',
        "",
        "\x00",
        "\ud800",
    ],
    ids=range(10),
)
def test_an_attribute_without_an_order_is_an_invalid_path(text: str) -> None:
    with pytest.raises(ScimError) as refused:
        compile_listing(USER, None, text, descending=False)

    assert (refused.value.status, refused.value.scim_type) == (400, "invalidPath")
