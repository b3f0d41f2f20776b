"""Filters: calscim and the npm package scim2-parse-filter accept the same texts and find the same users."""

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from calscim.directory.keyset_pages import Listing
from calscim.errors import ScimError
from calscim.postgres.pool import Database
from calscim.scim.filter.compile import compile_filter
from calscim.scim.filter.parse import parse_filter
from calscim.scim.patch.value_filter import check_filter, matches
from calscim.scim.schema import GROUP, USER, USER_URN
from tests.conformance.npm.filter_faults import FAULTS, Fault, is_explained
from tests.conformance.npm.generated_filters import (
    MEMBERS,
    TEXTS,
    Pair,
    broken,
    group_pairs,
    inner_pairs,
    pairs,
    users,
)
from tests.conformance.npm.oracle import Oracle, RefusedError, needed
from tests.scim.test_filters import staged

pytestmark = needed
several = settings(
    max_examples=int(os.environ.get("CONFORMANCE_EXAMPLES", "10")),
    phases=(Phase.explicit, Phase.generate),
    derandomize=True,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)


@several
@given(people=users, filters=st.lists(pairs, min_size=40, max_size=40))
async def test_a_filter_finds_the_users_that_scim2_parse_filter_finds(
    db: Database, oracle: Oracle, people: list[dict[str, Any]], filters: list[Pair]
) -> None:
    async with staged(db) as stage:
        made = await stage.put_users(people)
        await stage.put_groups({"a": made[:1], "ab": made[:2], "b_%": []})
        everybody = await stage.found(USER, Listing("true"))

        for ours, theirs in filters:
            found = await stage.found(USER, compile_filter(USER, ours))

            matching = oracle.matches(theirs, everybody)
            expected = [
                user for user, is_match in zip(everybody, matching, strict=True) if is_match
            ]
            assert found == expected, (ours, theirs)


@several
@given(
    names=st.lists(st.sampled_from(TEXTS), min_size=3, max_size=6, unique=True),
    filters=st.lists(group_pairs, min_size=40, max_size=40),
)
async def test_a_filter_finds_the_groups_that_scim2_parse_filter_finds(
    db: Database, oracle: Oracle, names: list[str], filters: list[Pair]
) -> None:
    async with staged(db) as stage:
        ids = await stage.put_users([{"active": True}] * len(MEMBERS))
        for number, name in enumerate(names):
            members = [one for place, one in enumerate(ids) if number >> place & 1]
            await stage.put_groups({name: members}, externalId=names[number - 1])
        every_group = await stage.found(GROUP, Listing("true"))

        for pair in filters:
            ours, theirs = (_with_ids(text, ids) for text in pair)
            found = await stage.found(GROUP, compile_filter(GROUP, ours))

            matching = oracle.matches(theirs, every_group)
            assert found == [
                group for group, is_match in zip(every_group, matching, strict=True) if is_match
            ], ours


def _with_ids(text: str, ids: list[str]) -> str:
    for name, member_id in zip(MEMBERS, ids, strict=True):
        text = text.replace(name, member_id)
    return text


@several
@given(people=users, filters=st.lists(inner_pairs, min_size=40, max_size=40))
async def test_brackets_select_the_values_that_scim2_parse_filter_selects(
    db: Database, oracle: Oracle, people: list[dict[str, Any]], filters: list[Pair]
) -> None:
    async with staged(db) as stage:
        await stage.put_users(people)
        everybody = await stage.found(USER, Listing("true"))
        numbers = USER.attributes["phonenumbers"]

        for ours, theirs in filters:
            found = await stage.found(USER, compile_filter(USER, f"phoneNumbers[{ours}]"))
            node = check_filter(numbers, parse_filter(ours))

            for user in everybody:
                values = user.get("phoneNumbers", [])
                selected = oracle.matches(theirs, values)
                assert [matches(numbers, node, value) for value in values] == selected, ours
                assert (user in found) == any(selected), ours


def _is_accepted_here(text: str) -> bool:
    try:
        parse_filter(text)
    except ScimError as refused:
        assert (refused.status, refused.scim_type) == (400, "invalidFilter")
        return False
    return True


def _is_accepted_there(oracle: Oracle, text: str) -> bool:
    try:
        oracle.matches(text, [])
    except RefusedError:
        return False
    return True


@several
@given(texts=st.lists(broken, min_size=30, max_size=30))
def test_a_filter_is_invalid_if_scim2_parse_filter_says_so(
    oracle: Oracle, texts: list[str]
) -> None:
    for text in texts:
        accepts = _is_accepted_there(oracle, text)

        assert _is_accepted_here(text) == accepts or is_explained(text, accepts=accepts), text


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.reason)
def test_scim2_parse_filter_still_reads_this_filter_otherwise(oracle: Oracle, fault: Fault) -> None:
    assert _is_accepted_there(oracle, fault.example) == fault.accepts
    assert _is_accepted_here(fault.example) != fault.accepts
    assert is_explained(fault.example, accepts=fault.accepts)


# A user whom one of the two finds: the filter, whether calscim finds the user, and what RFC 7644 section 3.4.2.2 says.
SEARCHED = {
    "userName": "ann",
    "phoneNumbers": [{"value": "1", "type": "work"}, {"value": "2", "type": "home"}],
}
DIFFERENCES = [
    ('title ne "x"', True, "an attribute without a value is not identical to any"),
    ("title eq null", True, "null is the same as no value (RFC 7643 section 2.5)"),
    ('userName eq "ANN"', True, "userName is compared without regard to case"),
    (f'{USER_URN}:userName eq "ann"', True, "the URN of the schema may stand before the name"),
    ('phoneNumbers eq "1"', True, "a complex attribute is compared by its value"),
    ('phoneNumbers[type eq "home" and value eq "1"]', False, "one value meets all in brackets"),
]


@pytest.mark.parametrize(("text", "is_found", "rule"), DIFFERENCES)
async def test_scim2_parse_filter_still_finds_otherwise(
    db: Database, oracle: Oracle, text: str, is_found: bool, rule: str
) -> None:
    async with staged(db) as stage:
        await stage.put_users([SEARCHED])
        everybody = await stage.found(USER, Listing("true"))

        assert bool(await stage.found(USER, compile_filter(USER, text))) == is_found, rule
        assert oracle.matches(text, everybody) == [not is_found]
