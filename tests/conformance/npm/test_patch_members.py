"""PATCH of members: a group has the members that the npm package scim-patch leaves it."""

import os
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.conformance.npm.oracle import Oracle, needed
from tests.scim.conftest import patch

pytestmark = needed

PEOPLE = [f"{name}@acme.example" for name in ("ann", "bob", "cyd", "dan")]
person = st.sampled_from(PEOPLE)
several_people = st.lists(person, min_size=1, max_size=4)
changes = st.sampled_from(["add", "replace"])
# Kinds of operations and whom they name. The ids of the people are known when the test runs.
kinds = st.one_of(
    st.tuples(changes, st.just("list"), several_people),
    st.tuples(changes, st.just("no path"), several_people),
    st.tuples(st.just("add"), st.just("one"), several_people),
    st.tuples(st.just("remove"), st.sampled_from(["filter", "list"]), several_people),
    st.tuples(st.just("remove"), st.just("all"), st.just([])),
)


def _operation(op: str, form: str, ids: list[str]) -> dict[str, Any]:
    members = [{"value": one} for one in dict.fromkeys(ids)]
    match form:
        case "list":
            return {"op": op, "path": "members", "value": members}
        case "no path":
            return {"op": op, "value": {"members": members}}
        case "one":
            return {"op": op, "path": "members", "value": members[0]}
        case "filter":
            text = " or ".join(f'value eq "{one}"' for one in ids)
            return {"op": op, "path": f"members[{text}]"}
    return {"op": op, "path": "members"}


@settings(
    max_examples=int(os.environ.get("CONFORMANCE_EXAMPLES", "10")) * 3,
    phases=(Phase.explicit, Phase.generate),
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    before=st.lists(person, unique=True),
    requests=st.lists(st.lists(kinds, min_size=1, max_size=3), min_size=1, max_size=4),
)
async def test_operations_leave_the_members_that_scim_patch_leaves(
    provider, oracle: Oracle, before: list[str], requests: list[list[tuple[str, str, list[str]]]]
) -> None:
    ids = {name: await _user(provider, name) for name in PEOPLE}
    group = await provider.group("Sales", *(ids[name] for name in before))
    members = [{"value": ids[name]} for name in before]

    for request in requests:
        operations = [
            _operation(op, form, [ids[name] for name in people]) for op, form, people in request
        ]
        answer = await provider("PATCH", f"/Groups/{group}", patch(*operations))
        assert answer.status == 204, answer

        for operation in operations:
            left = oracle.patched({"members": members}, [operation])
            members = left.get("members", [])
        assert await provider.members(group) == {member["value"] for member in members}, operations
    await provider("DELETE", f"/Groups/{group}")


async def _user(provider, name: str) -> str:
    """Return the id of a user, who is created unless an earlier example did so."""
    found = await provider("GET", f'/Users?filter=userName eq "{name}"&attributes=id')
    return (
        found.body["Resources"][0]["id"]
        if found.body["totalResults"]
        else await provider.user(name)
    )
