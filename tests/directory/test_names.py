# ruff: noqa: RUF001 - letters that look alike are what this is about
"""When two names are the same: the rule in Python, in SQL, and in what uses either, give one answer."""

import sys
from unicodedata import normalize

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scim2_models import ScimFilter

from calscim import names
from calscim.planner.desired_state import DesiredState, User
from calscim.planner.identity import identify
from calscim.planner.ids import DirectoryId, UserId
from calscim.scim.filter.compile import compile_filter
from calscim.scim.schema import GROUP, USER
from calscim.testing.calcom.state import Account, State
from tests.scim.searched_directory import staged
from tests.support.server import OWNER, PREFIX

# Letters whose case or composition is a trap, and what stands around and between them.
TRAPS = "aAbßẞſKkÅåéÉe\u0301\u0308İIıi\u0307ΣσςЖжԱևǅǆĲĳͅΩωºª\u1fb3Ꭰꭰ𐐀𐐨ﬁ\u00a0 \t\n\u2003\u200b\u3000@.+%_\\'\""
texts = st.text(st.sampled_from(TRAPS) | st.characters(exclude_categories=["Cs", "Cn"], exclude_characters="\x00"), max_size=12)  # fmt: skip


def variants(text: str) -> list[str]:
    """Other spellings, of which some are the same name and some are not."""
    made = [
        text.lower(),
        text.upper(),
        text.casefold(),
        normalize("NFD", text),
        normalize("NFC", text),
    ]
    return [text, f" {text}\n", f"{text}x", *made]


pairs = texts.flatmap(
    lambda text: st.tuples(st.just(text), st.sampled_from(variants(text)) | texts)
)
some = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_a_letter_is_folded_as_python_lowers_it_decomposed():
    everything = map(chr, (*range(0xD800), *range(0xE000, sys.maxunicode + 1)))

    different = [
        hex(ord(one))
        for one in everything
        if names.folded(one)
        != normalize("NFC", normalize("NFD", one).lower().replace("\u03c2", "\u03c3"))
    ]

    assert different == []


@given(texts)
def test_a_key_is_its_own_key(text):
    key = names.address_key(text)

    assert names.address_key(key) == key
    assert names.spelling(names.spelling(text)) == names.spelling(text)
    assert names.group_key(names.spelling(text)) == names.group_key(text)


@given(texts)
def test_two_addresses_that_cal_com_stores_alike_have_one_key(text):
    """Cal.com stores an address in the lower case of JavaScript, which is that of Python."""
    assert names.address_key(text.lower()) == names.address_key(text)


@given(texts)
def test_a_key_of_an_earlier_release_leads_to_the_key_of_this_one(text):
    earlier = normalize("NFC", text).lower()

    assert names.user_name_key(earlier) == names.user_name_key(text)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Hans.Groß@acme.example", "hans.groß@ACME.example", True),
        ("hans.groß@acme.example", "HANS.GROẞ@acme.example", True),
        ("hans.groß@acme.example", "hans.gross@acme.example", False),
        ("rené@acme.example", "rene\u0301@acme.example", True),
        (" ann@acme.example\n", "ann@acme.example", True),
        ("ΑΝΝΑΣ", "αννας", True),
        ("ISTANBUL", "ıstanbul", False),
        ("\u2126", "ω", True),
    ],
)
def test_which_names_are_the_same(one, other, same):
    keys = (names.address_key, names.user_name_key, names.group_key, names.team_key)

    assert [(key(one) == key(other)) for key in keys] == [same] * len(keys)


# ------------------------------------------------------------------ in SQL


@pytest.fixture(params=["C", "C.UTF-8"])
async def elsewhere(request, postgres):
    """The functions in a database of another collation."""
    admin = await asyncpg.connect(postgres.dsn("postgres", OWNER))
    name = f"{PREFIX}_names"
    try:
        await admin.execute(
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE '{request.param}'"
        )
    except asyncpg.PostgresError as error:
        await admin.close()
        pytest.skip(f"this server has no {request.param}: {error}")
    functions = [
        "uppercase_letters",
        "lowercase_letters",
        "trim_whitespace",
        "fold_case",
        "name_key",
        "spelling",
    ]
    template = await asyncpg.connect(postgres.dsn(postgres.template, OWNER))
    definitions = [
        await template.fetchval("SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = $1 AND pronamespace = 'calscim'::regnamespace", one)
        for one in functions
    ]  # fmt: skip
    await template.close()
    connection = await asyncpg.connect(postgres.dsn(name, OWNER))
    await connection.execute("CREATE SCHEMA calscim")
    for definition in definitions:
        await connection.execute(definition)
    yield connection
    await connection.close()
    await admin.execute(f"DROP DATABASE {name}")
    await admin.close()


COMPARED = """
SELECT t AS text, calscim.fold_case(t) AS folded, calscim.name_key(t) AS key, calscim.spelling(t) AS spelling
FROM unnest($1::text[]) t
"""


async def different(connection, texts) -> list[str]:
    rows = await connection.fetch(COMPARED, list(texts))
    return [
        row["text"]
        for row in rows
        if (row["folded"], row["key"], row["spelling"])
        != (names.folded(row["text"]), names.group_key(row["text"]), names.spelling(row["text"]))
    ]


async def test_sql_folds_every_letter_as_python_does(elsewhere):
    letters = map(chr, (*range(1, 0xD800), *range(0xE000, 0x20000)))

    assert await different(elsewhere, (f"{one}A {one}" for one in letters)) == []


async def test_sql_folds_texts_as_python_does(elsewhere):
    lists: list[str] = []

    @settings(max_examples=2000)
    @given(texts)
    def collect(text: str) -> None:
        lists.append(text)

    collect()

    assert await different(elsewhere, lists) == []


# ------------------------------------------------------------------ in what uses it


@some
@given(found=st.lists(pairs, min_size=1, max_size=6))
async def test_a_filter_finds_the_names_with_the_same_key(db, found):
    """``n`` makes the names different from each other, and none of them blank."""
    async with staged(db) as stage:
        for n, (stored, asked) in enumerate(found):
            name, wanted = f"{n}{stored}".strip(), f"{n}{asked}"
            await stage.put_users([{"userName": name, "title": name, "emails": [{"value": name}]}])
            await stage.put_groups({name: []})
            same = names.user_name_key(name) == names.user_name_key(wanted)

            for kind, attribute in (
                (USER, "userName"),
                (USER, "emails.value"),
                (USER, "title"),
                (GROUP, "displayName"),
            ):
                selection = compile_filter(kind, f"{attribute} eq {ScimFilter.quote(wanted)}")
                field = "userName" if kind is USER else "displayName"
                shown = [row[field] for row in await stage.found(kind, selection)]
                assert shown == [name] * same, (attribute, name, wanted)


@given(pairs)
def test_the_planner_takes_users_for_one_person_by_the_key_of_their_address(pair):
    users = {
        UserId(id_): User(
            UserId(id_), DirectoryId(id_), email, "", active=True, managed=True, seq=1
        )
        for id_, email in zip("ab", pair, strict=True)
        if names.address_key(email)
    }

    people = identify(DesiredState(users, {}, {}, {}, {}, (), {}, {}))

    keys = {names.address_key(user.email) for user in users.values()}
    assert set(people.key_of.values()) == keys


@given(pairs)
def test_the_simulator_looks_accounts_up_by_the_key_of_their_address(pair):
    stored, asked = pair
    state = State()
    state.put_account(Account(1, stored, "a"))

    found = state.account(asked)

    assert (found is not None) is (names.address_key(stored) == names.address_key(asked))
