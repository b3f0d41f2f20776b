"""Properties of PATCH for arbitrary operations."""

import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from calscim.errors import ScimError
from calscim.scim import decode
from calscim.scim.patch import apply
from calscim.scim.schema import ENTERPRISE_URN
from tests.scim.patched_resources import ADA, CUSTOM, body, patched

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
SCALAR = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | TEXT
KIND = st.sampled_from(["work", "home", "other"])
EMAIL = st.fixed_dictionaries(
    {"value": TEXT.filter(bool)}, optional={"type": KIND, "primary": st.booleans()}
)
VALUE = st.recursive(
    SCALAR | EMAIL,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["value", "type", "primary", "givenName", "title", "active"]) | TEXT,
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
PATH = st.sampled_from(
    [
        "title",
        "active",
        "userName",
        "name",
        "name.givenName",
        "emails",
        "emails.value",
        'emails[type eq "work"]',
        'emails[type eq "work"].value',
        "emails[primary eq true].primary",
        'emails[not (value pr) or type ne "home"].type',
        'addresses[type eq "work"].locality',
        "roles",
        "email",
        "givenName",
        ENTERPRISE_URN,
        f"{ENTERPRISE_URN}:department",
        f"{ENTERPRISE_URN}:manager",
        f"{ENTERPRISE_URN}:manager.value",
        CUSTOM,
        f"{CUSTOM}:hat",
        "id",
        "schemas",
        "password",
        "nonsense",
    ]
)
OPERATION = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "replace", "remove"])},
    optional={
        "path": PATH,
        "value": VALUE | st.lists(EMAIL) | st.dictionaries(PATH | TEXT, VALUE, max_size=3),
    },
)


@settings(max_examples=400)
@given(st.lists(OPERATION, min_size=1, max_size=4))
def test_every_patch_gives_a_storable_user_or_is_refused(operations):
    before, sent = copy.deepcopy(ADA), copy.deepcopy(operations)

    try:
        made = apply.to_user(ADA, body(*operations))
    except ScimError as error:
        made = None
        assert error.status == 400
        assert error.scim_type

    assert before == ADA
    assert sent == operations
    if made is not None:
        assert decode.user(made) == {"active": True} | made
        assert sum(one.get("primary") is True for one in made.get("emails", [])) <= 1


@settings(max_examples=100)
@given(EMAIL, st.from_regex(r"[a-z]{1,8}@new\.example", fullmatch=True))
def test_adding_and_removing_an_address_restores(one, value):
    address = one | {"value": value, "primary": False}
    added = patched("add", "emails", [address])

    assert patched("remove", "emails", [address], of=added) == ADA


@settings(max_examples=200)
@given(st.lists(OPERATION, min_size=1, max_size=3))
def test_a_replacement_that_is_repeated_changes_nothing_more(operations):
    operations = [one | {"op": "replace"} for one in operations]
    try:
        once = apply.to_user(ADA, body(*operations))
        twice = apply.to_user(once, body(*operations))
    except ScimError:
        return

    if len(operations) == 1:
        assert twice == once
