"""Requests that the database cannot answer are logged once, not each."""

from structlog.testing import capture_logs

from calscim.errors import StoreUnavailable
from calscim.scim.unavailable_log import UnavailableLog


class Clock:
    seconds = 0.0

    def monotonic(self):
        return self.seconds


def caused_by(cause):
    error = StoreUnavailable("the database is not available")
    error.__cause__ = cause
    return error


def note(log, cause, seconds):
    log.clock.seconds = seconds
    log.note(caused_by(cause), request_id="r")


def test_a_kind_of_failure_is_logged_once_and_again_after_an_hour():
    log = UnavailableLog(Clock())

    with capture_logs() as lines:
        for seconds in range(0, 3620, 20):
            note(log, OSError(), seconds)

    assert [line["requests"] for line in lines] == [1, 180]


def test_alternating_kinds_are_logged_once_each():
    log = UnavailableLog(Clock())

    with capture_logs() as lines:
        for seconds in range(20):
            note(log, OSError() if seconds % 2 else TimeoutError(), seconds)

    assert len(lines) == 2


def test_the_next_outage_is_logged_again():
    log = UnavailableLog(Clock())

    with capture_logs() as lines:
        for seconds in (0, 1, 100, 101):
            note(log, OSError(), seconds)

    assert [line["requests"] for line in lines] == [1, 1]
