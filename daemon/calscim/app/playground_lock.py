"""Makes sure that only one `calscim run` uses a folder.

Two runs in one folder would share its Postgres, and each would have its own simulated Cal.com: the daemon with the
lease would correct one of them, and the other would never change.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from calscim.errors import UsageError

_FILE = "run.lock"


@contextmanager
def locked(folder: Path, configuration: Path, now: datetime) -> Iterator[None]:
    """Reserve the folder for this process. Raise UsageError if another run uses it.

    ``configuration``: the file that leads other verbs to the run.
    """
    # The kernel gives the lock back when the process ends, however it ends.
    with (folder / _FILE).open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise UsageError(*_refusal(folder, file.read())) from None
        file.truncate(0)
        holder = {
            "pid": os.getpid(),
            "since": now.isoformat(),
            "configuration": str(configuration.absolute()),
        }
        file.write(json.dumps(holder))
        file.flush()
        yield


def _refusal(folder: Path, written: str) -> tuple[str, ...]:
    """Return the message and what to type. ``written``: what the other run wrote, empty if it has just begun."""
    path = folder.absolute()
    if not written:
        return (f"another `calscim run` has just started in {path}: try again",)
    holder = json.loads(written)
    since = datetime.fromisoformat(holder["since"]).astimezone(UTC)
    return (
        f"another `calscim run` uses {path}: process {holder['pid']}, since {since:%Y-%m-%d %H:%M:%S}Z",
        f"to use it: export CALSCIM_CONFIG={holder['configuration']}",
        f"to stop it: kill {holder['pid']}",
        f"to start another one beside it: calscim run --data {path}-2 --port 0",
    )
