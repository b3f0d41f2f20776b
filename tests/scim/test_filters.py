"""Filters and sort orders against the real tables: every operator on every kind of attribute, and the indexes."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from scim2_models import EnterpriseUser, Group, User

from calscim.errors import ScimError
from calscim.scim import groups, users
from calscim.scim.filters import compile_filter, compile_sort
from calscim.scim.schema import ENTERPRISE_URN, GROUP, GROUP_URN, USER, USER_URN, Type
from calscim.store import admin, resources
from calscim.store.journal import Origin
from calscim.store.pool import Database
from calscim.store.resources import MemberChange, Reader, Selection

MODELS: dict[str, Any] = {"User": User[EnterpriseUser], "Group": Group}
BASE = "https://scim.example.com/scim/v2/x"


@dataclass(frozen=True)
class Stage:
    """A directory with some resources in it, and a way to find and to read them back."""

    db: Database
    reader: Reader

    async def found(self, kind: Type, selection: Selection) -> list[dict[str, Any]]:
        find = resources.users_found if kind is USER else resources.groups_found
        page = await find(self.db, self.reader, selection, 0, 1000)
        assert page.total == len(page.bodies)
        return [orjson.loads(body) for body in page.bodies]

    async def everything(self, kind: Type) -> list[Any]:
        return [self.model(kind, body) for body in await self.found(kind, Selection("true"))]

    @staticmethod
    def model(kind: Type, body: dict[str, Any]) -> Any:
        """Unassigned and empty are the same (RFC 7643 section 2.5), so empty lists are left out."""
        assigned = {name: part for name, part in body.items() if part != []}
        return MODELS[kind.name].model_validate(assigned)

    async def put_users(self, people: list[dict[str, Any]]) -> list[str]:
        made = []
        for number, person in enumerate(people):
            user_id = uuid.uuid4()
            body = {"schemas": [USER_URN], "userName": f"{'aAbB'[number % 4]}{number}", **person}
            await resources.create_user(
                self.db, self.origin(), user_id, users.state(body), self.reader.base
            )
            made.append(str(user_id))
        return made

    async def put_groups(self, named: dict[str, list[str]], **more: Any) -> None:
        for name, members in named.items():
            body = {"schemas": [GROUP_URN], "displayName": name, **more}
            change = MemberChange(add=frozenset(map(uuid.UUID, members)))
            await resources.create_group(
                self.db, self.origin(), uuid.uuid4(), groups.state(body), change, self.reader.base
            )

    def origin(self) -> Origin:
        return Origin(self.reader.directory, "test", body=b"{}")


@asynccontextmanager
async def staged(db: Database) -> AsyncIterator[Stage]:
    """A directory of its own, so that nothing else is found."""
    editor = admin.Editor(by="test")
    directory = await admin.create_directory(
        db, editor, organization="acme", name=uuid.uuid4().hex, provider="okta-scim-v2"
    )
    token, _ = await admin.create_token(db, editor, directory, name="test")
    yield Stage(db, Reader(token.id, directory.id, BASE))
