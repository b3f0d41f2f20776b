"""Hostile input over HTTP: each response is valid SCIM, no change is partial, and the journal stays valid."""

import json
import string
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from calscim.journal import chain
from calscim.scim.schema import ENTERPRISE_URN, GROUP_URN, USER_URN

ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
SNAPSHOT = """
SELECT md5(coalesce((SELECT string_agg(u::text, ',' ORDER BY u.id) FROM calscim.users u), '')
        || coalesce((SELECT string_agg(g::text, ',' ORDER BY g.id) FROM calscim.groups g), '')
        || coalesce((SELECT string_agg(e::text, ',' ORDER BY e.user_id, e.value_key) FROM calscim.user_emails e), '')
        || coalesce((SELECT string_agg(m::text, ',' ORDER BY m.group_id, m.member_id) FROM calscim.members m), ''))
"""
# Each of these has broken some server: numbers that are no 64 bits, half characters, names of Python's and SQL's own.
TEXTS = [
    "",
    " ",
    "ann@acme.com",
    "ANN@ACME.COM",
    "'; DROP TABLE calscim.users; --",
    "$1",
    "%",
    "\\",
    '"',
    "\x00",
    "\ud800",
    "\u202e",
    "e\u0301",
    "İ",
    "ß",
    "😀" * 3,
    "x" * 9000,
    "__class__",
    "null",
    "True",
    'W/"1"',
    "../../etc/passwd",
    "00000000-0000-0000-0000-000000000000",
    "bulkId:a",
    "2026-13-45T99:99:99Z",
    'emails[type eq "work"].value',
    'members[value eq "x"]',
    f"{ENTERPRISE_URN}:manager.value",
    "urn:x:y:z",
    "(" * 50,
]
NAMES = [
    "schemas",
    "id",
    "externalId",
    "meta",
    "userName",
    "USERNAME",
    "displayName",
    "name",
    "active",
    "emails",
    "email",
    "addresses",
    "phoneNumbers",
    "x509Certificates",
    "groups",
    "members",
    "roles",
    "password",
    "value",
    "$ref",
    "type",
    "primary",
    "op",
    "path",
    "Operations",
    "operations",
    "failOnErrors",
    "bulkId",
    "method",
    "data",
    "version",
    "filter",
    "sortBy",
    "sortOrder",
    "startIndex",
    "count",
    "attributes",
    "excludedAttributes",
    "urn:x:y",
    "urn:",
    ENTERPRISE_URN,
    USER_URN,
    GROUP_URN,
]
texts = st.sampled_from(TEXTS) | st.text(max_size=8) | st.sampled_from(NAMES)
numbers = st.sampled_from([0, 1, -1, 2**31, 2**63, -(2**63) - 1, 1e308, 0.1, 10**40])
leaves = st.none() | st.booleans() | numbers | texts
names = st.sampled_from(NAMES) | texts
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(names, values, max_size=6)

