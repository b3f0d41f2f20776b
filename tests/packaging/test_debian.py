"""The Debian package: its files agree with calscim, and `make deb-test` installs it in a root of its own."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from calscim.installation.shipped import UNITS
from tests.support.images import PACKAGING

ROOT = PACKAGING.parent
FOLDER = PACKAGING / "debian"
SCRIPTS = [
    PACKAGING / "build-deb",
    PACKAGING / "test-deb",
    FOLDER / "environment",
    *sorted(FOLDER.glob("calscim.p*")),
]


def test_the_package_handles_every_unit():
    rules = (FOLDER / "rules").read_text("utf-8")
    handled = {"calscim", *re.findall(r"--name=(\S+)", rules)}

    assert {Path(unit).stem for unit in UNITS} == handled


def test_no_unit_is_stopped_while_the_package_is_unpacked():
    rules = (FOLDER / "rules").read_text("utf-8")
    calls = re.findall(r"^\tdh_installsystemd (.*)$", rules, re.MULTILINE)

    assert all("--no-start --no-stop-on-upgrade" in call for call in calls)


def test_the_user_exists_before_the_folders_that_it_owns():
    assert "--with=installsysusers" in (FOLDER / "rules").read_text("utf-8")


def test_the_files_that_the_package_takes_exist():
    for line in (FOLDER / "calscim.docs").read_text().split() + (
        FOLDER / "calscim.examples"
    ).read_text().split():
        assert (ROOT / line).exists(), line


def test_an_upgrade_does_not_migrate_unless_it_is_told_to():
    assert "\nCALSCIM_MIGRATE_ON_UPGRADE=0\n" in (FOLDER / "calscim.default").read_text("utf-8")


def test_a_purge_keeps_the_data_unless_it_is_told_to_delete():
    assert "\nDefault: false\n" in (FOLDER / "calscim.templates").read_text("utf-8")


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_finds_nothing_in_the_scripts():
    subprocess.run(["shellcheck", *SCRIPTS], check=True)


@pytest.mark.skipif(
    "DEB_TEST" not in os.environ,
    reason="takes minutes, root and debootstrap: make deb && DEB_TEST=1 pytest tests/packaging, or make deb-test",
)
def test_the_package_can_be_installed_upgraded_downgraded_removed_and_purged():
    subprocess.run([PACKAGING / "test-deb"], check=True)
