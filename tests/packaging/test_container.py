"""The Containerfile and compose.yaml agree with calscim and with each other."""

import asyncio
import json
import re
import shutil
import subprocess
import sys

import pytest
import yaml
from aiohttp import web

from calscim import __version__
from calscim.app.daemon import DRAIN
from tests.support.images import (
    CONTAINERFILE,
    PACKAGING,
    image_environment,
    load_in_container,
    parse_command,
)

FOLDER = PACKAGING / "container"
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))
SERVICES = COMPOSE["services"]
OWN_SERVICES = ["migrate", "calscim", "calcom"]
SECRETS = {
    "daemon.dsn": "postgresql://calscim:1@postgres/calscim",
    "owner.dsn": "postgresql://calscim_owner:2@postgres/calscim",
    "acme.key": "cal_sim",
}


def resolved(variables: dict[str, str]) -> dict[str, str]:
    """Return the variables with the default of each ${NAME:-default}."""
    return {name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value) for name, value in variables.items()}


@pytest.mark.parametrize("service", ["migrate", "calscim"])
def test_the_variables_and_secrets_of_a_service_are_a_complete_configuration(service, tmp_path):
    given = {name: SECRETS[name] for name in SERVICES[service]["secrets"]}

    settings = load_in_container(resolved(SERVICES[service]["environment"]), given, tmp_path)

    assert [one.name for one in settings.organizations] == ["acme"]
    assert (settings.database.migration_dsn is not None) == (service == "migrate")


@pytest.mark.parametrize(("service", "verb"), [("migrate", "migrate"), ("calcom", "sim")])
def test_the_commands_are_verbs(service, verb):
    assert parse_command(SERVICES[service]["command"]) == verb


def test_the_image_serves_by_default_on_the_ports_that_it_exposes(tmp_path):
    (command,) = re.findall(r"^CMD (.+)$", CONTAINERFILE, re.MULTILINE)
    (exposed,) = re.findall(r"^EXPOSE (.+)$", CONTAINERFILE, re.MULTILINE)

    assert parse_command(json.loads(command)) == "serve"
    listeners = [image_environment()[f"CALSCIM_{name}_LISTEN"] for name in ("SCIM", "OPS")]
    assert [f"0.0.0.0:{port}" for port in exposed.split()] == listeners
    (published,) = SERVICES["calscim"]["ports"]
    assert published == "127.0.0.1:8085:8085"


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
async def test_the_health_check_asks_readyz(status, healthy, aiohttp_port):
    (written,) = re.findall(r"HEALTHCHECK .*\\\n\s+CMD (.+)$", CONTAINERFILE, re.MULTILINE)
    python, option, code = json.loads(written)
    port = await aiohttp_port(status)

    check = await asyncio.create_subprocess_exec(
        sys.executable, option, code.replace("8086", str(port)), stderr=subprocess.DEVNULL
    )

    assert python == "python"
    assert (await check.wait() == 0) == healthy


@pytest.fixture
async def aiohttp_port():
    """Yield a function that serves /readyz with a status, and returns the port."""
    runners = []

    async def serve(status: int) -> int:
        async def readyz(_: web.Request) -> web.Response:
            return web.Response(status=status)

        app = web.Application()
        app.router.add_get("/readyz", readyz)
        runners.append(runner := web.AppRunner(app))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return runner.addresses[0][1]

    yield serve
    for runner in runners:
        await runner.cleanup()


def test_every_container_is_restricted():
    for service in SERVICES.values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.search(r"^USER 65532:65532$", CONTAINERFILE, re.MULTILINE)


def test_the_schema_is_current_before_the_daemon_starts():
    assert SERVICES["calscim"]["depends_on"] == {
        "migrate": {"condition": "service_completed_successfully"}
    }
    assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert SERVICES["migrate"]["restart"] == "no"


def test_the_daemon_has_the_time_to_drain():
    grace = float(SERVICES["calscim"]["stop_grace_period"].removesuffix("s"))

    assert grace >= 2 * DRAIN


def test_every_image_is_of_this_version():
    assert {SERVICES[name]["image"] for name in OWN_SERVICES} == {f"calscim:{__version__}"}
    assert f"ARG VERSION={__version__}\n" in CONTAINERFILE


def test_the_secrets_are_those_that_make_secrets_creates(tmp_path):
    script = (FOLDER / "make-secrets").read_text("utf-8")
    created = set(re.findall(r"secret (\S+\.\S+) \$", script)) - {"$role.password"}
    created |= {"owner.password", "daemon.password"}

    assert set(COMPOSE["secrets"]) == created
    assert {name for one in SERVICES.values() for name in one.get("secrets", [])} == created


def test_the_organization_of_the_simulator_is_the_default():
    variables = resolved(SERVICES["calscim"]["environment"])
    (port,) = re.findall(r":(\d+)$", SERVICES["calcom"]["command"][-1])

    assert variables["CALSCIM_ORGANIZATION_ACME_ORGANIZATION_ID"] == "42"
    assert variables["CALSCIM_ORGANIZATION_ACME_API_URL"] == f"http://calcom:{port}"


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is not installed")
def test_hadolint_finds_nothing_in_the_containerfile():
    subprocess.run(["hadolint", FOLDER / "Containerfile"], check=True)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_finds_nothing_in_the_scripts():
    scripts = [path for path in FOLDER.iterdir() if path.read_bytes().startswith(b"#!/bin/sh")]

    assert len(scripts) == 3
    subprocess.run(["shellcheck", *scripts], check=True)
