"""scim-sim, a simulated directory, pushes random users and the whole member list of a group for each change."""

import json
import re

import pytest

from tests.support.clients import Program
from tests.support.waiting import until

SIM = Program("conformance", "scim-sim")
pytestmark = SIM.needed


@pytest.fixture
def sim(site, tmp_path):
    """Return a function that runs a command and returns the id in its output, if there is one."""
    settings = {"SCIM_BASE_URL": site.url, "SCIM_AUTH_TOKEN": site.token}
    (tmp_path / ".scim_config.json").write_text(json.dumps(settings))

    async def run(*arguments):
        ran = await SIM.run(*arguments, HOME=str(tmp_path), PYTHONIOENCODING="utf-8")
        assert ran.code == 0 and "❌" not in ran.output, ran
        found = re.search(r"ID: (\S+)", ran.output)
        return found and found[1]

    return run


async def test_random_users_join_and_leave_a_team(site, sim):
    users = [await sim("add-user"), await sim("add-user")]
    group = await sim("create-group", "Sales")

    for user in users:
        await sim("add-to-group", user, group)
    await until(lambda: len(site.team("Sales")) == 2)
    await sim("show")

    await sim("remove-from-group", users[0], group)
    await until(lambda: len(site.team("Sales")) == 1)
    await sim("delete-group", group)
    await until(lambda: site.team("Sales") == set())
