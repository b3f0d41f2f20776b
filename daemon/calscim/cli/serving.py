"""calscim serve, run, demo: the daemon."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from calscim import logs
from calscim.cli.call import Call, Verbs
from calscim.cli.output import fields
from calscim.errors import ConfigError
from calscim.settings import Database, Settings, load

if (
    TYPE_CHECKING
):  # the daemon is loaded by the verbs that are one: all others start sooner without it
    from calscim.service import story, trial


def register(verbs: Verbs) -> None:
    verbs.add("serve", _serve, "run the daemon", data=False)
    run = verbs.add("run", _run, "serve with nothing prepared, to try it", data=False)
    run.add_argument("--data", metavar="DIR", help="where it keeps its data (default: ./var)")
    demo = verbs.add("demo", _demo, "play a whole story and end", data=False)
    demo.add_argument(
        "--data", metavar="DIR", help="where it keeps its data (default: a new folder)"
    )


async def _serve(call: Call) -> None:
    from calscim.service.daemon import serve  # noqa: PLC0415 - see above

    settings = call.settings()
    logs.configure(settings.log.level, settings.log.format)
    await serve(settings)


async def _run(call: Call) -> None:
    from calscim.service import trial  # noqa: PLC0415 - see above

    folder = Path(call.arguments.data or "var")
    settings = _settings_or_none(call, folder)
    logs.configure(settings.log.level, settings.log.format)

    def tell(made: "trial.Trial") -> None:
        rows = [("SCIM Base URL", made.base_url), ("Bearer Token", made.token)]
        if made.calcom is not None:
            rows.append(("simulated Cal.com", f"{made.calcom}/_sim/state"))
        rows.append(("mapped groups", ", ".join(made.groups) or "none yet"))
        call.output.show("")
        call.output.show(fields(rows))
        call.output.write("\nTry it:\n")
        for line in _curl(made):
            call.output.write(line)
        call.output.write("\nStop with Ctrl-C; the data stays in " + str(folder))

    await trial.run(settings, folder, tell)


def _settings_or_none(call: Call, folder: Path) -> Settings:
    """The configuration where there is one; without a database in its variables, the bundled one in the folder."""
    if call.configuration is None and not any(name.startswith("CALSCIM_") for name in call.environ):
        return Settings(database=Database())
    try:
        return call.settings()
    except ConfigError as error:
        missing = [problem for problem in error.problems if "database" not in problem.where]
        if missing or call.configuration is not None:
            raise
        return load(None, {**call.environ, "CALSCIM_DATABASE_EMBEDDED": str(folder / "postgres")})


def _curl(made: "trial.Trial") -> list[str]:
    """Lines that can be pasted one after the other: a user, a mapped group with that user, Cal.com after it."""
    call = (
        f"curl -s -H 'Authorization: Bearer {made.token}' "
        f"-H 'Content-Type: application/scim+json' {made.base_url}"
    )
    group = made.groups[0] if made.groups else "Sales"
    user = '{"userName": "ann@acme.example", "displayName": "Ann Example", "active": true}'
    lines = [
        f"USER=$({call}/Users -d '{user}' | cut -d '\"' -f 4); echo $USER",
        f"""{call}/Groups -d '{{"displayName": "{group}", "members": [{{"value": "'$USER'"}}]}}'""",
    ]
    if made.calcom is not None:
        lines.append(f"curl -s {made.calcom}/_sim/state")
    return lines


async def _demo(call: Call) -> None:
    from calscim.service import story  # noqa: PLC0415 - see above

    logs.configure("warning", "auto")
    number = 0

    def tell(step: "story.Step") -> None:
        nonlocal number
        number += 1
        call.output.show(Text(f"\n{number}. {step.title}", style="bold"))
        call.output.show(f"   {step.says}")
        shown = Table.grid(padding=(0, 2, 0, 3))
        for team, people in step.teams.items():
            shown.add_row(Text(team, style="cyan"), Text(", ".join(people) or "nobody"))
        call.output.show(shown)

    if call.arguments.data is not None:
        folder = Path(call.arguments.data)
        folder.mkdir(parents=True, exist_ok=True)
        steps = await story.tell(folder, tell)
    else:
        with tempfile.TemporaryDirectory(
            prefix="calscim-demo-", ignore_cleanup_errors=True
        ) as made:
            Path(made).chmod(0o755)
            steps = await story.tell(Path(made), tell)
    call.output.show(f"\nAll {steps} steps came true.")
