"""The README's installation, literally, on a machine in which systemd runs."""

import pytest

from tests.booted.machine import Machine, missing, readme_steps

pytestmark = pytest.mark.skipif((reason := missing()) is not None, reason=str(reason))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    machine = Machine(tmp_path_factory.mktemp("machine"))
    return machine.run("install.py", readme_steps(machine))


def test_the_start_brings_the_schema_up_to_date_and_the_daemon_is_ready(results):
    assert results["migration"] == {"Result": "success", "ExecMainStatus": "0"}
    assert results["daemon"]["ActiveState"] == "active"
    assert results["daemon"]["NRestarts"] == "0"
    assert results["ready"] == 200


def test_the_daemon_does_not_run_as_root(results):
    assert results["user"]


def test_check_finds_nothing_wrong(results):
    assert "calscim check" in results


def test_doctor_finds_the_secrets_closed_to_other_users(results):
    assert "3 secret files, closed to other users" in results["doctor"]


def test_a_second_installation_changes_nothing(results):
    assert "wrote" not in results["again"]
    assert results["restart"] == "active\n"


def test_uninstall_stops_the_daemon_and_keeps_the_configuration(results):
    assert results["left"].split() == [
        "inactive",
        "calscim.toml",
        "credentials",
        "owner",
        "scim-credentials",
    ]


def test_purge_leaves_no_file_and_no_user(results):
    assert results["purged"].count("No such file") == 2
    assert "no such user" in results["purged"]
