"""The requests of Microsoft's Postman collection for SCIM, with its assertions (tests/suites/entra-postman.json)."""

import json
from pathlib import Path

from tests.scim.test_okta_suites import over
from tests.support.runscope import play

SUITE = json.loads((Path(__file__).parents[1] / "suites" / "entra-postman.json").read_text())
# The findings that stay; docs/conformance.md has the reasons.
KNOWN = {
    "The group shows the displayName that the member was sent with",
    "A user whose address has no @",
    "A filter on emails.type among the attributes",
    "A filter on emails.value among the attributes",
    "The user whose address has no @ is deleted",
    "Replace of userName, in upper case",
    "Replace of active, in upper case",
    "A filter with parentheses, and values without quotes",
    "sw with a value without quotes",
    "gt with a date without quotes",
}


async def test_the_collection_has_only_the_findings_that_stay(provider):
    variables = {"SCIMBaseURL": provider.base, "auth": f"Bearer {provider.token}"}

    findings = await play(SUITE, variables, over(provider))

    assert {finding.partition(": ")[0] for finding in findings} == KNOWN
