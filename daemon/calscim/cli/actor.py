"""Find the person who runs a command: the user of the operating system, and the user who called sudo.

$LOGNAME and $USER are ignored, because any process can set them. SUDO_USER is recorded beside the user, because
operators may share an account: ``sudo -u calscim calscim approve`` is ``ann via calscim@host``. A process of that
account can set SUDO_USER, so it is only as reliable as the account is protected.
"""

import os
import pwd
import re
import socket
from collections.abc import Mapping

# The characters of user names, including those of directory services.
_USER = re.compile(r"[\w.@+\\$-]{1,64}")


def actor(environ: Mapping[str, str] = os.environ) -> str:
    """Return ``user@host``, or ``sudo user via user@host``."""
    user = _user(os.geteuid())
    before = environ.get("SUDO_USER", "")
    if _USER.fullmatch(before) and before != user:
        user = f"{before} via {user}"
    return f"{user}@{socket.gethostname()}"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # a user without a name, as in a container
        return str(uid)
