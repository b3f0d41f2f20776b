"""The units at work: an outage, a reload, a hang, a restart under load, a failed migration."""

import pytest

from tests.booted.machine import Machine, missing, readme_steps

pytestmark = pytest.mark.skipif((reason := missing()) is not None, reason=str(reason))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    machine = Machine(tmp_path_factory.mktemp("machine"))
    return machine.run("service.py", readme_steps(machine), timeout=300)


def test_an_outage_of_the_database_shows_in_the_status_and_restarts_nothing(results):
    outage = results["outage"]

    assert outage["status"].startswith("SCIM answers 503: ")
    assert outage["ActiveState"] == "active"
    assert (outage["NRestarts"], outage["restarts_after"]) == ("0", "0")


def test_a_reload_applies_the_configuration_in_the_same_process(results):
    reload = results["reload"]

    assert reload["applied"] == ["reconcile.interval"]
    assert reload["same"]
    assert reload["type"] == ("notify-reload" if reload["version"] >= 254 else "notify")


def test_the_watchdog_restarts_a_daemon_that_hangs(results):
    assert results["watchdog"] == {"before": "0"}


def test_a_restart_with_socket_activation_refuses_no_request(results):
    measured = results["socket"]["kept"]

    assert measured["failures"] == []
    assert measured["answered"] > 80
    assert measured["longest"] < measured["restart"] + 5


def test_a_restart_without_socket_activation_refuses_requests(results):
    assert results["socket"]["own"]["failed"] > 0


def test_secrets_that_systemd_creds_has_encrypted_work_as_documented(results):
    encrypted = results["encrypted"]

    assert not encrypted["is_plain"]
    assert encrypted["ready"] == 200
    assert encrypted["migration"] == {"Result": "success", "ActiveState": "inactive"}
    assert "key of owner@acme.example (OWNER)" in encrypted["check"]


def test_the_daemon_starts_although_the_migration_fails(results):
    migration = results["migration"]

    assert (migration["ActiveState"], migration["ready"]) == ("active", 200)
    assert migration["migrate"]["ExecMainStatus"] == "1"
    assert migration["left"]["ActiveState"] in {"inactive", "failed"}
