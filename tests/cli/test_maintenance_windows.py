"""Maintenance windows in calscim status and in configuration errors."""


def test_status_shows_an_open_window_and_its_end(calscim, configuration):
    with configuration.open("a") as file:
        file.write('windows = ["daily 00:00-24:00 UTC"]\n')

    shown = calscim("status")
    [one] = calscim("status", "--json").json["organizations"]

    until = one["window"]["until"].replace("T", " ")
    assert f"acme: calscim leaves Cal.com alone until {until}" in shown.out
    assert "maintenance window daily 00:00-24:00 UTC" in shown.out


def test_status_without_windows_does_not_mention_them(calscim):
    shown = calscim("status")
    [one] = calscim("status", "--json").json["organizations"]

    assert "maintenance" not in shown.out
    assert (one["window"], one["next_window"]) == (None, None)


def test_an_unknown_time_zone_is_a_configuration_error(calscim, configuration):
    with configuration.open("a") as file:
        file.write('windows = ["Sat 22:00-06:00 Europe/Berlim"]\n')

    ran = calscim("status")

    assert ran.code == 78
    assert "organization.acme.windows" in ran.err
    assert "did you mean Europe/Berlin?" in ran.err
