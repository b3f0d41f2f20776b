"""What is done by hand in Cal.com's own pages, over HTTP and without a key: for a simulation that stands alone."""

from typing import Any, Protocol

from aiohttp import web

from calscim.testing.calcom.faults import Fault
from calscim.testing.calcom.world import World


class Simulated(Protocol):
    """What can be looked at and changed."""

    world: World
    faults: list[Fault]
    calls: Any


class ByHand:
    """``GET /_sim/state`` and ``/_sim/calls``; ``POST /_sim/people|teams|members|leave|accept|roles|faults``.

    ``POST /_sim/pending`` makes a membership pending, ``/_sim/half-member`` an accepted member without a
    Profile, ``/_sim/delete-account`` deletes an account. A body's fields are those of the world's method of
    that purpose; ``members`` with ``remove`` takes off. ``roles`` and ``pending`` are about the organization
    where the body has no ``team``.
    ``POST /_sim/faults`` takes one fault or ``{"faults": [...]}``, which replace all; DELETE ends them.
    """

    def __init__(self, simulated: Simulated) -> None:
        self._simulated = simulated

    def add_to(self, app: web.Application) -> None:
        app.add_routes(
            [
                web.get("/_sim/state", self._state),
                web.get("/_sim/calls", self._calls),
                web.delete("/_sim/calls", self._forget),
                web.delete("/_sim/faults", self._mend),
                web.post("/_sim/{what}", self._act),
            ]
        )

    async def _state(self, _: web.Request) -> web.Response:
        snapshot = self._simulated.world.snapshot()
        return web.json_response({**snapshot, "calls": dict(self._simulated.calls)})

    async def _calls(self, _: web.Request) -> web.Response:
        return web.json_response(dict(self._simulated.calls))

    async def _forget(self, request: web.Request) -> web.Response:
        self._simulated.calls.clear()
        return await self._calls(request)

    async def _mend(self, request: web.Request) -> web.Response:
        self._simulated.faults.clear()
        return await self._state(request)

    async def _act(self, request: web.Request) -> web.Response:
        try:
            body = await request.json() if request.can_read_body else {}
            self._do(request.match_info["what"], body)
        except (StopIteration, AssertionError, KeyError, TypeError, ValueError) as error:
            return web.json_response({"error": f"{error!r}"}, status=400)
        return await self._state(request)

    def _do(self, what: str, body: dict[str, Any]) -> None:
        world = self._simulated.world
        match what:
            case "people":
                world.add_person(**body)
            case "teams":
                world.add_team(**body)
            case "members" if body.pop("remove", False):
                world.take_off_team(body["team"], body["email"])
            case "members":
                world.put_on_team(**body)
            case "roles":
                world.set_role(body.get("team"), body["email"], body["role"])
            case "leave":
                world.remove_from_org(**body)
            case "accept":
                world.accept(**body)
            case "pending":
                world.make_pending(body.get("team"), body["email"])
            case "half-member":
                world.make_half_member(**body)
            case "delete-account":
                world.delete_account_of(**body)
            case "faults":
                self._simulated.faults.extend(_faults(body, self._simulated.faults))
            case _:
                raise KeyError(what)


def _faults(body: dict[str, Any], present: list[Fault]) -> list[Fault]:
    if "faults" not in body:
        return [Fault(**body)]
    made = [Fault(**one) for one in body["faults"]]
    present.clear()
    return made
