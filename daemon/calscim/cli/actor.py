"""Who runs a command, as the journal names them: the operating system's user, and who became that user with sudo.

$LOGNAME and $USER are not asked: anybody can set them. SUDO_USER is recorded beside the user, because operators share
an account: ``sudo -u calscim calscim approve`` is ``ann via calscim@host``. A process of that account can set it as
well, so it is worth as much as the account's own protection.
"""

import os
import pwd
import re
import socket
from collections.abc import Mapping

# What user names are made of, also those of directory services.
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
    except KeyError:  # a container's user without a name
        return str(uid)
