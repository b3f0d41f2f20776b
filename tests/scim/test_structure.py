"""Bodies with too many values or too deep nesting are refused, and large ones do not block the event loop."""

import asyncio
import threading
import uuid
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calscim.errors import ScimError
from calscim.scim import compute_thread, structure
from calscim.scim.coerce import without_duplicates
from calscim.scim.compute_thread import INLINE_BYTES, compute
from calscim.scim.groups import MAX_MEMBERS
from calscim.scim.sizes import MAX_EXTENSION, MAX_RESOURCE, to_stored_json

BULKY = "urn:example:params:bulky:2.0:User"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text('[]{},"\\ a', max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('[{,"\\', max_size=2), inner)
    ),
    max_leaves=12,
)


def depth(value: Any) -> int:
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return 0
    return 1 + max(map(depth, value), default=0)


@given(JSON)
def test_the_maximum_depth_passes_and_a_deeper_body_does_not(value: Any) -> None:
    body = orjson.dumps({"value": value})
    spare = structure.MAX_DEPTH - depth({"value": value})
    wrapped = b'{"a":' * spare + body + b"}" * spare

    structure.check(wrapped)

    with pytest.raises(ScimError, match="nested more than 40 deep"):
        structure.check(b"[" + wrapped + b"]")


def test_a_body_with_too_many_values_of_any_kind_is_refused() -> None:
    for value in (b"{}", b"[]", b"1", b'""', b'"[{,"', b'{"a":1}', b'{"a":[]}', b'"\\""'):
        body = b'{"a":[' + b",".join([value] * (structure.MAX_VALUES + 1)) + b"]}"

        with pytest.raises(ScimError, match="more than 200,000 values") as refused:
            structure.check(body)

        assert (refused.value.status, refused.value.scim_type) == (400, "invalidSyntax")


def test_commas_and_brackets_in_texts_are_no_values() -> None:
    structure.check(orjson.dumps({"a": ',[{"\\' * structure.MAX_VALUES}))


def test_as_many_members_as_a_request_may_name_are_not_too_many_values() -> None:
    members = [{"value": str(uuid.UUID(int=n))} for n in range(MAX_MEMBERS)]

    structure.check(orjson.dumps({"displayName": "Everybody", "members": members}))


@pytest.mark.parametrize("body", [b"[" * 100, b"]" * 100, b"}{" * 100, b'"[' * 100, b"[}" * 100])
def test_invalid_json_passes_the_check_of_the_structure(body: bytes) -> None:
    structure.check(body)


@given(st.lists(JSON, max_size=12))
def test_each_of_equal_values_is_kept_once_and_in_order(values: list[Any]) -> None:
    expected: list[Any] = []
    for one in values:
        if one not in expected:
            expected.append(one)

    assert without_duplicates(values) == expected


# ------------------------------------------------------------------ what may be stored


async def test_an_extension_of_more_than_64_kib_is_refused_however_it_comes(provider) -> None:
    large = {"a": "x" * 8000, "b": ["y" * 8000] * 8}
    ann = await provider.user("ann@acme.example")
    whole = {"userName": "bea@acme.example", BULKY: large}
    path = {"op": "add", "path": BULKY, "value": large}
    part = {"op": "add", "value": {f"{BULKY}:b": large["b"], f"{BULKY}:a": large["a"]}}

    answers = [
        await provider("POST", "/Users", whole),
        await provider("PUT", f"/Users/{ann}", whole),
        await provider("PATCH", f"/Users/{ann}", {"Operations": [path]}),
        await provider("PATCH", f"/Users/{ann}", {"Operations": [part]}),
        await provider("POST", "/Groups", {"displayName": "Sales", BULKY: large}),
    ]

    for answer in answers:
        assert (answer.status, answer.body["scimType"]) == (400, "invalidValue"), answer
        assert f"send at most {MAX_EXTENSION}" in answer.body["detail"]


async def test_an_extension_that_grows_by_small_changes_is_refused_in_the_end(provider) -> None:
    ann = await provider.user("ann@acme.example")

    statuses = []
    for n in range(10):
        operation = {"op": "add", "path": f"{BULKY}:a{n}", "value": "x" * 8000}
        answer = await provider("PATCH", f"/Users/{ann}", {"Operations": [operation]})
        statuses.append(answer.status)

    assert statuses == [200] * 8 + [400] * 2


def test_a_resource_of_more_than_256_kib_is_refused() -> None:
    resource = {
        "userName": "ann",
        **{f"urn:example:params:a{n}:2.0:User": {"a": "x" * 60_000} for n in range(5)},
    }

    with pytest.raises(ScimError, match=f"send at most {MAX_RESOURCE}"):
        to_stored_json(resource)


def test_a_stored_resource_that_is_too_large_may_shrink_but_not_grow() -> None:
    before = {"userName": "ann", "active": True, BULKY: {"a": "x" * 300_000}}

    assert to_stored_json({**before, "active": None}, before)
    assert to_stored_json({**before, BULKY: {"a": "x" * 299_000}}, before)
    with pytest.raises(ScimError):
        to_stored_json({**before, BULKY: {"a": "x" * 300_001}}, before)


# ------------------------------------------------------------------ the event loop


async def test_a_long_computation_does_not_hold_the_event_loop() -> None:
    released = threading.Event()

    waiting = asyncio.create_task(compute("a", lambda: released.wait(10), at_once=False))
    await asyncio.sleep(0)
    released.set()

    assert await waiting


async def test_a_directory_has_one_computation_in_the_queue_at_a_time() -> None:
    released = threading.Event()
    order: list[str] = []

    tasks = [asyncio.create_task(compute("a", lambda: released.wait(10), at_once=False))]
    await asyncio.sleep(0)
    for directory in ("a", "a", "a", "b"):
        append = lambda name=directory: order.append(name)  # noqa: E731
        tasks.append(asyncio.create_task(compute(directory, append, at_once=False)))
    await asyncio.sleep(0)
    released.set()
    await asyncio.gather(*tasks)

    assert order[0] == "b"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "Bulk", ".search"])
async def test_no_large_body_is_parsed_by_the_event_loop(
    provider, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    threads = set()
    parse = orjson.loads

    def recorded(body: Any) -> Any:
        if len(body) > INLINE_BYTES:
            threads.add(threading.current_thread())
        return parse(body)

    ann = await provider.user("ann@acme.example")
    monkeypatch.setattr("calscim.scim.request.orjson.loads", recorded)
    name = {"userName": "bea@acme.example", "password": "secret"}
    emails = [{"value": f"a{n}@acme.example", "display": "x" * 100} for n in range(300)]
    operation = {"op": "add", "path": "emails", "value": emails}
    entry = {"method": "POST", "path": "/Users", "bulkId": "a", "data": {**name, "emails": emails}}
    answer = await {
        "POST": lambda: provider("POST", "/Users", {**name, "emails": emails}),
        "PUT": lambda: provider("PUT", f"/Users/{ann}", {**name, "emails": emails}),
        "PATCH": lambda: provider("PATCH", f"/Users/{ann}", {"Operations": [operation]}),
        "Bulk": lambda: provider("POST", "/Bulk", {"Operations": [entry]}),
        ".search": lambda: provider("POST", "/Users/.search", {"ignored": emails}),
    }[method]()

    assert answer.status in (200, 201), answer
    assert threads
    assert threading.main_thread() not in threads
    assert threads == set(compute_thread._thread._threads)
