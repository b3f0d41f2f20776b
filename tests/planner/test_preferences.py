"""Locales and time zones of a directory as Cal.com accepts them."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tzlocal.windows_tz import win_tz

from calscim.planner.people.preferences import LOCALES, cal_locale, cal_time_zone, corrected

NAMES = files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
KNOWN_TO_PYTHON = frozenset(available_timezones())
WEEKS_OF_2026 = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(weeks=week) for week in range(53)]


@pytest.mark.parametrize("locale", LOCALES)
def test_a_locale_of_the_list_stays_as_it_is(locale):
    assert cal_locale(locale) == locale


@pytest.mark.parametrize(
    ("tag", "locale"),
    [
        # Cal.com's API v2 of December 2025 answered 400 to each of these in PATCH
        ("en-US", "en"),
        ("en_US", "en"),
        ("EN", "en"),
        ("en-GB", "en"),
        ("de-AT", "de"),
        ("es-419", "es"),
        # Okta's and Entra's spellings, and stray case and blanks
        ("fr_CA", "fr"),
        ("PT_br", "pt-BR"),
        ("ZH-tw", "zh-TW"),
        (" sv-SE\t", "sv"),
        # RFC 5646: extended language, script, variant, extension, private use, ISO 639-2 codes
        ("zh-cmn-Hans-CN", "zh-CN"),
        ("sr-Latn", "sr"),
        ("sr-Cyrl-RS", "sr"),
        ("de-DE-1996", "de"),
        ("ja-JP-u-ca-japanese", "ja"),
        ("en-x-acme", "en"),
        ("en-GB-oed", "en"),
        ("ger", "de"),
        # IANA's registry deprecated iw and mo; Cal.com keeps iw
        ("he", "iw"),
        ("he-IL", "iw"),
        ("iw-IL", "iw"),
        ("mo", "ro"),
        # Portuguese: Cal.com has the Brazilian one apart
        ("pt-PT", "pt"),
        ("pt-AO", "pt"),
        ("pt-Latn-BR", "pt-BR"),
        # Chinese: CLDR's likely subtags say which script a territory writes
        ("zh", "zh-CN"),
        ("zh-Hans", "zh-CN"),
        ("zh-SG", "zh-CN"),
        ("zh-Hant", "zh-TW"),
        ("zh-HK", "zh-TW"),
        ("zh-MO", "zh-TW"),
        ("zh-Hant-CN", "zh-TW"),
        ("zh-Hans-TW", "zh-CN"),
    ],
)
def test_a_language_tag_becomes_a_locale_of_the_list(tag, locale):
    assert cal_locale(tag) == locale


@pytest.mark.parametrize(
    "tag",
    [
        *("nb", "nb-NO", "no", "da", "uk-UA", "hr", "ca-ES", "zh-Latn", "xx-YY"),  # not in the list
        *("und", "und-TW", "mul", "x-klingon", "i-klingon"),  # no language, or a private one
        *(
            "",
            " ",
            "-",
            "_",
            "a",
            "en--US",
            "en-US-u",
            "English",
            "en_US.UTF-8",
            "\uff45\uff4e",
            "en\0",
        ),
        None,
    ],
)
def test_a_tag_without_a_locale_in_the_list_or_a_malformed_one_has_no_locale(tag):
    assert cal_locale(tag) is None


@given(st.text() | st.from_regex(r"\s*[A-Za-z]{1,8}([-_][A-Za-z0-9]{1,8}){0,4}\s*", fullmatch=True))
def test_whatever_the_tag_the_locale_is_in_the_list_or_there_is_none(tag):
    assert cal_locale(tag) in {None, *LOCALES}


@pytest.mark.parametrize(
    ("name", "rewritten"),
    [
        ("US/Pacific", "Us/Pacific"),  # recorded: Cal.com's 400 shows the rewritten name
        ("europe/vienna", "Europe/Vienna"),
        ("AMERICA/NEW_YORK", "America/New_York"),
        ("America/Port-au-Prince", "America/Port-au-prince"),
        ("Africa/Dar_es_Salaam", "Africa/Dar_Es_Salaam"),
        ("Antarctica/McMurdo", "Antarctica/Mcmurdo"),
        ("utc", "UTC"),
        ("etc/gmt+5", "Etc/GMT+5"),
        ("EST5EDT", "EST5edt"),
        ("Europe/Budapest", "Europe/Budapest"),  # the letters EST inside a word
        ("e\u017ft", "E\u017ft"),  # a long s is no S
        ("", ""),
    ],
)
def test_cal_com_rewrites_a_name_before_it_looks_it_up(name, rewritten):
    assert corrected(name) == rewritten


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        # Cal.com's API v2 of December 2025 answered 200 to these
        ("Europe/Vienna", "Europe/Vienna"),
        ("Asia/Tokyo", "Asia/Tokyo"),
        ("UTC", "UTC"),
        # any case, blanks around it
        ("europe/vienna", "Europe/Vienna"),
        (" America/NEW_YORK\n", "America/New_York"),
        ("gmt", "GMT"),
        # IANA's zone.tab lists these for a place, although their rules are another zone's
        ("Europe/Oslo", "Europe/Oslo"),
        ("Africa/Kinshasa", "Africa/Kinshasa"),
        ("Arctic/Longyearbyen", "Arctic/Longyearbyen"),
        # IANA's backward file: links kept for compatibility
        ("US/Pacific", "America/Los_Angeles"),
        ("Asia/Calcutta", "Asia/Kolkata"),
        ("America/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("Japan", "Asia/Tokyo"),
        ("GB", "Europe/London"),
        ("EST", "America/Panama"),
        ("Zulu", "Etc/UTC"),
        # names that Cal.com's rewriting destroys
        ("Africa/Dar_es_Salaam", "Africa/Nairobi"),
        ("Africa/Porto-Novo", "Africa/Lagos"),
        ("America/Port_of_Spain", "America/Puerto_Rico"),
        ("America/Argentina/ComodRivadavia", "America/Argentina/Catamarca"),
        ("Antarctica/DumontDUrville", "Pacific/Port_Moresby"),
        ("Antarctica/McMurdo", "Pacific/Auckland"),
        ("Europe/Isle_of_Man", "Europe/London"),
        ("EST5EDT", "America/New_York"),
        ("PST8PDT", "America/Los_Angeles"),
        ("Etc/GMT+5", "Etc/GMT+5"),
        ("America/Indiana/Tell_City", "America/Indiana/Tell_City"),
        # IANA's NEWS: 2020a, 2021b and 2022b added these
        ("America/Nuuk", "America/Godthab"),
        ("Pacific/Kanton", "Pacific/Enderbury"),
        ("Europe/Kyiv", "Europe/Kiev"),
        ("Europe/Uzhgorod", "Europe/Uzhgorod"),  # a link to Europe/Kyiv that is old enough
        ("Asia/Qostanay", "Asia/Qostanay"),  # 2018h: old enough
        # Unicode CLDR's windowsZones
        ("Pacific Standard Time", "America/Los_Angeles"),
        ("w. europe standard time", "Europe/Berlin"),
        ("India Standard Time", "Asia/Kolkata"),
        ("FLE Standard Time", "Europe/Kiev"),
        ("UTC-11", "Etc/GMT+11"),
    ],
)
def test_a_time_zone_becomes_a_name_that_cal_com_accepts(name, sent):
    assert cal_time_zone(name) == sent


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", "Mars/Olympus", "Nope", "CEST", "+01:00", "Europe/", "/", "../etc/passwd"),
        *(
            "Factory",
            "localtime",
            "posixrules",
            "posix/Europe/Vienna",
            "right/UTC",
        ),  # files, no zones
        *("Pacific Time (US & Canada)", "(UTC+01:00) Amsterdam, Berlin"),  # display names
        None,
    ],
)
def test_a_name_that_is_no_time_zone_has_no_time_zone(name):
    assert cal_time_zone(name) is None


def test_these_zones_alone_have_no_name_that_cal_com_accepts():
    without = {name for name in NAMES if cal_time_zone(name) is None}

    assert without == {
        "America/Ciudad_Juarez",  # new in 2022g, no older link
        "America/Coyhaique",  # new in 2025b, no older link
        "America/Port-au-Prince",  # rewritten to Port-au-prince, no link
        "Asia/Ust-Nera",  # rewritten to Ust-nera, no link
        "Factory",  # no zone of a place
    }


def test_a_name_that_the_time_zone_database_gained_is_noticed():
    assert len(NAMES) == 598, (
        "tzdata changed its names: read the database's NEWS, list each name that it added in"
        " preferences._NEW_NAMES, then put the new number here"
    )


def test_every_zone_is_sent_as_one_with_the_same_offsets():
    for name in sorted(KNOWN_TO_PYTHON):
        sent = cal_time_zone(name)
        if sent is not None:
            assert _offsets(sent) == _offsets(name), f"{name} is sent as {sent}"


def _offsets(name):
    zone = ZoneInfo(name)
    return [moment.astimezone(zone).utcoffset() for moment in WEEKS_OF_2026]


def test_every_windows_name_but_one_has_a_time_zone():
    assert len(win_tz) > 100

    without = {name for name in win_tz if cal_time_zone(name) is None}

    assert without == {"Haiti Standard Time"}  # America/Port-au-Prince


def test_a_windows_name_is_sent_as_a_zone_with_the_offsets_that_cldr_gives_it():
    for windows_name, name in win_tz.items():
        sent = cal_time_zone(windows_name)
        if sent is not None:
            assert _offsets(sent) == _offsets(name), f"{windows_name} is sent as {sent}"


def _in_any_case(name):
    return st.tuples(*(st.sampled_from((letter.lower(), letter.upper())) for letter in name)).map(
        "".join
    )


@given(st.text() | st.sampled_from([*NAMES, *win_tz]).flatmap(_in_any_case))
@example("Africa/Dar_es_Salaam")
@example("Europe/Kyiv")
def test_whatever_the_name_the_time_zone_survives_cal_coms_rewriting_or_there_is_none(name):
    sent = cal_time_zone(name)

    assert sent is None or (corrected(sent) == sent and sent in KNOWN_TO_PYTHON)
    assert cal_time_zone(f" {name.lower()} ") == cal_time_zone(name.upper())


def test_the_tables_are_loaded_on_first_use():
    code = (
        "import sys, calscim.planner.people.preferences; "
        "print(sorted({'langcodes', 'tzdata', 'tzlocal'} & set(sys.modules)))"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert loaded.stdout.strip() == "[]"
