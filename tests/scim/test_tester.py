"""scim2-tester, an independent program, finds no error in the running server."""

import asyncio

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server


async def test_scim2_tester_has_no_finding(provider):
    def run():
        headers = {"Authorization": f"Bearer {provider.token}"}
        with Client(base_url=provider.base, headers=headers) as http:
            client = SyncSCIMClient(http)
            return check_server(client)

    results = await asyncio.to_thread(run)

    found = [
        f"{result.status.name} {result.title}: {result.reason}"
        for result in results
        if result.status not in (Status.SUCCESS, Status.SKIPPED, Status.ACCEPTABLE)
    ]
    assert found == []
    assert sum(result.status is Status.SUCCESS for result in results) > 50