ops = st.sampled_from(["add", "Replace", "REMOVE", "remove", "replace", "move", ""])
paths = st.sampled_from(
    [
        "userName",
        "displayName",
        "active",
        "name",
        "name.givenName",
        "emails",
        "emails.value",
        'emails[type eq "work"]',
        'emails[type eq "work"].value',
        'emails[type eq "work" and value co "@"].display',
        'emails[primary eq "True"].value',
        "addresses[not (type pr)].country",
        "members",
        "members.value",
        'members[value eq "00000000-0000-0000-0000-000000000000"]',
        'members[display sw "a"]',
        ENTERPRISE_URN,
        f"{ENTERPRISE_URN}:manager",
        f"{ENTERPRISE_URN}:manager.value",
        f"{USER_URN}:userName",
        "urn:x:y",
        "urn:x:y:z",
        "id",
        "meta",
        "groups",
        "schemas",
        "password",
        "roles",
        "x509Certificates.value",
    ]
)
operations = st.fixed_dictionaries(
    {"op": ops}, optional={"path": paths | texts, "value": values | objects}
)
patches = st.fixed_dictionaries({"Operations": st.lists(operations, max_size=4)})
users = st.fixed_dictionaries(
    {"userName": texts},
    optional={
        "active": leaves,
        "name": values,
        "emails": values,
        "externalId": leaves,
        "groups": values,
        ENTERPRISE_URN: values,
        "urn:x:y": values,
    },
)
groups = st.fixed_dictionaries(
    {"displayName": texts}, optional={"members": values, "externalId": leaves}
)
bulk = st.fixed_dictionaries(
    {
        "Operations": st.lists(
            st.fixed_dictionaries(
                {
                    "method": st.sampled_from(["POST", "PUT", "PATCH", "DELETE", "GET", ""]),
                    "path": st.sampled_from(
                        ["/Users", "/Groups", "/Users/bulkId:a", "/Users/x", "/Bulk", ""]
                    ),
                },
                optional={
                    "bulkId": st.sampled_from(["a", "b", ""]) | leaves,
                    "data": users | groups | patches | values,
                    "version": leaves,
                },
            )
            | values,
            max_size=4,
        )
    },
    optional={"failOnErrors": leaves},
)
searches = st.dictionaries(
    st.sampled_from(
        [
            "filter",
            "sortBy",
            "sortOrder",
            "startIndex",
            "cursor",
            "count",
            "attributes",
            "excludedAttributes",
        ]
    ),
    leaves | paths | st.lists(texts, max_size=3),
    max_size=4,
)
bodies = users | groups | patches | bulk | searches | objects | values
queries = st.lists(
    st.tuples(
        st.sampled_from(
            ["filter", "sortBy", "sortOrder", "startIndex", "cursor", "count", "attributes", ""]
        ),
        st.sampled_from(
            [
                'userName eq "a"',
                'userName sw "\\u0000"',
                "not (",
                'emails[type eq "work"].value eq "x"',
                'id eq "x"',
                "meta.created gt 1",
                'members eq "x"',
                "name pr",
                "active eq True",
            ]
        )
        | paths
        | texts
        | numbers.map(str),
    ),
    max_size=3,
)
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND"]
PLACES = [
    "/Users",
    "/Users/{user}",
    "/Groups",
    "/Groups/{group}",
    "/Bulk",
    "/.search",
    "/Users/.search",
    "/Groups/.search",
    "/Schemas",
    "/ResourceTypes/User",
    "/ServiceProviderConfig",
    "/Me",
    "",
    "/",
]
segments = st.text(alphabet=string.printable + "\x00é😀", max_size=12) | st.sampled_from(TEXTS)
places = st.sampled_from(PLACES) | st.lists(segments, max_size=4).map(
    lambda parts: "/" + "/".join(_quoted(part) for part in parts)
)
headers = st.dictionaries(
    st.sampled_from(["If-Match", "If-None-Match", "Content-Type", "X-Request-Id", "Accept"]),
    st.sampled_from(
        ["*", 'W/"1"', '"1"', 'W/"99999999999999999999999"', "x", "text/plain", "application/json"]
    ),
    max_size=2,
)
requests = st.tuples(st.sampled_from(METHODS), places, queries, bodies, headers)


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "replace"), safe="")


def _address(place: str, query: list[tuple[str, str]], known: dict[str, str]) -> str:
    path = place.format(**known) if place in PLACES else place
    asked = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in query)
    return f"{path}?{asked}" if asked else path


def _encoded(body: Any) -> bytes:
    return json.dumps(body).encode()  # escapes half characters, so that the server has to see them


