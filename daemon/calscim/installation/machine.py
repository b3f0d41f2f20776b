"""The machine, or the folder of an image, that calscim is installed on."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from calscim.errors import UsageError
from calscim.installation.steps import Run

CONFIGURATION = "/etc/calscim/calscim.toml"
UNIT_FOLDER = "/etc/systemd/system"
USERS = "/etc/sysusers.d/calscim.conf"
FOLDERS = "/etc/tmpfiles.d/calscim.conf"
DROP_INS = "/etc/systemd/system/calscim.service.d"
COMMAND = "/usr/local/bin/calscim"
SHARE = "/usr/local/share/calscim"
# What an operator's data is in. The database is not among them, unless it is bundled.
DATA = ("/etc/calscim", "/var/lib/calscim", "/var/log/calscim")
_PACKAGED = ("/usr/lib/systemd/system/calscim.service", "/lib/systemd/system/calscim.service")


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine or an image.

    ``root``: where its file system begins. ``is_booted``: its systemd runs. ``version``: of that systemd, else 0.
    """

    root: Path
    is_booted: bool
    version: int = 0

    @classmethod
    def at_root(cls, root: Path) -> "Machine":
        """Return the machine whose file system begins at ``root``."""
        root = root.resolve()
        is_booted = root == Path("/") and Path("/run/systemd/system").is_dir()
        return cls(root, is_booted, _version() if is_booted else 0)

    def path(self, absolute: str) -> Path:
        """Return where a path of the machine is for this process."""
        return self.root / absolute.lstrip("/")

    def inside(self, path: Path) -> Path:
        """Return a path of this process as the machine sees it."""
        return Path("/") / path.relative_to(self.root) if path.is_relative_to(self.root) else path

    def tool(self, name: str, *arguments: str, text: str = "", note: str = "") -> Run:
        """Return the step that runs a tool of systemd for this machine."""
        options = () if self.root == Path("/") else (f"--root={self.root}",)
        return Run((name, *options, *arguments), text, note)

    def has_user(self) -> bool:
        """Return True if the machine has the user calscim."""
        try:
            return (
                re.search(r"^calscim:", self.path("/etc/passwd").read_text(), re.MULTILINE)
                is not None
            )
        except FileNotFoundError:
            return False

    def refuse_package(self) -> None:
        """Raise UsageError if a package of a distribution has installed the units."""
        for packaged in _PACKAGED:
            if self.path(packaged).exists():
                raise UsageError(
                    f"a package has installed calscim ({packaged}): use the package manager, "
                    "as in `apt-get install` or `apt-get remove`"
                )

    def refuse_ordinary_user(self) -> None:
        """Raise UsageError if this process may not change the machine."""
        if self.root == Path("/") and os.geteuid() != 0:
            raise UsageError("only root can do this: run the same command with sudo")


def _version() -> int:
    """Return the version of the systemd that runs, 0 if it does not tell."""
    try:
        printed = subprocess.run(
            ["systemctl", "--version"],  # noqa: S607 - root's PATH
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        ).stdout
    except OSError:
        return 0
    found = re.match(r"systemd (\d+)", printed)
    return int(found[1]) if found else 0
