"""calscim sim: run the simulated Cal.com without the daemon."""

import argparse
from pathlib import Path

from calscim.cli.command import Command
from calscim.cli.verbs import Verbs
from calscim.config import Tcp, address
from calscim.errors import UsageError
from calscim.testing.calcom import builds
from calscim.testing.calcom import calcom as simulated


def register(verbs: Verbs) -> None:
    nouns = verbs.group("sim")
    calcom = nouns.add(
        "calcom",
        _calcom,
        "run a simulated Cal.com",
        data=False,
        details="GET /_sim/state shows its state; POST /_sim/people, /_sim/half-member, /_sim/delete-account, "
        "and /_sim/faults change it.",
        examples=(
            "calscim sim calcom",
            "calscim sim calcom --listen 127.0.0.1:9010 --team Sales --limit 0",
        ),
    )
    calcom.add_argument(
        "--listen",
        type=_tcp,
        default="127.0.0.1:9010",
        metavar="HOST:PORT",
        help="address and port (default: 127.0.0.1:9010)",
    )
    calcom.add_argument(
        "--organization-id",
        type=int,
        default=42,
        metavar="N",
        help="id of its organization (default: 42)",
    )
    calcom.add_argument(
        "--api-key", default="cal_sim", metavar="KEY", help="API key it accepts (default: cal_sim)"
    )
    calcom.add_argument(
        "--owner",
        default="owner@acme.example",
        metavar="EMAIL",
        help="user of the key (default: owner@acme.example)",
    )
    calcom.add_argument(
        "--team",
        action="append",
        metavar="NAME",
        help="a team; may be repeated (default: Sales and Engineering)",
    )
    calcom.add_argument(
        "--build",
        choices=builds.NAMES,
        default=builds.HOSTED_2026,
        metavar="NAME",
        help=f"the build of Cal.com to simulate: {', '.join(builds.NAMES)} ({builds.HOSTED_2026})",
    )
    calcom.add_argument(
        "--limit", type=int, default=120, metavar="N", help="calls a minute; 0: none"
    )
    calcom.add_argument("--data", type=Path, metavar="FILE", help="keep the state in this file")


def _tcp(text: str) -> str:
    try:
        found = address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not isinstance(found, Tcp):
        raise argparse.ArgumentTypeError("write host:port, as in 127.0.0.1:9010")
    return str(found)


async def _calcom(command: Command) -> None:
    wanted = command.arguments
    if "@" not in wanted.owner:
        raise UsageError(
            f"{wanted.owner!r} is not an e-mail address: write one such as owner@acme.example"
        )
    world = simulated.World(
        organization_id=wanted.organization_id, api_key=wanted.api_key, build=wanted.build
    )
    if wanted.data is not None:
        world = simulated.World.remembered(
            wanted.data,
            organization_id=wanted.organization_id,
            api_key=wanted.api_key,
            build=wanted.build,
        )
    if not world.accounts:
        world.add_person(wanted.owner, role="OWNER")
        for name in wanted.team or ("Sales", "Engineering"):
            world.add_team(name)
    teams = ", ".join(f"{team.name} ({team.id})" for team in world.teams.values())
    command.output.say(
        f"a simulated Cal.com on http://{wanted.listen}: organization {wanted.organization_id}, "
        f"key {wanted.api_key}, teams {teams}; stop with Ctrl-C"
    )
    try:
        await simulated.run(wanted.listen, world, wanted.limit or None)
    except OSError as error:
        raise UsageError(f"cannot listen on {wanted.listen}: {error.strerror or error}") from None
