"""The units: no warning from systemd, low exposure, and a comment for every hardening setting."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "systemd"
SOCKETS = ["calscim.socket", "calscim-scim.socket"]
# The exposure that systemd-analyze may find: 0.7 of calscim.service's are the network that it needs.
EXPOSURE = {"calscim.service": 1.1, "calscim-migrate.service": 1.1, "calscim-scim.service": 0.5}
SERVICES = list(EXPOSURE)
DROP_INS = sorted(str(path.relative_to(UNITS)) for path in UNITS.glob("*.service.d/*.conf"))
HARDENING = re.compile(
    r"(Protect|Private|Restrict|System|NoNew|NoExec|Capab|MemoryDeny|Lock|LimitCORE)\w*="
)

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None,
    reason="systemd-analyze is not installed (apt-get install systemd)",
)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """Yield the units with an existing program in place of /usr/bin/calscim."""
    program = tmp_path / "calscim"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for unit in filter(Path.is_file, UNITS.iterdir()):
        (tmp_path / unit.name).write_text(
            unit.read_text().replace("/usr/bin/calscim", str(program))
        )
    return tmp_path


def analyze(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def version() -> int:
    return int(analyze("--version").stdout.split()[1])


@needs_systemd
@pytest.mark.parametrize("unit", [*SERVICES, *SOCKETS])
def test_systemd_accepts_the_units(units, unit):
    ran = analyze("verify", "--man=no", str(units / unit))

    assert (ran.returncode, ran.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize("unit", SERVICES)
def test_the_exposure_is_low(units, unit):
    ran = analyze("security", "--offline=true", "--no-pager", str(units / unit))

    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", ran.stdout)
    assert found is not None, ran.stdout + ran.stderr
    assert float(found[1]) <= EXPOSURE[unit]


@needs_systemd
@pytest.mark.parametrize("drop_in", DROP_INS)
@pytest.mark.parametrize("examples", [False, True])
def test_a_drop_in_works_with_and_without_its_examples(units, drop_in, examples):
    needed = re.search(r"systemd-(\d+)\.conf", drop_in)
    if needed and version() < int(needed[1]):
        pytest.skip(f"systemd is {version()}; the drop-in is for {needed[1]} and newer")
    text = (UNITS / drop_in).read_text()
    if examples:
        text = re.sub(r"^# (?=\w+=)", "", text, flags=re.MULTILINE)
    (units / drop_in).parent.mkdir()
    (units / drop_in).write_text(text)

    ran = analyze("verify", "--man=no", str(units / drop_in.partition(".d/")[0]))

    assert (ran.returncode, ran.stderr) == (0, "")


@needs_systemd
def test_the_addresses_lower_the_exposure(units):
    def exposure() -> float:
        unit = str(units / "calscim.service")
        ran = analyze("security", "--offline=true", "--no-pager", unit)
        found = re.search(r"Overall exposure level for \S+: ([\d.]+)", ran.stdout)
        assert found is not None, ran.stdout + ran.stderr
        return float(found[1])

    without = exposure()
    folder = units / "calscim.service.d"
    folder.mkdir()
    (folder / "addresses.conf").write_text((UNITS / "calscim.service.d/addresses.conf").read_text())

    assert exposure() < without


@needs_systemd
def test_the_socket_can_be_a_unix_socket_of_the_proxy_s_group(units):
    for unit in SOCKETS:
        text = (units / unit).read_text()
        text = re.sub(r"^(ListenStream|NoDelay)=.*\n", "", text, flags=re.MULTILINE)
        text = re.sub(r"^# (?=(ListenStream|Socket\w+)=)", "", text, flags=re.MULTILINE)
        (units / unit).write_text(text)

        ran = analyze("verify", "--man=no", str(units / unit))

        assert (ran.returncode, ran.stderr) == (0, "")
        assert {"SocketGroup=www-data", "SocketMode=0660"} <= set(text.splitlines())


def test_every_hardening_setting_has_a_comment():
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


def test_the_migration_unit_is_hardened_like_the_service():
    assert hardening("calscim.service") == hardening("calscim-migrate.service")


def hardening(unit: str) -> set[str]:
    return {line for line in (UNITS / unit).read_text().splitlines() if HARDENING.match(line)}


def test_the_scim_unit_is_hardened_like_the_service_and_has_no_network():
    service, intake = hardening("calscim.service"), hardening("calscim-scim.service")

    assert service - intake == {"RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX"}
    assert intake - service == {"RestrictAddressFamilies=AF_UNIX", "PrivateNetwork=yes"}


@pytest.mark.parametrize("unit", SERVICES)
def test_units_write_no_core_files(unit):
    assert "LimitCORE=0" in hardening(unit)


@pytest.mark.parametrize("unit", SOCKETS)
def test_the_socket_has_the_name_that_calscim_looks_for(unit):
    text = (UNITS / unit).read_text()

    assert "FileDescriptorName=scim" in text
    assert "ListenStream=127.0.0.1:8085" in text
