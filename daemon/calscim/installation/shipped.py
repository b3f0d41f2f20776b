"""The files that the package brings for an installation: units, examples, alert rules, dashboard."""

from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

# The units of an installation. The other drop-ins of calscim.service.d are for operators to copy.
UNITS = (
    "calscim.service",
    "calscim-migrate.service",
    "calscim.socket",
    "calscim-scim.service",
    "calscim-scim.socket",
)
# Drop-ins of calscim.service for a systemd of this version or newer.
VERSIONED = {254: "systemd-254.conf"}
_PROGRAM = "/usr/bin/calscim"  # as the units have it, for a package of a distribution


@dataclass(frozen=True, slots=True)
class Shipped:
    """The folder ``share`` of the installed package."""

    folder: Path

    def unit(self, name: str, program: str) -> str:
        """Return a unit that starts ``program``."""
        return self._read("systemd", name).replace(f"={_PROGRAM} ", f"={program} ")

    def drop_in(self, name: str) -> str:
        """Return a drop-in of calscim.service."""
        return self._read("systemd/calscim.service.d", name)

    def users(self) -> str:
        """Return the configuration for systemd-sysusers."""
        return self._read("systemd", "calscim.sysusers")

    def folders(self) -> str:
        """Return the configuration for systemd-tmpfiles."""
        return self._read("systemd", "calscim.tmpfiles")

    def example(self) -> str:
        """Return the example of calscim.toml."""
        return self._read("config", "calscim.example.toml")

    def _read(self, folder: str, name: str) -> str:
        return (self.folder / folder / name).read_text("utf-8")


def shipped() -> Shipped:
    """Return the files of the running package, which is a folder and not an archive."""
    with as_file(files("calscim") / "share") as folder:
        return Shipped(folder)
