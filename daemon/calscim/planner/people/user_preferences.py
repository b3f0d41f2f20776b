"""A user's locale and time zone: what a call to Cal.com may carry of them, and what is recorded as sent."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from calscim.planner.attributes.values import encode_preferences
from calscim.planner.desired_state import User
from calscim.planner.ids import UserId
from calscim.planner.people.preferences import cal_locale, cal_time_zone


@dataclass(frozen=True, slots=True)
class Preferences:
    """A user's locale and time zone.

    ``locale``, ``time_zone``: in Cal.com's spelling; None: the call leaves them out, and Cal.com keeps its own.

    ``record``: the directory's values, to be recorded once Cal.com has them. ``unmatched``: what the directory
    has and Cal.com does not know, in words.
    """

    locale: str | None
    time_zone: str | None
    record: str
    unmatched: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Return True if there is nothing to send."""
        return self.locale is None and self.time_zone is None


@lru_cache(maxsize=4096)
def preferences(
    locale: str | None, time_zone: str | None, before: str | None, *, change: bool = True
) -> Preferences:
    """Compare the directory's values with ``before``, the record of those that were sent last.

    For a change of an account, only what differs is sent, and nothing while nothing is recorded (None). With
    ``change`` False the account is new, and everything that Cal.com knows is sent.
    """
    found = Preferences(
        cal_locale(locale),
        cal_time_zone(time_zone),
        encode_preferences(locale, time_zone),
        _unmatched(locale, time_zone),
    )
    if not change:
        return found
    if before is None:
        return Preferences(None, None, found.record, found.unmatched)
    old_locale, old_time_zone = _recorded(before)
    return Preferences(
        None if found.locale == cal_locale(old_locale) else found.locale,
        None if found.time_zone == cal_time_zone(old_time_zone) else found.time_zone,
        found.record,
        found.unmatched,
    )


class PreferenceReader:
    """Reads what calls may carry of locales and time zones, and counts what is left out."""

    def __init__(self) -> None:
        self._unmatched: defaultdict[str, set[UserId]] = defaultdict(set)

    def read(self, user: User, before: str | None, *, change: bool = True) -> Preferences:
        """Return the user's preferences, compared as in ``preferences``."""
        found = preferences(user.locale, user.time_zone, before, change=change)
        for what in found.unmatched:
            self._unmatched[what].add(user.id)
        return found

    def notes(self) -> Iterator[str]:
        """Yield one note for each value that Cal.com does not know."""
        for what, users in sorted(self._unmatched.items()):
            people = f"{len(users)} {'people' if len(users) > 1 else 'person'}"
            yield f"Cal.com has no {what}, which the directory has for {people}: calscim leaves it out"


def _unmatched(locale: str | None, time_zone: str | None) -> tuple[str, ...]:
    found = []
    if locale and cal_locale(locale) is None:
        found.append(f'language for the locale "{locale}"')
    if time_zone and cal_time_zone(time_zone) is None:
        found.append(f'time zone "{time_zone}"')
    return tuple(found)


def _recorded(record: str) -> tuple[str | None, str | None]:
    """Return the locale and the time zone of a record; see ``encode_preferences``."""
    entries = dict(entry.split(" ", 1) for entry in json.loads(record or "[]"))
    return entries.get("locale"), entries.get("time_zone")
