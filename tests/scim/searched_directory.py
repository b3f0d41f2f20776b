"""A directory whose resources the tests search by filters and sort."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from scim2_models import EnterpriseUser, Group, User

from calscim import admin
from calscim.directory import resources
from calscim.directory.keyset_pages import Kind, Listing, read_page
from calscim.directory.resources import MemberChange, Reader
from calscim.encryption import PLAIN
from calscim.journal.append import Origin
from calscim.postgres.pool import Database
from calscim.scim import groups, users
from calscim.scim.schema import ENTERPRISE_URN, GROUP_URN, USER_URN, Type

MODELS: dict[str, Any] = {"User": User[EnterpriseUser], "Group": Group}
TABLES: dict[str, Kind] = {"User": "users", "Group": "groups"}
BASE = "https://scim.example.com/scim/v2/x"


@dataclass(frozen=True)
class Searched:
    """A directory with resources, and ways to create and find them."""

    db: Database
    reader: Reader

    async def found(self, kind: Type, listing: Listing) -> list[dict[str, Any]]:
        stretch = await read_page(self.db, TABLES[kind.name], self.reader, listing, 1000)
        page = stretch.page
        assert page.total == len(page.bodies)
        return [orjson.loads(body) for body in page.bodies]

    async def everything(self, kind: Type) -> list[Any]:
        return [self.model(kind, body) for body in await self.found(kind, Listing("true"))]

    @staticmethod
    def model(kind: Type, body: dict[str, Any]) -> Any:
        """Return the model of a resource without empty lists, which are unassigned (RFC 7643 section 2.5)."""
        assigned = {name: part for name, part in body.items() if part != []}
        return MODELS[kind.name].model_validate(assigned)

    async def put_users(self, people: list[dict[str, Any]]) -> list[str]:
        made = []
        for number, person in enumerate(people):
            user_id = uuid.uuid4()
            schemas = [USER_URN, *(name for name in person if name.startswith("urn:"))]
            body = {"userName": f"{'aAbB'[number % 4]}{number}", **person, "schemas": schemas}
            await resources.create_user(
                self.db, self.origin(), user_id, users.to_state(body), self.reader.base
            )
            made.append(str(user_id))
        return made

    async def put_groups(self, named: dict[str, list[str]], **more: Any) -> None:
        for name, members in named.items():
            body = {"schemas": [GROUP_URN], "displayName": name, **more}
            change = MemberChange(add=frozenset(map(uuid.UUID, members)))
            await resources.create_group(
                self.db,
                self.origin(),
                uuid.uuid4(),
                groups.to_state(body),
                change,
                self.reader.base,
            )

    def origin(self) -> Origin:
        return Origin(self.reader.directory, "test", body=b"{}")


@asynccontextmanager
async def staged(db: Database) -> AsyncIterator[Searched]:
    """Create a separate directory, so that a search finds no other resources."""
    editor = admin.Editor(by="test", cipher=PLAIN)
    directory = await admin.create_directory(
        db, editor, organization="acme", name=uuid.uuid4().hex, provider="okta-scim-v2"
    )
    token, _ = await admin.create_token(db, editor, directory, name="test")
    yield Searched(db, Reader(token.id, directory.id, BASE))


ANN = {
    "userName": "Ann",
    "externalId": "00uA",
    "displayName": "Ann Élan",
    "title": '100% "real" C:\\_x',
    "name": {"givenName": "Ann", "familyName": "Élan"},
    "emails": [
        {"value": "Ann@home.example", "type": "home"},
        {"value": "ann@work.example", "type": "work", "primary": True},
    ],
    "active": True,
    ENTERPRISE_URN: {"employeeNumber": "100", "manager": {"value": "m1"}},
}
BOB = {
    "userName": "bob_%",
    "externalId": "00ua",
    "displayName": "Bob E\u0301lan",
    "emails": [{"type": "work", "display": "none yet"}],
    "active": False,
    ENTERPRISE_URN: {"employeeNumber": "20"},
}
CY = {
    "userName": "cy",
    "title": "",
    "active": True,
    "photos": [{"value": "https://x.example/A.png"}],
}
