"""calscim serve, run and demo: run the daemon."""

import argparse
import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from calscim import logs
from calscim.cli.command import Command
from calscim.cli.hazards import reviewed, strict_option
from calscim.cli.output import fields, lines
from calscim.cli.verbs import Verbs
from calscim.clock import SystemClock

if TYPE_CHECKING:  # each verb imports its own part when it runs
    from calscim.app import demo, playground


def register(verbs: Verbs) -> None:
    serve = verbs.add(
        "serve",
        _serve,
        data=False,
        examples=("calscim serve", "calscim serve --config /etc/calscim/calscim.toml --strict"),
    )
    serve.set_defaults(is_daemon=True)
    strict_option(serve)
    run = verbs.add(
        "run", _run, data=False, examples=("calscim run", "calscim run --data ./try --port 9000")
    )
    run.add_argument("--data", metavar="DIR", help="folder for its data (default: ./var)")
    run.add_argument(
        "--port",
        type=_a_port,
        metavar="PORT",
        help="port of SCIM on 127.0.0.1 (default: 8085); 0: any free port",
    )
    verbs.add(
        "demo", _demo, data=False, examples=("calscim demo", "calscim demo --data ./demo")
    ).add_argument("--data", metavar="DIR", help="folder for its data (default: a new folder)")


async def _serve(command: Command) -> None:
    settings = command.settings()
    logs.configure(
        settings.log.level, settings.log.format, personal_data=settings.log.personal_data
    )
    settings = reviewed(command)  # before the imports: the daemon's own take a second

    from calscim.app.startup import start  # noqa: PLC0415 - see above
    from calscim.tracing.environment import started  # noqa: PLC0415 - see above

    with started(command.environ) as tracing:

        async def serve() -> None:
            from calscim.app import daemon  # noqa: PLC0415 - see above

            await daemon.serve(
                settings,
                read=lambda: reviewed(command),
                configuration=command.configuration,
                tracing=tracing,
            )

        await start(serve, SystemClock())


async def _run(command: Command) -> None:
    from calscim.app import playground  # noqa: PLC0415 - see above

    folder = Path(command.arguments.data or "var")

    def show(made: "playground.Playground") -> None:
        rows = [("SCIM Base URL", made.base_url), ("Bearer Token", made.token)]
        if made.calcom is not None:
            rows.append(("simulated Cal.com", f"{made.calcom}/_sim/state"))
        rows.append(("mapped groups", ", ".join(made.groups) or "none yet"))
        rows.append(("metrics", f"http://{made.ops}/metrics"))
        if made.console is not None:
            rows.append(("console", made.console))
        command.output.show("")
        command.output.show(fields(rows))
        command.output.write("\nTry it, in another shell:\n")
        for line in _curl(made):
            command.output.write(line)
        command.output.write("\nThe other verbs, in the same shell:\n")
        for name, value in made.exports.items():
            command.output.write(f"export {name}={shlex.quote(value)}")
        for verb in ("status", "plan", "explain ann@acme.example"):
            command.output.write(f"{_program()} {verb}")
        command.output.write(f"\nStop with Ctrl-C; the data stays in {folder}")
        sys.stdout.flush()  # a pipe or a file would get the text only when the daemon stops

    options = playground.Options(
        folder, command.configuration, command.environ, command.arguments.port
    )
    await playground.run(options, show)


def _program() -> str:
    """Return the name of this program, or its path if the shell does not find it by name."""
    name = "calscim"
    path = Path(sys.argv[0]).absolute()
    return name if shutil.which(name) or path.name != name else shlex.quote(str(path))


def _a_port(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: write a number from 0 to 65535")
    return int(text)


def _curl(made: "playground.Playground") -> list[str]:
    """Return commands to paste: create a user, push a mapped group with that user, look at Cal.com."""
    call = (
        f"curl -s -H 'Authorization: Bearer {made.token}' "
        f"-H 'Content-Type: application/scim+json' {made.base_url}"
    )
    group = made.groups[0] if made.groups else "Sales"
    user = '{"userName": "ann@acme.example", "displayName": "Ann Example", "active": true}'
    lines = [
        f"ANN=$({call}/Users -d '{user}' | cut -d '\"' -f 4); echo $ANN",
        f"""{call}/Groups -d '{{"displayName": "{group}", "members": [{{"value": "'$ANN'"}}]}}'; echo""",
    ]
    if made.calcom is not None:
        lines.append(f"sleep 1; curl -s {made.calcom}/_sim/state; echo")
    return lines


async def _demo(command: Command) -> None:
    from calscim.app import demo  # noqa: PLC0415 - see above

    logs.configure("warning", "auto")
    number = 0

    def show(step: "demo.Step") -> None:
        nonlocal number
        number += 1
        command.output.show(lines("", f"{number}. {step.title}", style="bold"))
        command.output.show(f"   {step.description}")
        shown = Table.grid(padding=(0, 2, 0, 3))
        for team, people in step.teams.items():
            shown.add_row(lines(team, style="cyan"), lines(", ".join(people) or "no members"))
        command.output.show(shown)

    if command.arguments.data is not None:
        folder = Path(command.arguments.data)
        folder.mkdir(parents=True, exist_ok=True)
        steps = await demo.play(folder, show)
    else:
        with tempfile.TemporaryDirectory(
            prefix="calscim-demo-", ignore_cleanup_errors=True
        ) as made:
            Path(made).chmod(0o755)
            steps = await demo.play(Path(made), show)
    command.output.show(lines("", f"All {steps} steps happened as expected."))
