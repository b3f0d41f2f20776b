"""scim-sanity probes the life of users and groups. Its only findings are the statuses of a group's PATCH."""

import json

from tests.support.clients import Program

SANITY = Program("conformance", "scim-sanity")
pytestmark = SANITY.needed

# RFC 7644 section 3.5.2 permits 204 where a request has no `attributes`, and Entra expects 204 for a group.
KNOWN = {
    "PATCH /Groups/{id}",
    "PATCH /Groups/{id} add member",
    "PATCH /Groups/{id} remove members",
}


async def probe(site, *arguments):
    ran = await SANITY.run(
        "probe",
        site.url,
        "--token",
        site.token,
        "--i-accept-side-effects",
        "--json-output",
        *arguments,
    )
    return json.loads(ran.output)["results"]


def named(results, status):
    return {result["name"] for result in results if result["status"] == status}


async def test_its_only_findings_are_empty_responses_to_patch_of_a_group(site):
    results = await probe(site)

    assert named(results, "fail") == KNOWN
    assert len(named(results, "pass")) >= 25
    assert all("Agent" in name for name in named(results, "skip"))
    assert named(results, "warn") == set()
