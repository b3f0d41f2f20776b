"""scim2-cli, a command-line client, checks the daemon with scim2-tester and manages users and groups."""

import json
import re
from collections import Counter

from tests.support.clients import Program
from tests.support.waiting import until

SCIM2 = Program("conformance", "scim2")
pytestmark = SCIM2.needed


async def scim2(site, *arguments):
    headers = f"Authorization: Bearer {site.token}"
    return await SCIM2.run(*arguments, SCIM_CLI_URL=site.url, SCIM_CLI_HEADERS=headers)


async def call(site, *arguments):
    """Run a command and return the resource or the list that it prints."""
    ran = await scim2(site, *arguments)
    assert ran.code == 0, ran
    return json.loads(ran.output) if ran.output.strip() else None


async def test_every_check_of_scim2_tester_succeeds(site):
    ran = await scim2(site, "test", "--check-status-code", "--check-content-type")

    results = Counter(re.findall(r"^([A-Z]+) \w+$", ran.output, re.MULTILINE))
    assert ran.code == 0, ran
    assert set(results) == {"SUCCESS"}, ran.output
    assert results["SUCCESS"] > 130


async def test_a_user_joins_a_team_and_leaves_it(site):
    emails = json.dumps([{"value": "ann@acme.example", "primary": True}])
    user = await call(site, "create", "user", "--user-name", "ann@acme.example", "--emails", emails)
    members = json.dumps([{"value": user["id"], "type": "User"}])
    group = await call(site, "create", "group", "--display-name", "Sales", "--members", members)
    await until(lambda: "ann@acme.example" in site.team("Sales"))

    title = ("replace", "title", "Engineer")
    changed = await call(site, "modify", "user", user["id"], *title)
    found = await call(site, "search", "user", "--filter", 'title eq "engineer"')
    read = await call(site, "query", "user", user["id"], "--attribute", "title")
    assert changed["title"] == read["title"] == "Engineer"
    assert [one["id"] for one in found["Resources"]] == [user["id"]]
    assert "userName" not in read

    await call(site, "modify", "group", group["id"], "remove", "members")
    await until(lambda: "ann@acme.example" not in site.team("Sales"))

    await call(site, "delete", "group", group["id"])
    await call(site, "delete", "user", user["id"])
    left = await call(site, "query", "user")  # the owner of the organization is imported
    assert user["id"] not in [shown["id"] for shown in left.get("Resources", [])]


async def test_a_refused_request_is_shown_with_its_reason(site):
    ran = await scim2(site, "query", "user", "--filter", "userName like 3")

    assert ran.code != 0
    assert "invalidFilter" in ran.output + ran.errors
