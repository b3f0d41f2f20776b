"""schemathesis sends valid and invalid requests, made from the OpenAPI description, and checks every response."""

import json
from pathlib import Path

import pytest

from tests.conformance.narrowed import narrowed
from tests.support.clients import Program
from tools.openapi import listener

SCHEMATHESIS = Program("conformance", "schemathesis")
pytestmark = SCHEMATHESIS.needed

HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
# calscim accepts more than the description has, such as [null] for null: docs/reference/scim.md. Invalid requests are
# sent all the same, and have to get a described response.
TOLERANT = """
[checks.negative_data_rejection]
enabled = false
"""


@pytest.fixture
def proxied(deployment):
    deployment.variables["CALSCIM_SCIM_TRUSTED_PROXIES"] = "127.0.0.0/8"


async def check(folder, description, url, *arguments, configuration=""):
    """Run all checks of schemathesis against the API at a URL."""
    page, settings = folder / "openapi.json", folder / "schemathesis.toml"
    page.write_text(json.dumps(description))
    settings.write_text(configuration)

    ran = await SCHEMATHESIS.run(
        "--config-file", str(settings), "run", str(page), "--url", url, "--max-examples", "25",
        "--seed", "1", "--continue-on-failure", "--no-color", "--warnings", "off", *arguments, folder=folder,
        PYTHONPATH=str(HOOKS.parent), SCHEMATHESIS_HOOKS=HOOKS.stem,
    )  # fmt: skip

    assert ran.code == 0, ran.output + ran.errors


@pytest.mark.usefixtures("proxied")
async def test_every_response_of_the_scim_api_is_as_described(site, tmp_path):
    header = f"Authorization: Bearer {site.token}"

    await check(tmp_path, narrowed(), site.url, "--header", header, configuration=TOLERANT)


async def test_every_response_of_the_operators_listener_is_as_described(site, tmp_path):
    """The parameter ``wait`` is left out: it makes each request take up to a minute."""
    description = listener.document()
    events = description["paths"]["/v1/events"]["get"]
    events["parameters"] = [one for one in events["parameters"] if one["name"] != "wait"]
    made = await site.deployment.calscim("token", "create", "--events", "--json")
    header = f"Authorization: Bearer {json.loads(made)['token']}"

    await check(tmp_path, description, site.daemon.ops, "--header", header)
