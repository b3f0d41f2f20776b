"""Okta's side of SCIM, as its provisioning speaks: look up first, then write; by PUT or by PATCH.

``custom``: an app of the integration wizard, which sends PUT for everything; ``oin``: an app of the
integration network, which sends PATCH for (de)activation and groups.
"""

import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import aiohttp

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
PAGE = 100


class OktaError(Exception):
    """What Okta would show an administrator."""

    def __init__(self, method: str, path: str, status: int, body: Any) -> None:
        self.status = status
        self.body = body
        super().__init__(f"{method} {path} was answered with {status}: {body}")


@dataclass(slots=True)
class Okta:
    """Keeps the ids of what it pushed, as Okta does."""

    session: aiohttp.ClientSession
    base_url: str
    token: str
    style: str = "custom"
    users: dict[str, str] = field(default_factory=dict)  # address -> id
    groups: dict[str, str] = field(default_factory=dict)  # name -> id
    members: dict[str, list[str]] = field(default_factory=dict)  # name -> addresses

    async def test_connection(self) -> None:
        """What saving the integration does."""
        await self._call("GET", "/Users?startIndex=1&count=2")
        await self._call("GET", "/Groups?startIndex=1&count=100")

    async def import_users(self) -> list[dict[str, Any]]:
        """Everybody, in pages of 100; advances by 100 whatever came back."""
        found: list[dict[str, Any]] = []
        start = 1
        while True:
            page = await self._call("GET", f"/Users?startIndex={start}&count={PAGE}")
            found += page["Resources"]
            start += PAGE
            if start > page["totalResults"]:
                return found

    async def assign(self, email: str, given: str, family: str, **more: Any) -> str:
        """Create the user, or link the one that is there and push the profile."""
        found = await self._find("Users", "userName", email)
        profile = self._profile(email, given, family, **{"active": True, **more})
        if found is None:
            made = await self._call("POST", "/Users", profile)
            self.users[email] = made["id"]
        else:
            self.users[email] = found["id"]
            await self._call("PUT", f"/Users/{found['id']}", {**profile, "id": found["id"]})
        return self.users[email]

    async def update_profile(self, email: str, **changes: Any) -> None:
        """GET, then PUT of the whole profile."""
        number = self.users[email]
        current = await self._call("GET", f"/Users/{number}")
        current.update(changes)
        await self._call("PUT", f"/Users/{number}", current)
        if "userName" in changes:
            self.users[changes["userName"]] = self.users.pop(email)
            for names in self.members.values():
                names[:] = [changes["userName"] if one == email else one for one in names]

    async def deactivate(self, email: str) -> None:
        await self._active(email, active=False)

    async def reactivate(self, email: str) -> None:
        await self._active(email, active=True)

    async def _active(self, email: str, *, active: bool) -> None:
        number = self.users[email]
        if self.style == "oin":
            operation = {"op": "replace", "value": {"active": active}}
            await self._patch(f"/Users/{number}", operation)
            return
        current = await self._call("GET", f"/Users/{number}")
        await self._call("PUT", f"/Users/{number}", {**current, "active": active})

    async def push_group(self, name: str, emails: list[str]) -> str:
        """Look the group up by name, create it empty, then push the members."""
        found = await self._find("Groups", "displayName", name)
        if found is None:
            body = {"schemas": [GROUP], "displayName": name, "members": []}
            found = await self._call("POST", "/Groups", body)
        self.groups[name] = found["id"]
        self.members[name] = []
        await self.add_members(name, emails)
        return self.groups[name]

    async def rename_group(self, name: str, to: str) -> None:
        number = self.groups.pop(name)
        self.groups[to] = number
        self.members[to] = self.members.pop(name)
        if self.style == "oin":
            value = {"id": number, "displayName": to}
            await self._patch(f"/Groups/{number}", {"op": "replace", "value": value})
        else:
            await self._put_group(to)

    async def add_members(self, name: str, emails: list[str]) -> None:
        self.members[name] += emails
        if self.style == "oin":
            value = [self._member(email) for email in emails]
            operation = {"op": "add", "path": "members", "value": value}
            await self._patch(f"/Groups/{self.groups[name]}", operation)
        else:
            await self._put_group(name)

    async def remove_members(self, name: str, emails: list[str]) -> None:
        self.members[name] = [one for one in self.members[name] if one not in emails]
        if self.style == "oin":
            operations = [
                {"op": "remove", "path": f'members[value eq "{self.users[email]}"]'}
                for email in emails
            ]
            await self._patch(f"/Groups/{self.groups[name]}", *operations)
        else:
            await self._put_group(name)

    async def push_now(self, name: str, emails: list[str]) -> None:
        """The whole membership at once."""
        self.members[name] = list(emails)
        if self.style == "oin":
            value = [self._member(email) for email in emails]
            operation = {"op": "replace", "path": "members", "value": value}
            await self._patch(f"/Groups/{self.groups[name]}", operation)
        else:
            await self._put_group(name)

    async def delete_group(self, name: str) -> None:
        await self._call("DELETE", f"/Groups/{self.groups.pop(name)}")
        del self.members[name]

    # ---------------------------------------------------------------- wire

    async def _put_group(self, name: str) -> None:
        body = {
            "schemas": [GROUP],
            "id": self.groups[name],
            "displayName": name,
            "members": [self._member(email) for email in self.members[name]],
        }
        await self._call("PUT", f"/Groups/{self.groups[name]}", body)

    def _member(self, email: str) -> dict[str, str]:
        return {"value": self.users[email], "display": email}

    def _profile(
        self, email: str, given: str, family: str, *, active: bool, **more: Any
    ) -> dict[str, Any]:
        return {
            "schemas": [USER],
            "userName": email,
            "name": {"givenName": given, "familyName": family},
            "emails": [{"primary": True, "value": email, "type": "work"}],
            "displayName": f"{given} {family}",
            "locale": "en-US",
            "externalId": f"00u{uuid.uuid4().hex[:17]}",
            "groups": [],
            "password": uuid.uuid4().hex,
            "active": active,
            **more,
        }

    async def _find(self, endpoint: str, attribute: str, value: str) -> dict[str, Any] | None:
        text = quote(f'{attribute} eq "{value}"')
        found = await self._call("GET", f"/{endpoint}?filter={text}&startIndex=1&count=100")
        resources = found["Resources"]
        return resources[0] if resources else None

    async def _patch(self, path: str, *operations: dict[str, Any]) -> None:
        await self._call("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)})

    async def _call(self, method: str, path: str, body: Any = None) -> Any:
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Accept": "application/scim+json",
            "Accept-Charset": "utf-8",
            "Content-Type": "application/scim+json; charset=utf-8",
            "User-Agent": "Okta SCIM Client 1.0.0",
        }
        async with self.session.request(
            method, self.base_url + path, json=body, headers=headers
        ) as response:
            answer = await response.json(content_type=None) if response.status != 204 else None
            if response.status >= 400:
                raise OktaError(method, path, response.status, answer)
            return answer
