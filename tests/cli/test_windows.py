"""What an operator reads of maintenance windows."""


def test_status_says_that_cal_com_is_left_alone_and_until_when(calscim, configuration):
    with configuration.open("a") as file:
        file.write('windows = ["daily 00:00-24:00 UTC"]\n')

    shown = calscim("status")
    [one] = calscim("status", "--json").json["organizations"]

    until = one["window"]["until"].replace("T", " ")
    assert f"acme: Cal.com is left alone until {until}" in shown.out
    assert "maintenance window daily 00:00-24:00 UTC" in shown.out


def test_without_windows_nothing_is_said_of_them(calscim):
    shown = calscim("status")
    [one] = calscim("status", "--json").json["organizations"]

    assert "maintenance" not in shown.out
    assert (one["window"], one["next_window"]) == (None, None)


def test_a_time_zone_that_there_is_not_is_a_mistake_in_the_configuration(calscim, configuration):
    with configuration.open("a") as file:
        file.write('windows = ["Sat 22:00-06:00 Europe/Berlim"]\n')

    ran = calscim("status")

    assert ran.code == 78
    assert "organization.acme.windows" in ran.err
    assert "did you mean Europe/Berlin?" in ran.err
