"""The README's installation, literally, on a machine in which systemd runs."""

import re

import pytest

from tests.booted.machine import POSTGRES, Machine, missing
from tests.installation.readme import blocks, commands

# What needs a registry: Machine.install_package does the same with the packages of this environment.
FROM_A_REGISTRY = re.compile(r"^(python3 -m venv|/opt/calscim/bin/pip) ")

pytestmark = pytest.mark.skipif((reason := missing()) is not None, reason=str(reason))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    machine = Machine(tmp_path_factory.mktemp("machine"))
    machine.install_package()
    (machine.out / "typed").mkdir(parents=True)
    (machine.out / "roles.sql").write_text("\n".join(blocks("sql")))
    configuration = "\n".join(blocks("toml")).replace(
        'name = "acme"', 'name = "acme"\napi_url = "http://127.0.0.1:9010"'
    )
    typed = {"calscim.toml": configuration, "acme.key": "cal_sim"}
    typed["owner.dsn"] = "postgresql://calscim_owner:OWNER_PASSWORD@localhost/calscim"
    for name, text in typed.items():
        (machine.out / "typed" / name).write_text(text + "\n")
    typed_in_order = [one for one in commands() if not FROM_A_REGISTRY.match(one)]
    database = next(index for index, one in enumerate(typed_in_order) if one.startswith("nano "))
    given = {
        "postgres": POSTGRES,
        "before": typed_in_order[:database],
        "after": typed_in_order[database:],
    }
    return machine.run("install.py", given)


def test_the_start_brings_the_schema_up_to_date_and_the_daemon_is_ready(results):
    assert results["migration"] == {"Result": "success", "ExecMainStatus": "0"}
    assert results["daemon"]["ActiveState"] == "active"
    assert results["daemon"]["NRestarts"] == "0"
    assert results["ready"] == 200


def test_the_daemon_does_not_run_as_root(results):
    assert results["user"]


def test_check_finds_nothing_wrong(results):
    assert "calscim check" in results


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
