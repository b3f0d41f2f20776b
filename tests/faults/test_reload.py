"""A running daemon reads its configuration again on SIGHUP and logs the result in one line."""

import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests import conftest
from tests.support.counting_okta import CountingOkta
from tests.support.deployment import KEY, Daemon, Deployment, deployed
from tests.support.waiting import until

ROTATED = "cal_rotated"


@pytest.fixture
async def site(database: conftest.Database, tmp_path: Path) -> AsyncIterator[Deployment]:
    async with deployed(tmp_path, database.dsn, database.dsn) as made:
        yield made


def configure(site: Deployment, old: str, new: str) -> None:
    text = site.configuration.read_text()
    assert old in text
    site.configuration.write_text(text.replace(old, new))


async def hang_up(daemon: Daemon) -> dict[str, object]:
    """Send SIGHUP and return the log line of the reload."""
    before = len(daemon.events("service.reloaded"))
    os.kill(daemon.pid, signal.SIGHUP)
    await until(lambda: len(daemon.events("service.reloaded")) > before)
    return daemon.events("service.reloaded")[-1]


async def checked(site: Deployment) -> dict[str, str]:
    """Return the result of `calscim check` for the daemon."""
    value = json.loads(await site.calscim("check", "--json"))
    (found,) = [one for one in value["checks"] if one["what"].startswith("daemon ")]
    return found


async def test_a_rotated_key_is_used_after_a_reload_and_check_warns_before(site: Deployment):
    daemon = await site.start()
    await until(lambda: daemon.events("reconcile.pass"))
    configure(site, KEY, ROTATED)
    site.world.api_key = ROTATED

    stale = await checked(site)
    said = await hang_up(daemon)
    fresh = await checked(site)

    assert "organization.acme.api_key" in stale["warning"]
    assert (said["level"], said["applied"], said["restart"], said["refused"]) == (
        "info",
        ["organization.acme.api_key"],
        [],
        [],
    )
    assert fresh["warning"] == ""
    for secret in (KEY, ROTATED):
        assert secret not in daemon.log.read_text() + json.dumps([stale, fresh])
    async with aiohttp.ClientSession() as session:
        okta = CountingOkta(session, lambda: site.base_url(daemon), site.token)
        group = await okta.push_group("Sales")
        await okta.add(group, await okta.create("ann@acme.example"))
        await until(lambda: site.teams()["Sales"] == {"ann@acme.example"}, 15)


async def test_a_reload_separates_applied_settings_from_those_that_need_a_restart(
    site: Deployment,
):
    daemon = await site.start()
    configure(site, 'max_deprovisions = "100%"', 'max_deprovisions = "7%"')
    configure(site, 'format = "json"', 'format = "json"\nlevel = "debug"')
    configure(site, 'interval = "60s"', 'interval = "61s"')
    configure(site, "[database]", "[database]\npool_size = 3")

    first = await hang_up(daemon)
    second = await hang_up(daemon)

    assert first["applied"] == ["guards.max_deprovisions", "log.level", "reconcile.interval"]
    assert (first["level"], first["restart"]) == ("warning", ["database.pool_size"])
    assert first["then"] == ["systemctl restart calscim"]
    assert (second["applied"], second["restart"]) == ([], ["database.pool_size"])
    await until(lambda: daemon.events("calcom.request"))  # debug lines


async def test_an_invalid_configuration_changes_nothing_and_every_error_is_logged(
    site: Deployment,
):
    daemon = await site.start()
    configure(site, 'interval = "60s"', 'interval = "61"')
    configure(site, 'max_deprovisions = "100%"', 'max_deprovision = "7%"')

    said = await hang_up(daemon)

    assert (said["level"], said["applied"], said["restart"]) == ("error", [], [])
    assert len(said["refused"]) == 2
    assert daemon.alive
    assert await daemon.terminate() == 0


async def test_an_added_organization_needs_a_restart(
    site: Deployment,
):
    daemon = await site.start()
    text = site.configuration.read_text()
    site.configuration.write_text(
        text + '\n[[organization]]\nname = "beta"\norganization_id = 7\napi_key = "x"\n'
    )

    assert (await hang_up(daemon))["restart"] == ["organization.beta"]


async def test_check_ignores_a_daemon_that_has_ended(site: Deployment):
    daemon = await site.start()
    await checked(site)
    await daemon.terminate()

    value = json.loads(await site.calscim("check", "--json"))

    assert not [one for one in value["checks"] if one["what"].startswith("daemon ")]
