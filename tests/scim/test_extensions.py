"""PATCH of extensions without a schema, by path (RFC 7644 section 3.5.2)."""

import orjson
import pytest

from calscim.errors import ScimError
from calscim.scim import decode
from calscim.scim.filter.parse import parse_filter
from calscim.scim.patch import apply
from calscim.scim.patch.operations import parse_operations
from calscim.scim.schema import ENTERPRISE_URN, GROUP, USER, USER_URN

ACME = "urn:example:params:scim:schemas:extension:acme:2.0:User"
BADGES = [{"type": "site", "code": "A"}, {"type": "Lab", "code": "B", "level": 3}]


def bare(**more):
    return {"schemas": [USER_URN, *more], "userName": "ada", "active": True, **more}


def user(*given, of=None):
    found = parse_operations(USER, {"Operations": [dict(one) for one in given]})
    return apply.to_user(bare() if of is None else of, found)


def extension(*given, **stored):
    return user(*given, of=bare(**({ACME: stored} if stored else {}))).get(ACME)


def at(op, path, *value):
    return {"op": op, "path": path, **({"value": value[0]} if value else {})}


# ------------------------------------------------------------------ from nothing


@pytest.mark.parametrize("op", ["add", "replace"])
@pytest.mark.parametrize(
    ("path", "value", "made"),
    [
        (f"{ACME}:costCode", "7", {"costCode": "7"}),
        (f"{ACME}:active", False, {"active": False}),
        (f"{ACME}:tags", ["a", "b"], {"tags": ["a", "b"]}),
        (f"{ACME}:address", {"city": "Bonn"}, {"address": {"city": "Bonn"}}),
        (f"{ACME}:address.city", "Bonn", {"address": {"city": "Bonn"}}),
        (f'{ACME}:badges[type eq "site"].code', "A", {"badges": [{"type": "site", "code": "A"}]}),
        (ACME, {"costCode": 7}, {"costCode": 7}),
    ],
)
def test_a_path_writes_an_extension_that_is_not_there(op, path, value, made):
    after = user(at(op, path, value))

    assert after[ACME] == made
    assert after["schemas"] == [USER_URN, ACME]


@pytest.mark.parametrize(
    "urn", ["urn:scim:schemas:extension:slack:profile:1.0", "urn:acme:hr:2.0:Group"]
)
def test_the_urn_of_an_extension_ends_with_a_version_or_a_type(urn):
    assert user(at("add", f"{urn}:startDate", "x"))[urn] == {"startDate": "x"}
    assert user({"op": "add", "value": {f"{urn}:startDate": "x"}})[urn] == {"startDate": "x"}
    assert user({"op": "add", "value": {urn: {"startDate": "x"}}})[urn] == {"startDate": "x"}


@pytest.mark.parametrize(
    "path",
    [f"{ACME}:costCode", f"{ACME}:address.city", f'{ACME}:badges[type eq "x"]', f'{ACME}:badges[type eq "x"].code', ACME, "urn:no:such:thing"],
)  # fmt: skip
def test_removing_a_missing_value_changes_nothing(path):
    assert user(at("remove", path)) == bare()
    if path != ACME:
        assert extension(at("remove", path), other=1) == {"other": 1}


@pytest.mark.parametrize("nothing", [None, "", [], {}])
def test_clearing_an_attribute_removes_it_and_an_empty_extension(nothing):
    assert extension(at("replace", f"{ACME}:costCode", nothing), costCode=7) is None
    assert extension(at("replace", f"{ACME}:costCode", nothing), costCode=7, a=1) == {"a": 1}
    assert user(at("add", f"{ACME}:costCode", nothing)) == bare()


@pytest.mark.parametrize("nothing", [None, "", [], {}, {"city": None}, {"a": {"b": []}}])
def test_an_object_is_stored_without_null_and_empty_values(nothing):
    address = {"city": "Bonn", "street": nothing}

    for written in (
        user(at("replace", f"{ACME}:address", address)),
        user(at("add", f"{ACME}:address", address)),
        user(at("replace", ACME, {"address": address})),
        user(
            at("replace", f'{ACME}:address[city eq "Bonn"]', address),
            of=bare(**{ACME: {"address": [address]}}),
        ),
        decode.user({"userName": "ada", ACME: {"address": address}}),
    ):
        assert written[ACME]["address"] in ({"city": "Bonn"}, [{"city": "Bonn"}])


@pytest.mark.parametrize("nothing", [None, "", [], {}])
def test_an_empty_value_clears_a_name_of_an_extension_in_any_case(nothing):
    stored = {"address": {"City": "Bonn", "zip": 1}, "costCode": 7}

    assert extension(at("replace", f"{ACME}:address", {"city": nothing}), **stored) == {
        "address": {"zip": 1},
        "costCode": 7,
    }
    assert extension(at("replace", ACME, {"COSTCODE": nothing}), **stored) == {
        "address": {"City": "Bonn", "zip": 1}
    }
    assert extension(at("add", ACME, {"COSTCODE": nothing}), costCode=7) is None


@pytest.mark.parametrize(
    "path",
    [f"{USER_URN}:shoeSize", f"{ENTERPRISE_URN}:shoeSize", "urn:ietf:params:scim:schemas:core:2.0:Group:x", "urn:no:such:thing", "urn:ietf:params:scim:api:messages:2.0:PatchOp:x"],
)  # fmt: skip
def test_an_attribute_of_a_known_schema_is_not_an_unknown_extension(path):
    with pytest.raises(ScimError) as caught:
        user(at("add", path, "x"))

    assert caught.value.scim_type == "invalidPath"


