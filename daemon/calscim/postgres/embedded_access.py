"""Restricts the bundled Postgres to the operating system user who started it.

The bundle trusts every local connection, and as root it may put its socket into a folder that all users can write. This
module configures ``peer`` authentication (PostgreSQL manual, "Peer Authentication"): the kernel names the connecting
user, who can use any role. There is no password and no TCP port. The socket is in the data folder, which only the
server's user can enter. If the path is too long for a socket, a symbolic link in a folder that only calscim's user can
write gives it a short name.
"""

import os
import pwd
import stat
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from calscim.errors import ConfigError, Problem

KEY = "database.embedded"
SERVER_USER = "pgserver"  # the user who runs Postgres if root starts it
LONGEST_SOCKET = 107  # bytes of a socket's path: sun_path in unix(7) without the NUL
_SOCKET = ".s.PGSQL.5432"
_MAP = "calscim"
_HEAD = "# Written by calscim at each start. Only the operating system's user below may connect.\n"
_SOCKET_MODE = "unix_socket_permissions = 0700  # calscim: one user only\n"
_WRITABLE_BY_OTHERS = 0o022


def refuse_shared(folder: Path) -> None:
    """Raise ConfigError if the folder has the data of another user."""
    owner = _owner(folder)
    if owner is not None and owner not in {_user(), *_as_root()}:
        raise _problem(
            f"{folder} belongs to the user {owner}: run calscim as that user, or choose another folder"
        )


def short_name(folder: Path, temporary: Path) -> Path:
    """Return the folder, or a link to it if its path is too long for the path of a socket.

    Raise ConfigError if the folder for links in ``temporary``, whose name can be guessed, is another user's.
    """
    if _fits(folder):
        return folder
    place = temporary / f"calscim-{os.geteuid()}"
    with suppress(FileExistsError):
        place.mkdir(mode=0o755)
    found = place.lstat()
    link = place / sha256(os.fsencode(folder)).hexdigest()[:16]
    is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    if not is_ours or found.st_mode & _WRITABLE_BY_OTHERS or not _fits(link):
        raise _problem(
            f"the path of {folder} is too long for a socket, and {place} cannot stand for it: choose a folder "
            f"whose path has at most {LONGEST_SOCKET - len(_SOCKET) - 1} bytes"
        )
    with suppress(FileExistsError):
        link.symlink_to(folder)
    return link


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder / _SOCKET)) <= LONGEST_SOCKET


def restrict(folder: Path) -> bool:
    """Write the access rules of an initialized data folder. Return True if they changed."""
    files = {
        "pg_hba.conf": f"{_HEAD}local all all peer map={_MAP}\n",
        "pg_ident.conf": f'{_HEAD}{_MAP} "{_user()}" all\n',
    }
    settings = folder / "postgresql.conf"
    text = settings.read_text(encoding="utf-8")
    if _SOCKET_MODE not in text:
        files[settings.name] = f"{text.rstrip()}\n{_SOCKET_MODE}"
    changed = [name for name, content in files.items() if _replaced(folder / name, content)]
    return bool(changed)


def _replaced(path: Path, content: str) -> bool:
    """Replace a file in one step, with the owner of the folder. Return False if it has this content already."""
    if path.exists() and path.read_text(encoding="utf-8") == content:
        return False
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)
    beside.touch(mode=0o600)
    beside.write_text(content, encoding="utf-8")
    place = path.parent.stat()
    if os.geteuid() == 0:
        os.chown(beside, place.st_uid, place.st_gid)
    beside.replace(path)
    return True


def _owner(folder: Path) -> str | None:
    """Return the user whose data is in the folder, or None if it has no data."""
    try:
        return pwd.getpwuid((folder / "PG_VERSION").stat().st_uid).pw_name
    except (FileNotFoundError, KeyError):
        return None
    except PermissionError:
        return "another user"


def _user() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


def _as_root() -> set[str]:
    return {SERVER_USER} if os.geteuid() == 0 else set()


def _problem(message: str) -> ConfigError:
    return ConfigError([Problem(KEY, message)])
