"""calscim install and uninstall, in the folder of an image."""

import os
import shutil
from pathlib import Path

import pytest

from calscim.cli import install
from calscim.errors import UsageError
from calscim.installation.machine import Machine

TOOLS = ("systemd-sysusers", "systemd-tmpfiles", "systemctl")

needs_tools = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, TOOLS)),
    reason="needs root, systemd-sysusers, systemd-tmpfiles and systemctl (apt-get install systemd)",
)


@pytest.fixture
def root(tmp_path: Path, monkeypatch) -> Path:
    """Return the folder of an image, whose program is in /opt/calscim."""
    monkeypatch.setattr(install, "program", lambda: Path("/opt/calscim/bin/calscim"))
    monkeypatch.setattr(install, "obstacle", lambda *_: None)
    root = tmp_path / "image"
    root.mkdir()
    return root


def test_a_dry_run_prints_the_steps_and_changes_nothing(calscim, root):
    ran = calscim("install", "--systemd", "--dry-run", "--root", str(root))

    assert ran.code == 0
    assert f"would write  {root}/etc/systemd/system/calscim.service" in ran.out
    assert f"would run    systemd-sysusers --root={root} calscim.conf" in ran.out
    assert list(root.iterdir()) == []


def test_json_has_one_object_for_each_step(calscim, root):
    ran = calscim("install", "--systemd", "--dry-run", "--root", str(root), "--json")

    assert ran.json[0] == {
        "done": "would write",
        "what": f"{root}/etc/systemd/system/calscim.service",
    }


@needs_tools
def test_the_tools_of_systemd_make_a_user_folders_and_a_link(calscim, root):
    ran = calscim("install", "--systemd", "--root", str(root))

    assert (ran.code, "1. Edit /etc/calscim/calscim.toml" in ran.err) == (0, True)
    group = next(
        line
        for line in (root / "etc/group").read_text().splitlines()
        if line.startswith("calscim:")
    )
    configuration = (root / "etc/calscim/calscim.toml").stat()
    assert (configuration.st_mode & 0o777, configuration.st_uid) == (0o640, 0)
    assert configuration.st_gid == int(group.split(":")[2])
    modes = {
        name: (root / name).stat().st_mode & 0o777
        for name in (
            "etc/calscim",
            "etc/calscim/credentials",
            "etc/calscim/owner",
            "var/lib/calscim",
        )
    }
    assert modes == {
        "etc/calscim": 0o750,
        "etc/calscim/credentials": 0o700,
        "etc/calscim/owner": 0o700,
        "var/lib/calscim": 0o700,
    }
    assert (root / "etc/systemd/system/multi-user.target.wants/calscim.service").is_symlink()


@needs_tools
def test_purge_without_a_terminal_needs_yes(calscim, root):
    calscim("install", "--systemd", "--root", str(root))

    refused = calscim("uninstall", "--systemd", "--purge", "--root", str(root))
    kept = (root / "etc/calscim/calscim.toml").exists()
    purged = calscim("uninstall", "--systemd", "--purge", "--yes", "--root", str(root))

    assert (refused.code, kept) == (1, True)
    assert "Add --yes" in refused.err
    assert (purged.code, "Use DROP DATABASE" in purged.err) == (0, True)
    assert not (root / "etc/calscim").exists()
    assert "calscim" not in (root / "etc/passwd").read_text()


def test_purge_asks_on_a_terminal(terminal, root):
    configuration = root / "etc/calscim/calscim.toml"
    configuration.parent.mkdir(parents=True)
    configuration.touch()
    purge = ("uninstall", "--systemd", "--purge", "--root", str(root))

    code, out, shown = terminal.run(*purge, answer=b"n\n")
    assert (code, out, configuration.exists()) == (1, "", True)
    assert "/etc/calscim, /var/lib/calscim, /var/log/calscim will be removed" in shown
    assert terminal.run(*purge, answer=b"y\n")[0] == 0
    assert not configuration.parent.exists()


def test_the_service_manager_has_to_be_named(calscim):
    ran = calscim("install", "--dry-run")

    assert (ran.code, "--systemd" in ran.err) == (64, True)


def test_an_ordinary_user_is_told_to_use_sudo(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(UsageError, match="with sudo"):
        Machine(Path("/"), is_booted=False).refuse_ordinary_user()
