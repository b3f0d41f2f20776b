"""calscim console: sign in to the console."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from calscim.admin.console_access import LINK_LIFETIME, ConsoleRole, create_link, link_url
from calscim.cli.command import Command
from calscim.cli.database import opened
from calscim.cli.verbs import Verbs
from calscim.clock import SystemClock
from calscim.errors import UsageError


@dataclass(frozen=True, slots=True)
class LinkView:
    """A link that signs in once. It is a secret."""

    url: str
    role: str
    expires_at: datetime


def register(verbs: Verbs) -> None:
    nouns = verbs.group("console")
    link = nouns.add(
        "link",
        _link,
        "print a link that signs in to the console once, within ten minutes",
        details="The journal names the person who ran the command for what is changed with the link.",
        examples=("calscim console link", "calscim console link --role viewer"),
    )
    link.add_argument(
        "--role",
        choices=[one.value for one in ConsoleRole],
        default=ConsoleRole.ADMIN.value,
        help="what the link allows (default: admin)",
    )


async def _link(command: Command) -> None:
    settings = command.settings()
    if settings.console is None:
        raise UsageError(
            "no console is configured: add a [console] section to the configuration, and restart the daemon"
        )
    role = ConsoleRole(command.arguments.role)
    person = command.editor().by.partition(" via ")[0]
    async with opened(settings) as db:
        secret = await create_link(db, person, role)
    url = link_url(settings.console, secret)
    ends = SystemClock().now() + timedelta(seconds=LINK_LIFETIME)
    command.output.data(LinkView(url, role.value, ends), url)
