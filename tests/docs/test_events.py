"""The page of events has every event of the code with its levels and fields, and no other event."""

import tomllib

import pytest

from tools.events import page, scan
from tools.events.page import Catalog, Event

MODULE = """
import structlog
log = structlog.get_logger()
{}
"""


@pytest.fixture
def scanned(tmp_path):
    """Return a function that scans a module with these lines after its imports."""

    def of(lines):
        (tmp_path / "module.py").write_text(MODULE.format(lines))
        return scan.events(tmp_path)

    return of


def differences(found, *events, fields=()):
    described = Catalog(tuple(events), dict.fromkeys(fields, "x"))
    return list(page.problems(found, described))


def test_the_page_of_events_is_current():
    assert page.PAGE.read_text(encoding="utf-8") == page.page(), (
        "the page is outdated: run `make reference`"
    )


def test_code_and_catalog_agree():
    assert list(page.problems(scan.events(page.CODE), page.catalog())) == []


def test_the_catalog_has_no_key_that_nothing_reads():
    read = tomllib.loads(page.CATALOG.read_text(encoding="utf-8"))

    assert set(read) == {"fields", "event"}
    assert {key for row in read["event"].values() for key in row} <= {"meaning", "fields", "more"}


def test_fields_that_the_scan_cannot_see_are_in_the_code():
    code = "".join(path.read_text(encoding="utf-8") for path in page.CODE.rglob("*.py"))

    names = {name for event in page.catalog().events for name in event.more}
    assert {name for name in names if f'"{name}"' not in code and f" {name}=" not in code} == set()


def test_the_fields_of_an_action_are_those_that_scripts_rely_on():
    """Ids of the person beside the address, and ``detail`` of a failure, are additions."""
    fields = list(scan.events(page.CODE)["reconcile.action"].fields)

    relied_on = ["organization", "kind", "email", "team", "role", "outcome", "reason", "journal"]
    relied_on.append("request_id")
    assert [name for name in fields if name in relied_on] == relied_on
    assert set(fields) - set(relied_on) == {"user_id", "cal_user_id"}
    (action,) = [one for one in page.catalog().events if one.name == "reconcile.action"]
    assert action.more == ("detail",)


# ------------------------------------------------------------------ what the scan understands


def test_a_plain_call_has_its_level_and_its_fields(scanned):
    found = scanned('log.warning("a.b", c=1, exc_info=True)')["a.b"]

    assert (found.levels, list(found.fields), found.is_open) == ({"warning"}, ["c"], False)


def test_an_exception_is_an_error(scanned):
    assert scanned('log.exception("a.b")')["a.b"].levels == {"error"}


def test_both_levels_of_a_conditional_method_are_found(scanned):
    found = scanned("def f(x):\n    say = log.error if x else log.debug\n    say('a.b', **x)\n")

    assert (found["a.b"].levels, found["a.b"].is_open) == ({"error", "debug"}, True)


def test_an_event_that_a_function_passes_on_has_the_fields_of_both_calls(scanned):
    found = scanned("def f(event, x):\n    log.info(event, c=x)\nf('a.b', d=1)\n")

    assert (found["a.b"].levels, set(found["a.b"].fields)) == ({"info"}, {"c", "d"})


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("log.info(NAME)", "no literal"),
        ("log.info(f'a.{b}')", "no literal"),
        ("log.info('Something happened')", "noun.verb_in_past"),
        ("log.info('a.b', level='debug')", "which every line has"),
    ],
)
def test_an_event_that_cannot_be_listed_is_refused(scanned, lines, problem):
    with pytest.raises(ValueError, match=problem):
        scanned(lines)


def test_a_missing_event_a_dead_event_and_wrong_fields_are_reported(scanned):
    found = scanned('log.info("a.b", c=1)\nlog.info("c.d")\n')

    shown = differences(
        found,
        Event("a.b", "x", {"other": "x"}, ("more",)),
        Event("e.f", "x", {}, ()),
        fields=["unused", "more"],
    )

    assert [line.split(":")[0] for line in shown] == [
        "c.d is logged in module.py",
        "a.b has the field c",
        "a.b has no field other",
        "a.b never has other fields than in its call",
        "e.f is in catalog.toml, but nothing logs it",
        "no event has the field unused",
    ]
