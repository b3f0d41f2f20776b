"""newman, the runner of Postman collections, has only the findings that stay."""

from pathlib import Path

from tests.conformance.npm.oracle import needed
from tests.conformance.npm.postman import run
from tests.scim.test_entra_suite import KNOWN, SUITE

pytestmark = needed


async def test_newman_has_only_the_findings_that_stay(provider, tmp_path: Path):
    variables = {"SCIMBaseURL": provider.base, "auth": f"Bearer {provider.token}"}

    assertions, failed = await run(SUITE, variables, tmp_path)

    assert failed == KNOWN
    assert assertions == sum(len(step["assertions"]) for step in SUITE["steps"])
