"""Filters and users for the comparison with scim2-parse-filter: valid filters in pairs, and broken ones.

A pair is one meaning in two notations: the filter that calscim gets, and the one that the package understands. They differ
only where the package does not follow RFC 7644; ``DIFFERENCES`` in test_filters.py has an example of each. All texts are
in lower case, because the package compares with regard to case.
"""

from typing import Any

from hypothesis import strategies as st

from calscim.scim.schema import ENTERPRISE_URN, GROUP_URN, USER_URN

Pair = tuple[str, str]

# Mostly texts that begin or end with each other, so that a wrong operator finds other users.
TEXTS = ["a", "ab", "ba", "a", "ab", "ba", "aba", "a b", "b_%", "é", "x@acme.com", "(", '"']
texts = st.sampled_from(TEXTS)
kinds = st.sampled_from(["work", "home"])
values = st.lists(
    st.fixed_dictionaries({"value": texts, "type": kinds}, optional={"display": texts}),
    min_size=1,
    max_size=3,
)


def _or_none(value: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 5).flatmap(lambda chance: value if chance else st.none())


def _without_none(user: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in user.items() if value is not None}


user = st.fixed_dictionaries(
    {
        "active": st.booleans(),
        "externalId": _or_none(texts),
        "title": _or_none(texts),
        "name": _or_none(
            st.fixed_dictionaries({"givenName": texts}, optional={"familyName": texts})
        ),
        "phoneNumbers": _or_none(values),
        ENTERPRISE_URN: _or_none(st.fixed_dictionaries({"department": texts})),
    }
).map(_without_none)
users: st.SearchStrategy[list[dict[str, Any]]] = st.lists(user, min_size=5, max_size=8).map(
    lambda people: [
        {**person, "userName": f"{TEXTS[number % 3]}{number}"}
        for number, person in enumerate(people)
    ]
)

# What is compared, as calscim gets it and as the package understands it.
NAMES: list[Pair] = [
    ("userName", "userName"),
    ("USERNAME", "username"),
    (f"{USER_URN}:userName", "userName"),
    (f"{USER_URN}:name.familyName", "name.familyName"),
    ("title", "title"),
    ("externalId", "externalId"),
    ("name.givenName", "name.givenName"),
    ("Name.GivenName", "name.givenname"),
    ("phoneNumbers", "phoneNumbers.value"),
    ("phoneNumbers.value", "phoneNumbers.value"),
    ("phoneNumbers.type", "phoneNumbers.type"),
    ("groups.display", "groups.display"),
    (f"{ENTERPRISE_URN}:department", f"{ENTERPRISE_URN}:department"),
]
PARTS: list[Pair] = [(part, part) for part in ("value", "type", "display")]
PRESENT: list[Pair] = [*NAMES, ("name", "name"), ("groups", "groups.value"), ("meta", "meta")]


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


def _compared(names: list[Pair], values: st.SearchStrategy[str] = texts) -> st.SearchStrategy[Pair]:
    """Return comparisons. To the package, an attribute without a value is not "ne", and null is a value."""

    def pair(chosen: tuple[Pair, str, str]) -> Pair:
        (ours, theirs), op, value = chosen
        if op.lower() == "ne":
            return f"{ours} {op} {value}", f"not ({theirs} eq {value})"
        return f"{ours} {op} {value}", f"{theirs} {op} {value}"

    operators = st.sampled_from(["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "EQ", "Ne"])
    compared = st.tuples(st.sampled_from(names), operators, values.map(_quoted)).map(pair)
    return compared | _present(names)


def _present(names: list[Pair]) -> st.SearchStrategy[Pair]:
    return st.sampled_from(names).map(lambda name: (f"{name[0]} pr", f"{name[1]} pr"))


def _active(chosen: tuple[str, str, str]) -> Pair:
    name, op, value = chosen
    unquoted = value.strip('"').lower()
    return (
        f"{name} {op} {value}",
        f"active eq {unquoted}" if op == "eq" else f"not (active eq {unquoted})",
    )


active = st.tuples(
    st.sampled_from(["active", "Active"]),
    st.sampled_from(["eq", "ne"]),
    st.sampled_from(["true", "false", "True", '"False"']),
).map(_active)


def _combined(terms: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    """Return filters of one to four terms, with and without parentheses."""

    def joined(chosen: tuple[Pair, str, Pair]) -> Pair:
        left, word, right = chosen
        return f"{left[0]} {word} {right[0]}", f"{left[1]} {word} {right[1]}"

    words = st.sampled_from(["and", "or", "AND", "Or"])
    negated = terms.map(lambda term: (f"not ({term[0]})", f"not ({term[1]})"))
    one = terms | negated
    two = st.tuples(one, words, one).map(joined)
    grouped = two.map(lambda pair: (f"({pair[0]})", f"({pair[1]})"))
    apart = two.map(lambda pair: (f"not ( {pair[0]} )", f"not ({pair[1]})"))
    return one | two | apart | st.tuples(two | grouped, words, two | grouped).map(joined)


def _bracketed(name: str, parts: list[Pair]) -> st.SearchStrategy[Pair]:
    """Return value paths of one comparison. The package applies each of several to all values at once."""
    positive = _compared(parts).filter(lambda pair: not pair[1].startswith("not "))
    return positive.map(lambda pair: (f"{name}[{pair[0]}]", f"{name}[{pair[1]}]"))


pairs = _combined(
    _compared(NAMES)
    | _present(PRESENT)
    | active
    | _bracketed("phoneNumbers", PARTS)
    | _bracketed("groups", PARTS[:2])
)
# Filters on groups. MEMBERS stand for the ids of users, which are not known yet.
MEMBERS = ["{first}", "{second}", "{third}"]
GROUP_NAMES: list[Pair] = [
    ("displayName", "displayName"),
    ("DISPLAYNAME", "displayname"),
    (f"{GROUP_URN}:displayName", "displayName"),
    ("externalId", "externalId"),
]
MEMBER_NAMES: list[Pair] = [("members", "members.value"), ("members.value", "members.value")]
member_ids = st.sampled_from(MEMBERS)
group_pairs = _combined(
    _compared(GROUP_NAMES)
    | _compared(MEMBER_NAMES, member_ids)
    | _present([("members.type", "members.type"), ("meta", "meta")])
    | member_ids.map(lambda text: (f'members[value eq "{text}"]', f'members.value eq "{text}"'))
)
# What stands in the brackets of a value path.
inner_pairs = _combined(_compared(PARTS))

MARKS = [
    *'()[]"\\.:-_ 1aé$',
    " and ",
    " or ",
    "not ",
    "not",
    " eq ",
    " pr",
    "true",
    "Null",
    "-1 ",
    '"a"',
    "title",
    "",
]


def _broken(chosen: tuple[Pair, list[tuple[float, int, str]]]) -> str:
    (text, _), changes = chosen
    for place, length, mark in changes:
        start = int(place * len(text))
        text = text[:start] + mark + text[start + length :]
    return text


# Filters with a few characters changed, most of them invalid.
broken = st.tuples(
    pairs,
    st.lists(
        st.tuples(st.floats(0, 1), st.sampled_from([0, 0, 1, 1, 2, 4]), st.sampled_from(MARKS)),
        min_size=1,
        max_size=2,
    ),
).map(_broken)
