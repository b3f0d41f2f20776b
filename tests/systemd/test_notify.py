"""sd_notify, the watchdog and socket activation, with a socket of the test."""

import os
import socket

import pytest

from calscim import systemd


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    name = (
        str(tmp_path / "notify")
        if request.param == "path"
        else f"@calscim-{tmp_path.name}-{os.getpid()}"
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name.replace("@", "\0", 1) if name.startswith("@") else name)
        listening.settimeout(5)
        yield listening, {"NOTIFY_SOCKET": name}


def test_a_notification_is_one_datagram(manager):
    listening, environ = manager

    systemd.notify("READY=1", "STATUS=SCIM on\n127.0.0.1:8085", environ=environ)

    assert listening.recv(1000) == b"READY=1\nSTATUS=SCIM on 127.0.0.1:8085"


def test_a_reload_sends_the_monotonic_time(manager):
    listening, environ = manager

    systemd.notify_reloading(environ)

    first, second = listening.recv(1000).split(b"\n")
    assert first == b"RELOADING=1"
    assert second.startswith(b"MONOTONIC_USEC=")
    assert int(second.partition(b"=")[2]) > 0


def test_without_a_manager_nothing_happens():
    systemd.notify("READY=1", environ={})


def test_an_unreachable_manager_raises_nothing(tmp_path):
    systemd.notify("READY=1", environ={"NOTIFY_SOCKET": str(tmp_path / "gone")})


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_applies_to_the_process_that_it_names(environ, expected):
    assert systemd.watchdog_interval(environ) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("scim:ops", {"scim": 3, "ops": 4}),
        ("scim:scim", {"scim": 3, "fd1": 4}),
        ("", {"fd0": 3, "fd1": 4}),
    ],
)
def test_sockets_are_handed_over_by_name(names, expected):
    environ = {"LISTEN_FDS": "2", "LISTEN_PID": str(os.getpid()), "LISTEN_FDNAMES": names}

    assert systemd.listen_fds(environ) == expected


def test_sockets_of_another_process_are_ignored():
    assert systemd.listen_fds({"LISTEN_FDS": "2", "LISTEN_PID": "1"}) == {}
    assert systemd.listen_fds({}) == {}
