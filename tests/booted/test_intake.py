"""SCIM without network, and a bundled Postgres, under the units as they are."""

import pytest

from tests.booted.machine import Machine, missing, readme_steps

pytestmark = pytest.mark.skipif((reason := missing()) is not None, reason=str(reason))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    machine = Machine(tmp_path_factory.mktemp("machine"))
    return machine.run("intake.py", readme_steps(machine), timeout=300)


def test_the_intake_takes_a_user_and_the_daemon_reconciles_it(results):
    intake = results["intake"]

    assert (intake["created"], intake["known"]) == (201, True)
    assert intake["ready"].split()[1] == "200"


def test_the_intake_has_no_network(results):
    assert results["intake"]["links"] == ["lo"]


def test_the_units_run_a_bundled_postgres(results):
    bundled = results["bundled"]

    assert (bundled["Result"], bundled["code"]) == ("success", 0)
    assert "key of owner@acme.example (OWNER)" in bundled["check"]
