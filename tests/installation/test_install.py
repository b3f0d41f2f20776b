"""An installation in the folder of an image, without the tools of systemd."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from calscim.errors import UsageError
from calscim.installation.install import plan_install
from calscim.installation.machine import CONFIGURATION, UNIT_FOLDER, USERS, Machine
from calscim.installation.program import command_line, obstacle
from calscim.installation.shipped import UNITS, shipped
from calscim.installation.steps import Keep, Run, Step, Write, apply
from calscim.installation.uninstall import plan_uninstall

PROGRAM = Path("/opt/calscim/bin/calscim")


class Tools:
    """Record the commands instead of running them."""

    def __init__(self, code: int = 0) -> None:
        self.code = code
        self.ran: list[tuple[str, ...]] = []

    def __call__(self, arguments: Sequence[str], _text: str) -> tuple[int, str]:
        self.ran.append(tuple(arguments))
        return self.code, "no such user" if self.code else ""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine.at_root(tmp_path)


def install(machine: Machine, program: Path = PROGRAM) -> tuple[list[Step], Tools]:
    tools = Tools()
    steps = list(plan_install(machine, shipped(), program))
    for step in steps:
        apply(step, tools)
    return steps, tools


def uninstall(machine: Machine, *, purge: bool = False) -> list[Step]:
    steps = list(plan_uninstall(machine, purge=purge))
    for step in steps:
        apply(step, Tools())
    return steps


def files(machine: Machine) -> set[str]:
    return {
        str(machine.inside(path))
        for path in machine.root.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }


def test_the_units_start_the_program_of_this_installation(machine):
    install(machine)

    for unit in ("calscim.service", "calscim-migrate.service", "calscim-scim.service"):
        text = machine.path(f"{UNIT_FOLDER}/{unit}").read_text()
        assert f"\nExecStart={PROGRAM} " in text
        assert "/usr/bin/calscim" not in text


def test_the_tools_of_systemd_make_user_and_folders_and_enable_the_daemon(machine):
    _, tools = install(machine)

    root = f"--root={machine.root}"
    assert tools.ran == [
        ("systemd-sysusers", root, "calscim.conf"),
        ("systemd-tmpfiles", root, "--create", "calscim.conf"),
        ("systemd-tmpfiles", root, "--create", "-"),
        ("systemctl", root, "enable", "calscim.service"),
    ]


def test_the_configuration_is_the_example_and_starts_private(machine):
    install(machine)

    path = machine.path(CONFIGURATION)
    assert path.read_text() == shipped().example()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_second_installation_changes_nothing(machine):
    install(machine)
    machine.path(CONFIGURATION).write_text("[database]\n")

    steps, tools = install(machine)

    assert not [step for step in steps if isinstance(step, Write)]
    assert machine.path(CONFIGURATION).read_text() == "[database]\n"
    assert ("systemctl", f"--root={machine.root}", "enable", "calscim.service") not in tools.ran


def test_an_upgrade_replaces_files_that_were_not_edited(machine):
    install(machine, Path("/opt/old/bin/calscim"))

    steps, _ = install(machine)

    written = [step.path.name for step in steps if isinstance(step, Write)]
    assert written == ["calscim.service", "calscim-migrate.service", "calscim-scim.service"]
    assert str(PROGRAM) in machine.path(f"{UNIT_FOLDER}/calscim.service").read_text()


def test_an_edited_file_is_kept_and_its_new_content_stands_beside_it(machine):
    install(machine, Path("/opt/old/bin/calscim"))
    unit = machine.path(f"{UNIT_FOLDER}/calscim.service")
    edited = unit.read_text() + "# mine\n"
    unit.write_text(edited)

    steps, _ = install(machine)
    again, _ = install(machine)

    assert unit.read_text() == edited
    beside = unit.with_name("calscim.service.new")
    assert str(PROGRAM) in beside.read_text()
    assert "because calscim.service was edited: compare them" in [
        step.note for step in steps if isinstance(step, Write)
    ]
    assert Keep(unit, "was edited; compare it with calscim.service.new") in again


def test_a_program_that_is_not_a_link_is_kept(machine):
    command = machine.path("/usr/local/bin/calscim")
    command.parent.mkdir(parents=True)
    command.write_text("#!/bin/sh\n")

    steps, _ = install(machine)
    uninstall(machine, purge=True)

    assert Keep(command, "exists and is not a link") in steps
    assert command.read_text() == "#!/bin/sh\n"


def test_uninstall_removes_the_installation_and_keeps_configuration_and_data(machine):
    install(machine)

    uninstall(machine)

    assert files(machine) == {CONFIGURATION}


def test_uninstall_keeps_an_edited_unit_until_it_purges(machine):
    install(machine)
    unit = machine.path(f"{UNIT_FOLDER}/calscim.service")
    unit.write_text(unit.read_text() + "# mine\n")

    steps = uninstall(machine)

    assert Keep(unit, "was edited") in steps
    assert files(machine) == {CONFIGURATION, f"{UNIT_FOLDER}/calscim.service"}
    uninstall(machine, purge=True)
    assert files(machine) == set()


def test_purge_removes_drop_ins_and_the_user(machine):
    install(machine)
    drop_in = machine.path(f"{UNIT_FOLDER}/calscim.service.d/override.conf")
    drop_in.parent.mkdir()
    drop_in.touch()
    machine.path("/etc/passwd").write_text("root:x:0:0::/root:\ncalscim:x:999:999::/:\n")

    steps = uninstall(machine, purge=True)

    assert steps[-1] == Run(("userdel", "--root", str(machine.root), "calscim"))
    assert files(machine) == {"/etc/passwd"}


def test_a_newer_systemd_gets_the_drop_in_for_it(machine):
    drop_in = "/etc/systemd/system/calscim.service.d/systemd-254.conf"
    install(replace(machine, version=253))
    assert drop_in not in files(machine)

    install(replace(machine, version=255))

    assert drop_in in files(machine)
    uninstall(machine)
    assert not machine.path(drop_in).parent.exists()


def test_uninstall_keeps_the_drop_ins_of_an_operator(machine):
    install(replace(machine, version=255))
    override = machine.path("/etc/systemd/system/calscim.service.d/override.conf")
    override.touch()

    uninstall(machine)

    assert [path.name for path in override.parent.iterdir()] == ["override.conf"]


def test_a_failing_tool_ends_the_installation_with_its_message(machine):
    step = machine.tool("systemd-sysusers", "calscim.conf")

    with pytest.raises(
        UsageError, match=r"systemd-sysusers .*failed with exit code 1: no such user"
    ):
        apply(step, Tools(code=1))


def test_a_missing_tool_is_named(machine):
    with pytest.raises(UsageError, match="no-such-tool is not installed: install systemd"):
        apply(machine.tool("no-such-tool"))


def test_a_packaged_installation_is_left_to_the_package_manager(machine):
    packaged = machine.path("/usr/lib/systemd/system/calscim.service")
    packaged.parent.mkdir(parents=True)
    packaged.touch()

    with pytest.raises(UsageError, match="use the package manager"):
        machine.refuse_package()


@pytest.mark.parametrize("folder", ["home/ann/venv", "root/venv", "tmp/venv", "var/venv"])
def test_a_program_that_the_units_hide_is_refused(machine, folder):
    program = machine.root / folder / "bin/calscim"

    reason = obstacle(machine, program, Path("/usr"))

    assert reason is not None
    assert "install calscim" in reason


def test_a_python_in_a_home_folder_is_refused(machine):
    program = machine.root / "opt/calscim/bin/calscim"

    reason = obstacle(machine, program, machine.root / "home/ann/.local/share/uv/python")

    assert reason is not None
    assert "a Python of the system" in reason


def test_a_program_that_only_root_can_open_is_refused_with_the_command_to_run(machine):
    program = machine.root / "opt/calscim/bin/calscim"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    program.chmod(0o755)
    assert obstacle(machine, program, Path("/usr")) is None
    program.parent.chmod(0o700)

    reason = obstacle(machine, program, Path("/usr"))

    assert (
        reason
        == f"the user calscim cannot open {program.parent}: run `chmod o+rx {program.parent}`"
    )


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/opt/calscim/bin/calscim", "/opt/calscim/bin/calscim"),
        ("/opt/100%/calscim", "/opt/100%%/calscim"),
        ("/opt/my programs/calscim", '"/opt/my programs/calscim"'),
    ],
)
def test_the_path_of_the_program_is_spelled_as_systemd_reads_it(path, expected):
    assert command_line(Path(path)) == expected


def test_every_unit_and_the_user_are_part_of_the_installation(machine):
    install(machine)

    assert {f"{UNIT_FOLDER}/{unit}" for unit in UNITS} | {USERS} <= files(machine)
