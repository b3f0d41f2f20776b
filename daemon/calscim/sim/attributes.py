"""The attributes of a simulated Cal.com's organization, their options, and who has which."""

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from calscim.sim import shapes
from calscim.sim.requests import body_of, number_in, page, text
from calscim.sim.shapes import Refused, invalid, success
from calscim.sim.state import Membership, SimAttribute
from calscim.sim.world import World

TYPES = ("TEXT", "NUMBER", "SINGLE_SELECT", "MULTI_SELECT")


@dataclass(slots=True)
class Attributes:
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
                web.get(f"{root}/{{attribute}}/options", self._options),
                web.post(f"{root}/{{attribute}}/options", self._add_option),
            ]
        )

    async def _list(self, request: web.Request) -> web.Response:
        found = [
            shapes.attribute(one, self.world.organization_id)
            for one in self.world.attributes.values()
        ]
        return success(page(request, found, 250, self.world.random))

    async def _create(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        name, kind = text(body, "name"), body.get("type")
        if kind not in TYPES:
            raise invalid("type", kind, f"must be one of the following values: {', '.join(TYPES)}")
        options = tuple(text(option, "value") for option in body.get("options", []))
        made = self.world.add_attribute(name, kind, options)
        shown = shapes.attribute(self.world.attributes[made], self.world.organization_id)
        return success(shown, 201)

    async def _options(self, request: web.Request) -> web.Response:
        attribute = self._attribute(request.match_info["attribute"])
        return success([shapes.option(attribute, number) for number in attribute.options])

    async def _add_option(self, request: web.Request) -> web.Response:
        attribute = self._attribute(request.match_info["attribute"])
        body = await body_of(request)
        number = self._new_option(attribute, text(body, "value"))
        return success(shapes.option(attribute, number), 201)

    async def _assigned(self, request: web.Request) -> web.Response:
        membership = self.world.find(number_in(request, "user"), self.world.organization_id)
        held = [] if membership is None else self.world.options_of(membership.id)
        return success([shapes.option(attribute, option) for attribute, option in held])

    async def _assign(self, request: web.Request) -> web.Response:
        membership = self._accepted(request)
        body = await body_of(request)
        attribute = self._attribute(text(body, "attributeId"))
        if "attributeOptionId" not in body and "value" not in body:
            return shapes.uncaught()
        option = self._option(attribute, body)
        if (membership.id, option) in self.world.assigned.values():
            raise Refused(409, "ConflictException", "The option is assigned to the user already")
        number = self.world.assign(membership, option)
        return success(_assignment(number, membership, option), 201)

    async def _unassign(self, request: web.Request) -> web.Response:
        membership = self._accepted(request)
        option = request.match_info["option"]
        for number, held in self.world.assigned.items():
            if held == (membership.id, option):
                self.world.unassign(number)
                return success(_assignment(number, membership, option))
        raise Refused(404, "NotFoundException", "The option is not assigned to the user")

    def _option(self, attribute: SimAttribute, body: dict[str, Any]) -> str:
        """The option that is named, or the one with that value; a text or number makes its own."""
        if "attributeOptionId" in body:
            option = text(body, "attributeOptionId")
            if option not in attribute.options:
                raise Refused(404, "NotFoundException", "Attribute option not found")
            return option
        value = text(body, "value")
        for option, known in attribute.options.items():
            if known == value:
                return option
        if attribute.type not in ("TEXT", "NUMBER"):
            raise Refused(404, "NotFoundException", "Attribute option not found")
        return self._new_option(attribute, value)

    def _new_option(self, attribute: SimAttribute, value: str) -> str:
        number = f"opt-{self.world.new_id()}"
        attribute.options[number] = value
        self.world.save()
        return number

    def _attribute(self, number: str) -> SimAttribute:
        if number not in self.world.attributes:
            raise Refused(404, "NotFoundException", "Attribute not found")
        return self.world.attributes[number]

    def _accepted(self, request: web.Request) -> Membership:
        membership = self.world.find(number_in(request, "user"), self.world.organization_id)
        if membership is None or not membership.accepted:
            raise Refused(404, "NotFoundException", "User is not a member of the organization")
        return membership


def _assignment(number: str, membership: Membership, option: str) -> dict[str, Any]:
    return {"id": number, "memberId": membership.id, "attributeOptionId": option}
