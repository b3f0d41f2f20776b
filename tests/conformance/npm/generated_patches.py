"""Users and PATCH operations for the comparison with scim-patch.

The operations are those that the package and RFC 7644 section 3.5.2 understand alike; ``DIFFERENCES`` in test_patch.py has
the others. So no operation makes a second value primary, adds a stored value again, or names an extension alone.
"""

from typing import Any

from hypothesis import strategies as st

from calscim.scim.schema import ENTERPRISE_URN, USER_URN

Json = dict[str, Any]

MANY = "phoneNumbers"
STORED = ["a", "b", "a b", "é", "c@acme.com"]
NEW = ["n", "nn", "né"]
stored = st.sampled_from(STORED)
new = st.sampled_from(NEW)
kinds = st.sampled_from(["work", "home", "fax"])


def _values(texts: st.SearchStrategy[str]) -> st.SearchStrategy[list[Json]]:
    value = st.fixed_dictionaries({"value": texts, "type": kinds}, optional={"display": texts})
    return st.lists(
        value, min_size=1, max_size=3, unique_by=lambda entry: (entry["value"], entry["type"])
    )


def _first_is_primary(user: Json) -> Json:
    for entry in user.get(MANY, [])[:1]:
        entry["primary"] = True
    return user


users: st.SearchStrategy[Json] = st.fixed_dictionaries(
    {"userName": stored, "active": st.booleans()},
    optional={
        "title": stored,
        "name": st.fixed_dictionaries({"givenName": stored}, optional={"familyName": stored}),
        MANY: _values(stored),
        ENTERPRISE_URN: st.fixed_dictionaries(
            {"department": stored}, optional={"division": stored}
        ),
    },
).map(_first_is_primary)

SINGLE = [
    "title",
    "displayName",
    f"{USER_URN}:title",
    "name.givenName",
    "name.familyName",
    f"{ENTERPRISE_URN}:department",
    f"{ENTERPRISE_URN}:division",
]
filters = st.one_of(
    kinds.map(lambda kind: f'type eq "{kind}"'),
    stored.map(lambda text: f'value eq "{text}"'),
    stored.map(lambda text: f'display sw "{text}"'),
    st.just("primary eq true"),
    st.tuples(kinds, stored).map(lambda pair: f'type eq "{pair[0]}" and value ew "{pair[1]}"'),
    st.tuples(kinds, stored).map(lambda pair: f'type eq "{pair[0]}" or value co "{pair[1]}"'),
    kinds.map(lambda kind: f'not (type eq "{kind}")'),
)
selected = filters.map(lambda text: f"{MANY}[{text}]")
parts = selected.map(lambda path: f"{path}.display")


def _change(path: st.SearchStrategy[str], value: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    ops = st.sampled_from(["add", "replace"])
    return st.fixed_dictionaries({"op": ops, "path": path, "value": value})


def _removal(path: st.SearchStrategy[str]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({"op": st.just("remove"), "path": path})


operations: st.SearchStrategy[Json] = st.one_of(
    _change(st.sampled_from(["userName", *SINGLE]), new),
    _change(st.just("active"), st.booleans()),
    _change(
        st.just("name"),
        st.fixed_dictionaries({}, optional={"givenName": new, "familyName": new}).filter(bool),
    ),
    _change(st.just(MANY), _values(new)),
    _change(parts | selected.map(lambda path: f"{path}.value"), new),
    _change(selected, _values(new).map(lambda values: values[0])),
    _removal(st.sampled_from([*SINGLE, "name", MANY])),
    _removal(selected | parts),
    st.fixed_dictionaries(
        {
            "op": st.sampled_from(["add", "replace"]),
            "value": st.fixed_dictionaries(
                {}, optional=dict.fromkeys(["userName", *SINGLE], new) | {"active": st.booleans()}
            ).filter(bool),
        }
    ),
)


def _with_new_values(changes: list[Json]) -> list[Json]:
    """Return the operations, each of which gives a user values that no other operation gives."""
    for number, change in enumerate(changes):
        values = change.get("value") if change.get("path") == MANY else None
        for value in values or ():
            value["value"] += str(number)
    return changes


several_operations = st.lists(operations, min_size=1, max_size=4).map(_with_new_values)
