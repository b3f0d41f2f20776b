"""A real daemon with a simulated Cal.com, to which the clients of others connect."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.deployment import Daemon, Deployment, deployed


@dataclass(frozen=True, slots=True)
class Site:
    """One daemon of a deployment whose teams Sales, Engineering and Support have mapped groups of the same names."""

    deployment: Deployment
    daemon: Daemon

    @property
    def url(self) -> str:
        """The base URL of the directory."""
        return self.deployment.base_url(self.daemon)

    @property
    def token(self) -> str:
        return self.deployment.token

    def team(self, name: str) -> set[str]:
        """Return the addresses of the members of a team in Cal.com."""
        return self.deployment.teams()[name]

    def failures(self) -> list[dict[str, object]]:
        """Return the requests that the daemon answered with a status of 500 or above."""
        return [
            line
            for line in self.daemon.events("scim.request")
            if line["status"] >= 500 and line["status"] != 501
        ]


@pytest.fixture
async def deployment(tmp_path: Path, database) -> AsyncIterator[Deployment]:
    async with deployed(tmp_path, database.dsn, database.dsn) as deployment:
        yield deployment


@pytest.fixture
async def site(deployment: Deployment) -> AsyncIterator[Site]:
    site = Site(deployment, await deployment.start())
    yield site
    assert site.failures() == []