hostile = settings(
    max_examples=40,
    phases=(Phase.explicit, Phase.generate),
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


async def _sent(provider, method, path, raw, more):
    """Send a request, and check its response and the tables after it."""
    before = await provider.db.fetchval(SNAPSHOT)
    rows = await provider.db.fetchval("SELECT count(*) FROM calscim.journal")

    answer = await provider(method, path, raw=raw, **more)

    said = (method, path, raw[:500], more, answer)
    assert answer.status < 500 or answer.status == 501, said  # the database is there: no 503 either
    if answer.status >= 400:
        assert await provider.db.fetchval(SNAPSHOT) == before, said
        if method != "HEAD":
            assert answer.body["schemas"] == [ERROR], said
            assert answer.body["status"] == str(answer.status), said
            assert answer.body["detail"], said
    written = await provider.db.fetchval("SELECT count(*) FROM calscim.journal") - rows
    plain = path.partition("?")[0].rstrip("/")
    searched = method == "POST" and plain.endswith("/.search")
    if searched or method not in ("POST", "PUT", "PATCH", "DELETE"):
        assert written == 0, said
    elif plain == "/Bulk" and answer.status == 200:
        assert written == len(answer.body["Operations"]), said
        assert all(int(one["status"]) < 500 for one in answer.body["Operations"]), said
    else:
        assert written == 1, said
    return answer


async def _whole(provider) -> None:
    verdict = await chain.verify(provider.db)
    assert not verdict.broken
    numbers = [row["seq"] for row in await provider.journal()]
    assert numbers == list(range(1, len(numbers) + 1))


async def _known(provider) -> dict[str, str]:
    """Create a user and a group, whatever state the last example has left."""
    known = {}
    for place, body in (
        ("user", {"userName": "fuzzed", "emails": [{"value": "f@acme.com", "type": "work"}]}),
        ("group", {"displayName": "fuzzed"}),
    ):
        path = f"/{place.capitalize()}s"
        made = await provider("POST", path, body)
        if made.status == 409:
            name = "userName" if place == "user" else "displayName"
            made = await provider("GET", f'{path}?filter={name} eq "fuzzed"')
            made.body.update(made.body["Resources"][0])
        known[place] = made.body["id"]
    return known


def _everywhere(text: str, known: dict[str, str]) -> list[tuple[str, str, Any]]:
    """Return requests with a text in every place where a client may put one."""
    ann, sales = f"/Users/{known['user']}", f"/Groups/{known['group']}"
    email = {"value": text, "type": text, "display": text, "primary": text}

    def change(path: str | None, value: Any, op: str = "replace") -> dict[str, Any]:
        return {"Operations": [{"op": op, "path": path, "value": value}]}

    return [
        ("POST", "/Users", {"userName": text}),
        ("PUT", ann, {"userName": "fuzzed", "externalId": text}),
        ("PUT", ann, {"userName": "fuzzed", "active": text}),
        ("PUT", ann, {"userName": "fuzzed", "emails": [{"value": text}], "email": text}),
        ("PUT", ann, {"userName": "fuzzed", "emails": [email]}),
        ("PUT", ann, {"userName": "fuzzed", "name": {"givenName": text}, "givenName": text}),
        ("PUT", ann, {"userName": "fuzzed", "urn:x:y": {"a": text}}),
        ("PUT", ann, {"userName": "fuzzed", "urn:x:y": {text: [{text: 1}]}}),
        ("PUT", ann, {"userName": "fuzzed", f"urn:{text}": {"a": 1}}),
        ("PUT", ann, {"userName": "fuzzed", ENTERPRISE_URN: {"manager": text}}),
        ("PUT", ann, {"userName": "fuzzed", text: text}),
        ("PATCH", ann, change(text, "x")),
        ("PATCH", ann, change("title", text)),
        ("PATCH", ann, change(None, {text: "x"})),
        ("PATCH", ann, change(f'emails[type eq "{text}"].value', text)),
        ("PATCH", ann, change("emails", [text], "remove")),
        ("PATCH", ann, change("title", "x", text)),
        ("PATCH", ann, change("urn:x:y", {text: text})),
        ("POST", "/Groups", {"displayName": text, "members": [text, {"value": text}]}),
        ("PATCH", sales, change("members", [{"value": text, "$ref": text}], "add")),
        ("PATCH", sales, change("members", text, "remove")),
        ("PATCH", sales, change(f'members[value eq "{text}"]', None, "remove")),
        ("PATCH", sales, change("displayName", text)),
        ("POST", "/Users/.search", {"filter": text}),
        ("POST", "/Users/.search", {"filter": f"userName eq {json.dumps(text)}"}),
        ("POST", "/Users/.search", {"filter": f"emails[value co {json.dumps(text)}]"}),
        ("POST", "/Groups/.search", {"filter": f"members.value eq {json.dumps(text)}"}),
        ("POST", "/.search", {"filter": f"displayName sw {json.dumps(text)}"}),
        ("POST", "/Users/.search", {"sortBy": text, "sortOrder": text}),
        ("POST", "/Users/.search", {"attributes": [text], "startIndex": text}),
        ("POST", "/Users/.search", {"cursor": text}),
        ("POST", "/Users/.search", {"cursor": "", "sortBy": text, "filter": text}),
        ("GET", f"/Users/{_quoted(text)}", None),
        ("DELETE", f"/Groups/{_quoted(text)}", None),
        ("GET", f"/Users?filter=id%20eq%20%22{_quoted(text)}%22", None),
        ("GET", f"/Users?count={_quoted(text)}", None),
        ("POST", "/Bulk", {"Operations": [{"method": text, "path": text, "bulkId": text}]}),
        (
            "POST",
            "/Bulk",
            {
                "Operations": [
                    {"method": "DELETE", "path": f"/Users/{text}", "version": text},
                    {"method": "PUT", "path": ann, "data": {"userName": f"bulkId:{text}"}},
                ]
            },
        ),
    ]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text[:20]))
