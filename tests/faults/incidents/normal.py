"""Replace what differs between two plays of an incident with fixed stand-ins."""

import re
import socket
from datetime import UTC, datetime, timedelta

from tests.guide.play import DIRECTORY, TOKEN
from tests.guide.stable import NINE, Stable
from tests.support.deployment import Deployment

HOST = "sidecar"
_SOON = timedelta(minutes=30)

_HOLDER = re.compile(rf"{re.escape(socket.gethostname())}/\d+/[0-9a-f]{{8}}")
_IN_UTC = re.compile(r"\b(\d{4}-\d\d-\d\d \d\d:\d\d)(?::\d\d)? UTC")
_CALL = re.compile(r"\b(?:GET|POST|PATCH|DELETE) /v2/\S+")  # the first one that failed
_PORT = re.compile(r"\b127\.0\.0\.1:\d+")


class Normal:
    """The stand-ins of one incident: names of this machine, ids, hashes, ports and times."""

    def __init__(self, site: Deployment) -> None:
        self._site = site
        self._stable = Stable({}, lambda: datetime.now(UTC))

    def __call__(self, text: str) -> str:
        names = {
            self._site.directory: DIRECTORY,
            self._site.token: TOKEN,
            self._site.calcom: "https://api.cal.com",
            f"{self._site.folder}/": "/etc/calscim/",
        }
        for name, stand_in in names.items():
            text = text.replace(name, stand_in) if name else text
        text = _HOLDER.sub(f"{HOST}/812/6cc78d9b", text)
        text = text.replace(socket.gethostname(), HOST)
        text = _CALL.sub("GET /v2/me", text)
        text = _PORT.sub("127.0.0.1:5432", text)
        return _IN_UTC.sub(_moment, self._stable(text))


def _moment(found: re.Match[str]) -> str:
    """Return NINE for a moment of this play, and as many days after NINE for a moment in the future."""
    moment = datetime.fromisoformat(f"{found[1]}+00:00")
    days = round((moment - datetime.now(UTC) - _SOON / 60) / timedelta(days=1))
    return f"{NINE + timedelta(days=days):%Y-%m-%d %H:%M} UTC"
