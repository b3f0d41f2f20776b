"""The pushes of Okta to a release and to the next one, in three acts."""

import json
from dataclasses import dataclass, field

from calscim.testing.okta.client import Okta
from tests.support.deployment import ORGANIZATION, TEAMS, Deployment

PEOPLE = ("ann", "ben", "cleo", "dora", "emil", "fay")


@dataclass(slots=True)
class Story:
    """Okta's pushes, and the teams in Cal.com that must result from them."""

    okta: Okta
    inactive: set[str] = field(default_factory=set)
    group_of: dict[str, str] = field(default_factory=lambda: {name: name for name in TEAMS})

    def teams(self) -> dict[str, set[str]]:
        return {
            team: set(self.okta.members.get(group, ())) - self.inactive
            for team, group in self.group_of.items()
        }

    async def first_act(self) -> None:
        ann, ben, cleo, dora, emil, fay = (_address(name) for name in PEOPLE)
        for name in PEOPLE:
            await self.okta.assign(_address(name), name.capitalize(), "Example")
        await self.okta.push_group("Sales", [ann, ben, cleo])
        await self.okta.push_group("Engineering", [cleo, dora])
        await self.okta.push_group("Support", [emil])
        await self.okta.change_members("Sales", add=[fay], remove=[ben])
        await self.okta.update_profile(ann, title="Director")
        await self.okta.rename_group("Engineering", "Builders")
        self.group_of["Engineering"] = "Builders"
        await self.okta.deactivate(dora)
        self.inactive.add(dora)

    async def second_act(self) -> None:
        ann, ben, _, dora, emil, _ = (_address(name) for name in PEOPLE)
        gus = _address("gus")
        self.okta.style = "oin"
        await self.okta.assign(gus, "Gus", "Example")
        await self.okta.change_members("Builders", add=[gus, ben], remove=[])
        await self.okta.change_members("Sales", add=[], remove=[ann])
        await self.okta.reactivate(dora)
        self.inactive.discard(dora)
        await self.okta.push_now("Support", [emil, gus])
        await self.okta.rename_group("Sales", "Sellers")
        self.group_of["Sales"] = "Sellers"

    async def third_act(self) -> None:
        await self.okta.change_members("Builders", add=[_address("fay")], remove=[_address("gus")])
        await self.okta.delete_group("Support")


def _address(name: str) -> str:
    return f"{name}@acme.example"


async def prepare(site: Deployment) -> None:
    """Create a directory and its mappings with the command line of the deployment's release."""
    made = json.loads(
        await site.calscim(
            "directory", "create", "--organization", ORGANIZATION, "--name", "Okta",
            "--provider", "okta-scim-v2", "--json",
        )
    )  # fmt: skip
    site.directory, site.token = made["id"], made["token"]
    for number, name in enumerate(TEAMS):
        mode = "managed" if number else "exclusive"
        await site.calscim(
            "mapping", "add", "--directory", "Okta", "--group", name, "--team", name, "--mode", mode
        )
