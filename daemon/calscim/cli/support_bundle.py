"""calscim support-bundle: collect diagnostic files in one archive."""

from pathlib import Path

from calscim.admin.support import bundle
from calscim.cli import hazards
from calscim.cli.command import Command
from calscim.cli.database import opened_or_none
from calscim.cli.doctor import diagnose
from calscim.cli.output import table
from calscim.cli.progress import progress
from calscim.cli.verbs import Verbs
from calscim.clock import SystemClock
from calscim.config import effective


def register(verbs: Verbs) -> None:
    parser = verbs.add(
        "support-bundle",
        _support_bundle,
        details="The file has no secrets. Pseudonyms replace people unless --personal-data is given. Look at the file "
        "before you send it.",
        examples=(
            "calscim support-bundle",
            "calscim support-bundle --log /var/log/calscim.log --output /tmp/acme.tar.gz",
        ),
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: calscim-TIME.tar.gz")
    parser.add_argument("--log", type=Path, metavar="FILE", help="add the end of this log file")
    parser.add_argument(
        "--personal-data", action="store_true", help="keep names and addresses of people"
    )
    hazards.strict_option(parser)


async def _support_bundle(command: Command) -> None:
    settings, arguments = command.settings(), command.arguments
    now = SystemClock().now()
    path = arguments.output or Path(f"calscim-{now:%Y%m%d-%H%M%S}.tar.gz")
    with progress(command.output, "collecting"):
        diagnosis = await diagnose(command, settings)
        async with opened_or_none(settings) as db:  # the diagnosis reports why not
            texts = await bundle.collect(
                settings,
                db,
                configuration=effective(command.configuration, command.environ),
                diagnosis=diagnosis,
                log=arguments.log,
                personal_data=arguments.personal_data,
            )
    made = bundle.write(path, texts, personal_data=arguments.personal_data, now=now)
    shown = table(("file", "contains"), made.files.items())
    command.output.data(made, shown)
    command.output.say("", f"{made.path} was written; only its owner can read it")
