"""The attributes of a simulated organization, their options, and the options of each member."""

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from calscim.testing.calcom import requests, shapes
from calscim.testing.calcom.requests import page_of, path_number, read_body, read_query
from calscim.testing.calcom.shapes import Refused, success
from calscim.testing.calcom.state import Membership, SimAttribute
from calscim.testing.calcom.validation import validate
from calscim.testing.calcom.world import World


@dataclass(slots=True)
class Attributes:
    """The calls of attributes."""

    world: World

    def add_to(self, app: web.Application) -> None:
        root = "/v2/organizations/{org}/attributes"
        app.add_routes(
            [
                web.get(root, self._list),
                web.post(root, self._create),
                web.get(f"{root}/options/{{user}}", self._assigned),
                web.post(f"{root}/options/{{user}}", self._assign),
                web.delete(f"{root}/options/{{user}}/{{option}}", self._unassign),
                web.get(f"{root}/{{attribute}}", self._one),
                web.get(f"{root}/{{attribute}}/options", self._options),
                web.post(f"{root}/{{attribute}}/options", self._add_option),
            ]
        )

    async def _list(self, request: web.Request) -> web.Response:
        query = read_query(request, requests.LIST)
        rows = [self._response(one) for one in self.world.attributes.values()]
        return success(page_of(rows, query, self.world.random))

    async def _one(self, request: web.Request) -> web.Response:
        """Return an attribute. An unknown attribute is null, not an error."""
        attribute = self.world.attributes.get(request.match_info["attribute"])
        return success(None if attribute is None else self._response(attribute))

    async def _create(self, request: web.Request) -> web.Response:
        body = await read_body(request, requests.CREATE_ATTRIBUTE)
        options = [validate(requests.CREATE_OPTION, one) for one in body["options"]]
        if any(one.slug == body["slug"] for one in self.world.attributes.values()):
            raise shapes.already_exists()
        attribute_id = self.world.add_attribute(body["name"], body["type"])
        attribute = self.world.attributes[attribute_id]
        attribute.slug = body["slug"]
        for option in options:
            self._new_option(attribute, **option)
        return success(self._response(attribute), 201)

    async def _options(self, request: web.Request) -> web.Response:
        """List the options. An unknown attribute has none, which is not an error."""
        attribute = self.world.attributes.get(request.match_info["attribute"])
        if attribute is None:
            return success([])
        return success([shapes.option(attribute, option) for option in attribute.options])

    async def _add_option(self, request: web.Request) -> web.Response:
        """Add an option. The same value can occur several times: there is no conflict."""
        body = await read_body(request, requests.CREATE_OPTION)
        attribute = self._attribute(request.match_info["attribute"])
        return success(shapes.option(attribute, self._new_option(attribute, **body)), 201)

    async def _assigned(self, request: web.Request) -> web.Response:
        membership = self.world.find(path_number(request, "user"), self.world.organization_id)
        held = [] if membership is None else self.world.options_of(membership.id)
        return success([shapes.option(attribute, option) for attribute, option in held])

    async def _assign(self, request: web.Request) -> web.Response:
        """Assign an option. Its attribute does not matter, and a value always creates a new option."""
        body = await read_body(request, requests.ASSIGN_OPTION)
        membership = self._accepted(request)
        option = body.get("attributeOptionId")
        if option is None:
            if body.get("value") is None:
                return shapes.uncaught_error()
            option = self._option_for(body)
        elif not any(option in one.options for one in self.world.attributes.values()):
            raise shapes.unknown_reference()
        if (membership.id, option) in self.world.assigned.values():
            raise shapes.already_exists()
        assignment_id = self.world.assign(membership, option)
        return success(shapes.assignment(assignment_id, membership.id, option), 201)

    def _option_for(self, body: dict[str, Any]) -> str:
        attribute = self._attribute(body["attributeId"])
        if attribute.type not in ("TEXT", "NUMBER"):
            raise Refused(400, "BadRequestException", "Attribute type does not support value")
        return self._new_option(attribute, body["value"])

    async def _unassign(self, request: web.Request) -> web.Response:
        membership = self._accepted(request)
        option = request.match_info["option"]
        for assignment_id, held in self.world.assigned.items():
            if held == (membership.id, option):
                self.world.unassign(assignment_id)
                return success(shapes.assignment(assignment_id, membership.id, option))
        raise Refused(404, "NotFoundException", "Attribute does not belong to this user")

    def _new_option(self, attribute: SimAttribute, value: str, slug: str | None = None) -> str:
        option_id = f"opt-{self.world.new_id()}"
        attribute.options[option_id] = value
        if slug is not None:
            attribute.slugs[option_id] = slug
        self.world.save()
        return option_id

    def _attribute(self, attribute_id: str) -> SimAttribute:
        if attribute_id not in self.world.attributes:
            raise Refused(404, "NotFoundException", "Attribute not found")
        return self.world.attributes[attribute_id]

    def _accepted(self, request: web.Request) -> Membership:
        user, organization = path_number(request, "user"), self.world.organization_id
        membership = self.world.find(user, organization)
        if membership is None:
            raise Refused(
                404,
                "NotFoundException",
                f"Membership for user with id {user} within organization id {organization} not "
                "found",
            )
        if not membership.accepted:
            raise Refused(404, "NotFoundException", "User is not a member of the organization")
        return membership

    def _response(self, attribute: SimAttribute) -> dict[str, Any]:
        return shapes.attribute(attribute, self.world.organization_id)