async def test_no_text_does_harm_wherever_it_stands(provider, text):
    known = await _known(provider)

    for method, path, body in _everywhere(text, known):
        await _sent(provider, method, path, b"" if body is None else _encoded(body), {})

    await _whole(provider)


@hostile
@given(sent=st.lists(requests, min_size=5, max_size=5))
async def test_any_request_is_answered_as_scim_answers(provider, sent):
    known = await _known(provider)

    for method, place, query, body, more in sent:
        await _sent(provider, method, _address(place, query, known), _encoded(body), more)

    await _whole(provider)


@hostile
@given(sent=st.lists(st.tuples(st.booleans(), patches), min_size=6, max_size=6))
async def test_any_patch_is_done_whole_or_not_at_all(provider, sent):
    known = await _known(provider)

    for is_user, body in sent:
        path = f"/Users/{known['user']}" if is_user else f"/Groups/{known['group']}"
        answer = await _sent(provider, "PATCH", path, _encoded(body), {})
        assert answer.status in (200, 204, 400, 409, 413), (body, answer)
        shown = await provider("GET", path)
        assert shown.body["userName" if is_user else "displayName"].strip()

    await _whole(provider)


@hostile
@given(
    changes=st.lists(bulk, min_size=4, max_size=4), asked=st.lists(searches, min_size=4, max_size=4)
)
async def test_any_bulk_request_and_any_search_are_answered(provider, changes, asked):
    for body in changes:
        await _sent(provider, "POST", "/Bulk", _encoded(body), {})
    for number, body in enumerate(asked):
        place = ("/.search", "/Users/.search", "/Groups/.search")[number % 3]
        await _sent(provider, "POST", place, _encoded(body), {})

    await _whole(provider)


@hostile
@given(sent=st.lists(st.tuples(st.booleans(), users, groups), min_size=4, max_size=4))
async def test_every_created_resource_can_be_read_listed_and_replaced(provider, sent):
    for is_user, user, group in sent:
        kind, body = ("Users", user) if is_user else ("Groups", group)
        made = await _sent(provider, "POST", f"/{kind}", _encoded(body), {})
        if made.status != 201:
            continue
        path = f"/{kind}/{made.body['id']}"
        read = await provider("GET", path)
        assert read.body == made.body
        back = await provider("PUT", path, read.body)
        assert back.status == 200, (read.body, back)
        assert back.body == read.body, "what is written back as it was read changes nothing"
        listed = await provider("GET", f'/{kind}?filter=id eq "{made.body["id"]}"')
        assert listed.body["Resources"] == [read.body]
        assert (await provider("DELETE", path)).status == 204


@hostile
@given(
    sent=st.lists(
        st.tuples(st.binary(max_size=60), st.sampled_from(PLACES)), min_size=5, max_size=5
    )
)
async def test_bytes_that_are_no_json_are_refused(provider, sent):
    known = await _known(provider)

    for raw, place in sent:
        path = _address(place, [], known)
        for method in ("POST", "PUT", "PATCH"):
            await _sent(provider, method, path, raw, {})
            await _sent(provider, method, path, b'{"userName": ' + raw + b"}", {})
