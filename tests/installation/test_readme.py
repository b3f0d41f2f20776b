"""The README's installation fits together: commands, units, secrets, configuration. tests/booted runs all of it."""

import re
import shlex
from pathlib import Path

import pytest

from calscim.cli.main import all_verbs
from calscim.config import load
from calscim.installation.install import plan_install
from calscim.installation.machine import CONFIGURATION, UNIT_FOLDER, Machine
from calscim.installation.shipped import shipped
from calscim.installation.steps import Write, apply
from tests.installation.readme import blocks, commands

REPOSITORY = Path(__file__).parents[2]
OWNER_DSN = "postgresql://calscim_owner:OWNER_PASSWORD@localhost/calscim"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return a machine after the first and the third step of the README."""
    machine = Machine.at_root(tmp_path)
    for step in plan_install(machine, shipped(), Path("/opt/calscim/bin/calscim")):
        if isinstance(step, Write):
            apply(step)
    machine.path(CONFIGURATION).write_text("\n".join(blocks("toml")))
    for name, text in typed().items():
        path = machine.path(name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return machine


def typed() -> dict[str, str]:
    """Return what the README lets an operator type into the files with secrets."""
    names = [shlex.split(one)[1] for one in commands() if one.startswith("nano ")]
    return {
        name: OWNER_DSN if name.endswith(".dsn") else "cal_key"
        for name in names
        if name != CONFIGURATION
    }


def hand_over(machine: Machine, unit: str, to: Path) -> dict[str, str]:
    """Copy the credentials of a unit as systemd does, and return the variable that names their folder."""
    to.mkdir()
    text = machine.path(f"{UNIT_FOLDER}/{unit}").read_text()
    for name, folder in re.findall(r"^LoadCredential=([\w-]+):(\S+)$", text, re.MULTILINE):
        for path in machine.path(folder).iterdir():
            (to / f"{name}_{path.name}").write_bytes(path.read_bytes())
    return {"CREDENTIALS_DIRECTORY": str(to)}


def test_the_migration_gets_the_dsn_of_the_owner_and_the_key(machine, tmp_path):
    environ = hand_over(machine, "calscim-migrate.service", tmp_path / "credentials")

    settings = load(machine.path(CONFIGURATION), environ)

    assert settings.database.owner_dsn() == OWNER_DSN
    assert settings.organizations[0].api_key == "cal_key"


def test_the_daemon_gets_the_key_and_not_the_dsn_of_the_owner(machine, tmp_path):
    credentials = tmp_path / "credentials"

    environ = hand_over(machine, "calscim.service", credentials)

    assert [path.name for path in credentials.iterdir()] == ["credentials_acme.key"]
    assert load(machine.path(CONFIGURATION), environ).organizations[0].api_key == "cal_key"


def test_every_file_that_a_command_names_is_in_the_repository():
    words = [word for command in commands() for word in shlex.split(command)]

    files = [word for word in words if word.endswith((".txt", ".sql"))]
    assert files
    assert [name for name in files if not (REPOSITORY / name).is_file()] == []


def test_every_command_of_calscim_is_a_verb():
    verbs = {parser.prog for parser in all_verbs().leaves()}
    called = [
        f"calscim {shlex.split(command)[1]}"
        for command in commands()
        if Path(shlex.split(command)[0]).name == "calscim"
    ]

    assert called == ["calscim install", "calscim check"]
    assert set(called) <= verbs


def test_the_systemctl_commands_name_installed_units(machine):
    units = [one.split()[-1] for one in commands() if one.startswith("systemctl ")]

    assert units
    for unit in units:
        assert machine.path(f"{UNIT_FOLDER}/{unit}.service").exists()
