"""calscim sim: the simulated Cal.com, alone."""

from calscim.cli.call import Call, Verbs
from calscim.cli.output import fields
from calscim.sim import calcom


def register(verbs: Verbs) -> None:
    nouns = verbs.group("sim", "simulators to try calscim against")
    simulated = nouns.add(
        "calcom",
        _calcom,
        "a Cal.com that forgets everything when it ends",
        data=False,
        details="GET /_sim/state shows it; POST /_sim/people, teams, members, leave, accept, faults change it.",
    )
    simulated.add_argument("--listen", default="127.0.0.1:9010", metavar="HOST:PORT")
    simulated.add_argument("--organization-id", type=int, default=42, metavar="ID")
    simulated.add_argument("--api-key", default="cal_sim", metavar="KEY")
    simulated.add_argument("--owner", default="owner@acme.example", metavar="EMAIL")
    simulated.add_argument("--team", action="append", metavar="NAME", help="may be repeated")
    simulated.add_argument("--dialect", choices=("hosted", "self-hosted"), default="hosted")
    simulated.add_argument(
        "--limit", type=int, default=120, metavar="N", help="calls a minute; 0: none"
    )


async def _calcom(call: Call) -> None:
    asked = call.arguments
    world = calcom.World(
        organization_id=asked.organization_id, api_key=asked.api_key, dialect=asked.dialect
    )
    world.add_person(asked.owner, name="Organization Owner", role="OWNER")
    for name in asked.team or ["Sales", "Engineering"]:
        world.add_team(name)
    rows = [
        ("api_url", f"http://{asked.listen}"),
        ("organization_id", asked.organization_id),
        ("api_key", asked.api_key),
        ("state", f"http://{asked.listen}/_sim/state"),
    ]
    call.output.show(fields(rows))
    await calcom.run(asked.listen, world, asked.limit or None)
