"""How maintenance windows are written, and the error messages for other forms."""

import pytest

from calscim.config import load
from calscim.config.windows import window
from calscim.errors import ConfigError

HEAD = '[database]\ndsn = "postgresql://x@y/z"\n'


@pytest.mark.parametrize(
    ("text", "days", "begins", "ends", "zone"),
    [
        ("Sat 22:00-06:00 Europe/Berlin", {5}, 22 * 60, 6 * 60, "Europe/Berlin"),
        ("Mon-Fri 9:00-17:30 UTC", {0, 1, 2, 3, 4}, 540, 1050, "UTC"),
        ("Fri-Mon 00:00 - 24:00 utc", {4, 5, 6, 0}, 0, 1440, "UTC"),
        ("mon,Thu-Fri 02:00-03:00 America/New_York", {0, 3, 4}, 120, 180, "America/New_York"),
        ("daily 02:00-03:00 Asia/Tokyo", set(range(7)), 120, 180, "Asia/Tokyo"),
        ("every day 02:00-03:00 Asia/Tokyo", set(range(7)), 120, 180, "Asia/Tokyo"),
        ("  Sunday   02:00-03:00   UTC ", {6}, 120, 180, "UTC"),
    ],
)
def test_days_times_and_a_zone(text, days, begins, ends, zone):
    found = window(text)

    assert (found.days, found.begins, found.ends, str(found.zone)) == (days, begins, ends, zone)
    assert found.text == " ".join(text.split())


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("Sat 22:00-06:00", 'as in "Sat 22:00-06:00 Europe/Berlin"'),
        ("22:00-06:00 UTC", "write days, from-to and a time zone"),
        ("Sat 22-06 UTC", "write days, from-to and a time zone"),
        ("Samstag 22:00-06:00 UTC", "write Mon, Tue, Wed, Thu, Fri, Sat, Sun"),
        ("Mon- 22:00-06:00 UTC", "has an unknown day ('')"),
        ("Sat 24:00-06:00 UTC", "has an invalid time (24:00)"),
        ("Sat 22:00-24:01 UTC", "has an invalid time (24:01)"),
        ("Sat 22:60-23:00 UTC", "has an invalid time (22:60)"),
        ("Sat 22:00-06:00 Europe/Berlim", "did you mean Europe/Berlin?"),
        ("Sat 22:00-06:00 europe/berlin", "did you mean Europe/Berlin?"),
        ("Sat 22:00-06:00 Europe", "there is no time zone 'Europe'"),
        ("Sat 22:00-06:00 ../../etc/passwd", "there is no time zone '../../etc/passwd'"),
        ("Sat 22:00-06:00 Xyzzy", "write a name of the IANA list"),
    ],
)
def test_an_invalid_window_is_refused_with_what_to_write(text, hint):
    with pytest.raises(ValueError) as refused:
        window(text)

    assert hint in str(refused.value)


def test_without_time_zone_data_the_package_to_install_is_named(monkeypatch):
    monkeypatch.setattr("calscim.config.windows.available_timezones", set)

    with pytest.raises(ValueError, match="install the system's tzdata package"):
        window("Sat 22:00-06:00 Xyzzy/Nowhere")


def test_windows_of_all_and_of_one_organization_are_read(tmp_path):
    path = tmp_path / "calscim.toml"
    path.write_text(
        HEAD
        + '[reconcile]\nwindows = ["Sat 22:00-06:00 Europe/Berlin"]\n'
        + '[[organization]]\nname = "acme"\norganization_id = 1\napi_key = "k"\n'
        + 'windows = ["daily 02:00-03:00 UTC"]\n'
    )

    settings = load(path, {})

    assert [one.text for one in settings.reconcile.windows] == ["Sat 22:00-06:00 Europe/Berlin"]
    assert [one.text for one in settings.organizations[0].windows] == ["daily 02:00-03:00 UTC"]


def test_a_variable_separates_windows_with_semicolons(tmp_path):
    path = tmp_path / "calscim.toml"
    path.write_text(HEAD)
    value = "Mon,Wed 02:00-03:00 UTC; Sat 22:00-06:00 Europe/Berlin"

    settings = load(path, {"CALSCIM_RECONCILE_WINDOWS": value})

    assert [one.days for one in settings.reconcile.windows] == [{0, 2}, {5}]


def test_a_problem_names_the_key(tmp_path):
    path = tmp_path / "calscim.toml"
    path.write_text(HEAD + '[reconcile]\nwindows = "Sat 22:00-06:00 UTC"\n')

    with pytest.raises(ConfigError, match=r"reconcile\.windows: is text: write a list"):
        load(path, {})