# ------------------------------------------------------------------ what is there


def test_values_are_added_and_replaced():
    assert extension(at("add", f"{ACME}:TAGS", ["b", "c"]), tags=["a", "b"]) == {
        "tags": ["a", "b", "c"]
    }
    assert extension(at("add", f"{ACME}:tags", "c"), tags=["a"]) == {"tags": ["a", "c"]}
    assert extension(at("replace", f"{ACME}:tags", ["c"]), tags=["a"]) == {"tags": ["c"]}
    assert extension(at("replace", f"{ACME}:address", {"zip": 1}), address={"city": "Bonn"}) == {
        "address": {"city": "Bonn", "zip": 1}
    }
    assert extension(at("remove", f"{ACME}:address.CITY"), address={"city": "Bonn", "a": 1}) == {
        "address": {"a": 1}
    }


@pytest.mark.parametrize(
    ("chosen", "codes"),
    [
        ('type eq "SITE"', ["x", "B"]),
        ('type ne "site"', ["A", "x"]),
        ("level gt 2", ["A", "x"]),
        ("level pr", ["A", "x"]),
        ("not (level pr)", ["x", "B"]),
        ('type sw "l" and code eq "b"', ["A", "x"]),
        ('type co "t" or type ew "b"', ["x", "x"]),
        ("level eq null", ["x", "B"]),
        ('level le "3" or level eq "3" or code eq true or code gt 1', ["A", "B"]),
    ],
)  # fmt: skip
def test_a_filter_chooses_values(chosen, codes):
    operation = at("replace", f"{ACME}:badges[{chosen}].code", "x")
    stored = [dict(one) for one in BADGES]
    if codes == ["A", "B"]:
        with pytest.raises(ScimError, match="matches the filter"):
            extension(operation, badges=stored)
        return

    after = extension(operation, badges=stored)

    assert [one["code"] for one in after["badges"]] == codes
    assert stored == BADGES


def test_chosen_values_are_merged_and_removed():
    site = f'{ACME}:badges[type eq "site"]'
    stored = {"badges": BADGES}

    assert extension(at("replace", site, {"level": 1}), **stored)["badges"][0] == {
        "type": "site",
        "code": "A",
        "level": 1,
    }
    assert extension(at("replace", site, [{"code": "Z"}]), **stored)["badges"][0] == {
        "type": "site",
        "code": "Z",
    }
    assert extension(at("remove", site), **stored)["badges"] == BADGES[1:]
    assert extension(at("remove", f"{site}.code"), **stored)["badges"][0] == {"type": "site"}
    assert extension(at("remove", f'{ACME}:tags[value eq "a"]'), tags=["a", "b"]) == {"tags": ["b"]}
    assert extension(at("add", f'{ACME}:badges[type eq "new"].code', "C"), **stored)["badges"][
        2
    ] == {
        "type": "new",
        "code": "C",
    }


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        (at("replace", f'{ACME}:badges[type eq "new"]', {"code": "C"}), "noTarget"),
        (at("replace", f'{ACME}:badges[type ne "site" and level pr and type eq "q"].code', "C"), "noTarget"),
        (at("replace", f'{ACME}:badges[a.b eq "new"].code', "C"), "invalidFilter"),
        (at("replace", f"{ACME}:costCode.x", "C"), "invalidPath"),
        (at("replace", f"{ACME}:cost code", "C"), "invalidPath"),
        (at("replace", f"{ACME}:costCode", "a\x00"), "invalidValue"),
        (at("replace", ACME, "C"), "invalidValue"),
        (at("replace", f'{ACME}:badges[type eq "site"]', [{"code": "C"}, {"code": "D"}]), "invalidValue"),
    ],
)  # fmt: skip
def test_an_impossible_operation_is_refused_but_never_stops_a_deactivation(operation, kind):
    stored = bare(**{ACME: {"badges": BADGES, "costCode": 7}})
    off = at("replace", "active", False)

    with pytest.raises(ScimError) as caught:
        user(operation, of=stored)

    assert caught.value.scim_type == kind
    for both in ((off, operation), (operation, off)):
        assert user(*both, of=stored) == stored | {"active": False}
    together = {"op": "replace", "value": {operation["path"]: operation["value"], "active": False}}
    assert user(together, of=stored)["active"] is False


def test_a_password_in_an_extension_is_dropped():
    assert user(at("add", f"{ACME}:password", "secret")) == bare()
    assert extension(at("add", f"{ACME}:login", {"password": "secret", "a": 1})) == {
        "login": {"a": 1}
    }


def test_groups_have_extensions_too():
    stored = {"schemas": [], "displayName": "Sales"}

    change = apply.to_group(
        stored, parse_operations(GROUP, {"Operations": [at("add", f"{ACME}:cost", 7)]})
    )

    assert change.resource[ACME] == {"cost": 7}
    with pytest.raises(ScimError):
        apply.to_group(stored, parse_operations(GROUP, {"Operations": [at("add", ACME, "x")]}))


@pytest.mark.parametrize("number", ["18446744073709551616", "-9223372036854775809", "9" * 400])
def test_a_number_that_cannot_be_stored_is_refused(number):
    for path in (
        f"{ACME}:badges[level eq {number}].code",
        f'emails[type eq "a" and value eq {number}]',
    ):
        with pytest.raises(ScimError, match="64 bits"):
            user(at("add", path, "x"))
    with pytest.raises(ScimError, match="64 bits"):
        parse_filter(f"not (userName eq {number})")

    made = extension(at("add", f"{ACME}:badges[level eq 18446744073709551615].code", "x"))
    assert orjson.loads(orjson.dumps(made)) == made
