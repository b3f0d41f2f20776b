"""Edits that administrators and users make in Cal.com's own pages, over HTTP and without a key."""

from typing import Any, Protocol

from aiohttp import web

from calscim.testing.calcom.faults import Fault
from calscim.testing.calcom.world import World


class SimulatedServer(Protocol):
    """A simulation that can be read and edited."""

    world: World
    faults: list[Fault]
    calls: Any


class ManualEdits:
    """The routes ``GET /_sim/state``, ``GET /_sim/calls`` and ``POST /_sim/<edit>``.

    The edits are people, teams, members (with ``remove``: remove), leave, accept, roles, pending (make a membership
    pending), half-member (accept a member without a Profile), delete-account and faults. The fields of a body are the
    parameters of the world's method. Without ``team``, roles and pending apply to the organization. ``faults`` takes
    one fault, or ``{"faults": [...]}`` to replace all of them; DELETE removes them.
    """

    def __init__(self, simulated: SimulatedServer) -> None:
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
