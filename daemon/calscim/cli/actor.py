"""Name the operator who runs a command, for the journal: the operating system's user, and the sudo user behind it.

$LOGNAME and $USER are ignored, because every user can set them. SUDO_USER is recorded with the user, because operators
share an account: ``sudo -u calscim calscim approve`` is ``ann via calscim@host``. A process of that account can set
SUDO_USER too, so the name is as trustworthy as access to the account.
"""

import os
import pwd
import re
import socket
from collections.abc import Mapping

# Characters of user names, including those of directory services.
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
