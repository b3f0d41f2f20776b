"""calscim console: sign in to the console, and list and end its sessions."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from calscim.admin.console_access import LINK_LIFETIME, ConsoleRole, create_link, link_url
from calscim.admin.console_sessions import (
    end_one_session,
    end_sessions_of,
    open_sessions,
)
from calscim.cli.command import Command
from calscim.cli.confirmation import confirm, yes_option
from calscim.cli.database import opened
from calscim.cli.output import table
from calscim.cli.verbs import Verbs
from calscim.clock import SystemClock
from calscim.config import Console, Settings
from calscim.errors import UsageError
from calscim.wording import counted


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
        details="The journal records changes made with the link under the name of the person who ran this command.",
        examples=("calscim console link", "calscim console link --role viewer"),
    )
    link.add_argument(
        "--role",
        choices=[one.value for one in ConsoleRole],
        default=ConsoleRole.ADMIN.value,
        help="what the link allows (default: admin)",
    )
    nouns.add(
        "sessions",
        _sessions,
        "list the open sessions: who is signed in to the console",
        examples=("calscim console sessions", "calscim console sessions --json"),
    )
    end = nouns.add(
        "end-sessions",
        _end_sessions,
        "end all sessions of a person, or one session",
        details="The sessions end at once, in every daemon, and links that the person has not used yet are deleted. A "
        "person who still has a role can sign in again: withdraw the role at the identity provider first.",
        examples=(
            "calscim console end-sessions ann@acme.com",
            "calscim console end-sessions --session 7",
        ),
    )
    wanted = end.add_mutually_exclusive_group(required=True)
    wanted.add_argument(
        "person", metavar="PERSON", nargs="?", help="as `calscim console sessions` shows it"
    )
    wanted.add_argument(
        "--session", metavar="ID", type=int, help="end only the session with this id"
    )
    yes_option(end)


def _console(settings: Settings) -> Console:
    if settings.console is None:
        raise UsageError(
            "no console is configured: add a [console] section to the configuration, and restart the daemon"
        )
    return settings.console


async def _link(command: Command) -> None:
    settings = command.settings()
    console = _console(settings)
    role = ConsoleRole(command.arguments.role)
    person = command.editor().by.partition(" via ")[0]
    async with opened(settings) as db:
        secret = await create_link(db, person, role)
    url = link_url(console, secret)
    ends = SystemClock().now() + timedelta(seconds=LINK_LIFETIME)
    command.output.data(LinkView(url, role.value, ends), url)


async def _sessions(command: Command) -> None:
    settings = command.settings()
    async with opened(settings) as db:
        found = await open_sessions(db, _console(settings).idle_timeout)
    shown = table(
        ("id#", "person", "role", "signed in with", "since", "last used", "expires"),
        (
            (
                one.id,
                one.person,
                one.role,
                one.method,
                one.created_at,
                one.last_seen_at,
                one.expires_at,
            )
            for one in found
        ),
    )
    command.output.data(found, shown if found else "no person is signed in to the console")


async def _end_sessions(command: Command) -> None:
    settings, arguments = command.settings(), command.arguments
    idle, organizations = _console(settings).idle_timeout, settings.organizations
    async with opened(settings) as db:
        if arguments.session is not None:
            await confirm(command, f"This ends session {arguments.session} at once.")
            ended = await end_one_session(
                db, command.editor(), organizations, arguments.session, idle
            )
            person = ended.sessions[0].person
        else:
            person = arguments.person
            await confirm(command, f"This ends every session of {person} at once.")
            ended = await end_sessions_of(db, command.editor(), organizations, person, idle)
    said = f"ended {counted(len(ended.sessions), 'session')} of {person}"
    if ended.links:
        said += f", and deleted {counted(ended.links, 'unused link')}"
    command.output.data(ended, said)
