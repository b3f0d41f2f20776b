"""The units: no warning of systemd's, little exposure, and a reason for every line that hardens."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "systemd"
SERVICES = ["calscim.service", "calscim-migrate.service"]
EXPOSURE = 1.5

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None,
    reason="systemd-analyze is not installed (apt-get install systemd)",
)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units with a program that exists here in the place of /usr/bin/calscim."""
    program = tmp_path / "calscim"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for unit in UNITS.iterdir():
        (tmp_path / unit.name).write_text(
            unit.read_text().replace("/usr/bin/calscim", str(program))
        )
    return tmp_path


def analyze(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@needs_systemd
@pytest.mark.parametrize("unit", [*SERVICES, "calscim.socket"])
def test_systemd_has_no_complaint(units, unit):
    ran = analyze("verify", "--man=no", str(units / unit))

    assert (ran.returncode, ran.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize("unit", SERVICES)
def test_the_exposure_is_low(units, unit):
    ran = analyze("security", "--offline=true", "--no-pager", str(units / unit))

    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", ran.stdout)
    assert found is not None, ran.stdout + ran.stderr
    assert float(found[1]) <= EXPOSURE


def test_every_line_that_hardens_has_its_reason():
    text = (UNITS / "calscim.service").read_text().partition("# ---- the file system")[2]
    reasons = 0
    explained = True
    for line in text.partition("[Install]")[0].splitlines():
        if line.startswith("# ----") or not line:
            explained = False
        elif line.startswith("#"):
            explained = True
            reasons += 1
        else:
            assert explained, f"{line} has no reason above it"
    assert reasons > 20


def test_the_migration_is_hardened_as_the_service_is():
    def hardening(unit: str) -> set[str]:
        lines = (UNITS / unit).read_text().splitlines()
        return {
            line
            for line in lines
            if re.match(
                r"(Protect|Private|Restrict|System|NoNew|NoExec|Capab|MemoryDeny|Lock)\w*=", line
            )
        }

    assert hardening("calscim.service") == hardening("calscim-migrate.service")


def test_the_socket_has_the_name_that_calscim_looks_for():
    text = (UNITS / "calscim.socket").read_text()

    assert "FileDescriptorName=scim" in text
    assert "ListenStream=127.0.0.1:8085" in text
