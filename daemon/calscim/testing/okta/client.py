"""A SCIM client that provisions as Okta does: it looks a resource up first, then writes by PUT or PATCH.

``custom``: an app of the integration wizard, which sends PUT for everything. ``oin``: an app of the integration
network, which sends PATCH for activation, deactivation, passwords and groups. Okta never deletes a user.
Source: Okta's developer documentation, SCIM 2.0 reference.
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
    """The error that Okta shows an administrator."""

    def __init__(self, method: str, path: str, status: int, body: Any) -> None:
        self.status = status
        self.body = body
        super().__init__(f"{method} {path} returned {status}: {body}")


@dataclass(slots=True)
class Okta:
    """A client with the ids of the resources that it pushed, as Okta keeps them."""

    session: aiohttp.ClientSession
    base_url: str
    token: str
    style: str = "custom"
    identifier: str = "userName"  # the attribute by which Okta looks users up: userName or email
    users: dict[str, str] = field(default_factory=dict)  # address -> id
    groups: dict[str, str] = field(default_factory=dict)  # name -> id
    members: dict[str, list[str]] = field(default_factory=dict)  # name -> addresses

    async def test_connection(self) -> None:
        """Send the requests that Okta sends when an administrator saves the integration."""
        await self._call("GET", "/Users?startIndex=1&count=2")
        await self._call("GET", "/Groups?startIndex=1&count=100")

    async def import_users(self) -> list[dict[str, Any]]:
        """Return all users, in pages of 100. Okta advances by 100 whatever the page has."""
        return await self._import("Users")

    async def import_groups(self) -> list[dict[str, Any]]:
        return await self._import("Groups")

    async def _import(self, endpoint: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        start = 1
        while True:
            page = await self._call("GET", f"/{endpoint}?startIndex={start}&count={PAGE}")
            found += page["Resources"]
            start += PAGE
            if start > page["totalResults"]:
                return found

    # ---------------------------------------------------------------- people

    async def assign(self, email: str, given: str, family: str, **more: Any) -> str:
        """Create the user, or link the existing one and push the profile to it."""
        profile = self._profile(email, given, family, **{"active": True, **more})
        found = await self._find("Users", self.identifier, email)
        if found is None:
            self.users[email] = await self._create("/Users", profile)
        else:
            self.users[email] = found["id"]
            await self._push(email, profile)
        return self.users[email]

    async def update_profile(self, email: str, **changes: Any) -> None:
        await self._push(email, changes)
        if "userName" in changes:
            self._rename_user(email, changes["userName"])

    async def patch_profile(self, email: str, *operations: dict[str, Any]) -> None:
        """Send a PATCH of a user, as other identity providers do and Okta does for its own apps."""
        await self._patch(f"/Users/{self.users[email]}", *operations)

    async def deactivate(self, email: str) -> None:
        """Deactivate a user. Okta sends the same for a suspended, deactivated or unassigned user."""
        await self._active(email, active=False)

    async def reactivate(self, email: str) -> None:
        await self._active(email, active=True)

    async def sync_password(self, email: str) -> None:
        """Push a random password, as Okta does unless the app receives real ones."""
        password = {"password": uuid.uuid4().hex}
        if self.style == "oin":
            await self._patch(f"/Users/{self.users[email]}", {"op": "replace", "value": password})
        else:
            await self._push(email, password)

    async def _active(self, email: str, *, active: bool) -> None:
        user_id = self.users[email]
        if self.style == "oin":
            operation = {"op": "replace", "value": {"active": active}}
            await self._patch(f"/Users/{user_id}", operation)
            return
        await self._push(email, {"active": active})

    # ---------------------------------------------------------------- groups

    async def push_group(self, name: str, emails: list[str]) -> str:
        """Look the group up by name, create it empty, then push the members."""
        found = await self._find("Groups", "displayName", name)
        if found is None:
            body = {"schemas": [GROUP], "displayName": name, "members": []}
            self.groups[name] = await self._create("/Groups", body)
        else:
            self.groups[name] = found["id"]
        self.members[name] = []
        await self.add_members(name, emails)
        return self.groups[name]

    async def rename_group(self, name: str, to: str) -> None:
        self.groups[to] = self.groups.pop(name)
        self.members[to] = self.members.pop(name)
        if self.style == "oin":
            await self._send_name(to)
        else:
            await self._replace_group(to)

    async def add_members(self, name: str, emails: list[str]) -> None:
        await self.change_members(name, add=emails, remove=[])

    async def remove_members(self, name: str, emails: list[str]) -> None:
        await self.change_members(name, add=[], remove=emails)

    async def change_members(self, name: str, *, add: list[str], remove: list[str]) -> None:
        """Change the members in one request, with the removals before the additions. Each change repeats the name."""
        staying = [email for email in self.members[name] if email not in remove]
        self.members[name] = staying + [email for email in add if email not in staying]
        if self.style != "oin":
            await self._replace_group(name)
            return
        operations: list[dict[str, Any]] = [
            {"op": "remove", "path": f'members[value eq "{self.users[email]}"]'} for email in remove
        ]
        if add:
            value = [self._member(email) for email in add]
            operations.append({"op": "add", "path": "members", "value": value})
        await self._send_name(name)
        if operations:
            await self._patch(f"/Groups/{self.groups[name]}", *operations)

    async def push_now(self, name: str, emails: list[str]) -> None:
        """Push all members of a group at once."""
        self.members[name] = list(emails)
        if self.style == "oin":
            value = [self._member(email) for email in emails]
            operation = {"op": "replace", "path": "members", "value": value}
            await self._patch(f"/Groups/{self.groups[name]}", operation)
        else:
            await self._replace_group(name)

    async def delete_group(self, name: str) -> None:
        """Unlink a group, and delete it in the app."""
        await self._call("DELETE", f"/Groups/{self.groups.pop(name)}")
        del self.members[name]

    # ---------------------------------------------------------------- requests

    async def _push(self, email: str, changes: dict[str, Any]) -> None:
        """Read a user, then replace it with the changes and with what Okta adds."""
        path = f"/Users/{self.users[email]}"
        whole = {**await self._call("GET", path), **changes, "groups": []}
        whole["id"] = self.users[email]
        whole["emails"] = [
            {**address, "display": address.get("display", address["value"])}
            for address in whole.get("emails", [])
        ]
        await self._call("PUT", path, whole)

    def _rename_user(self, email: str, to: str) -> None:
        self.users[to] = self.users.pop(email)
        for names in self.members.values():
            names[:] = [to if member == email else member for member in names]

    async def _send_name(self, name: str) -> None:
        value = {"id": self.groups[name], "displayName": name}
        await self._patch(f"/Groups/{self.groups[name]}", {"op": "replace", "value": value})

    async def _replace_group(self, name: str) -> None:
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
        """Return the resource with a value, or None. An empty list and a 404 both mean that there is none."""
        text = quote(f'{attribute} eq "{value}"')
        try:
            found = await self._call("GET", f"/{endpoint}?filter={text}&startIndex=1&count=100")
        except OktaError as error:
            if error.status == 404:
                return None
            raise
        resources = found["Resources"] if found["totalResults"] else []
        return resources[0] if resources else None

    async def _create(self, path: str, body: dict[str, Any]) -> str:
        """Create a resource and return its id. Okta reports an error if the response has no resource."""
        made = await self._call("POST", path, body)
        if not isinstance(made, dict) or not made.get("id"):
            raise OktaError("POST", path, 200, "the new resource was not returned")
        return str(made["id"])

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
            answer = await response.json(content_type=None) if await response.read() else None
            if response.status >= 400:
                raise OktaError(method, path, response.status, answer)
            return answer
