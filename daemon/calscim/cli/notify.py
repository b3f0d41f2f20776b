"""calscim notify: list the channels of notifications, and send a test message to one of them."""

from uuid import uuid4

import aiohttp

from calscim.admin.notifications import ChannelTest, channel_status
from calscim.cli.command import Command
from calscim.cli.database import opened
from calscim.cli.output import table
from calscim.cli.verbs import Verbs
from calscim.clock import SystemClock
from calscim.config import Notify
from calscim.errors import UsageError
from calscim.exit_codes import ExitCode
from calscim.notify.channels.build import channel
from calscim.notify.channels.channel import DeliveryError
from calscim.notify.events import TEST
from calscim.notify.message import Message

COLUMNS = ("channel", "waiting#", "given up#", "last delivered", "last failed", "reason")


def register(verbs: Verbs) -> None:
    nouns = verbs.group("notify")
    nouns.add(
        "list",
        _list,
        "list the channels, their waiting messages, and the reason of the last failure",
        examples=("calscim notify list", "calscim notify list --json"),
    )
    test = nouns.add(
        "test",
        _test,
        "send a test message to a channel and say whether it arrived",
        examples=("calscim notify test on-call", "calscim notify test on-call --json"),
    )
    test.add_argument("name", metavar="NAME", help="the name of the channel in the configuration")


async def _list(command: Command) -> None:
    settings = command.settings()
    async with opened(settings) as db:
        found = await channel_status(db, [one.name for one in settings.channels])
    rows = [
        (
            one.channel,
            one.waiting,
            one.given_up,
            one.last_delivered,
            one.last_failed,
            one.last_failure,
        )
        for one in found
    ]
    command.output.data(
        found,
        table(COLUMNS, rows)
        if rows
        else "no channel is configured: add a [[notify]] table (docs/guide/notifications.md)",
    )


async def _test(command: Command) -> int:
    name = command.arguments.name
    settings = _channel(command, name)
    clock = SystemClock()
    payload: dict[str, object] = {
        "summary": f"This is a test of the channel {name}. calscim can reach you here.",
        "then": [],
    }
    async with aiohttp.ClientSession() as session:
        try:
            message = Message(uuid4(), TEST, clock.now(), payload)
            await channel(settings, session, clock).deliver([message])
        except DeliveryError as error:
            if not command.output.json:
                raise UsageError(
                    f"the channel {name} did not accept the test message: {error}"
                ) from None
            command.output.data(ChannelTest(name, delivered=False, reason=str(error)), "")
            return ExitCode.FAILED
    command.output.data(ChannelTest(name, delivered=True), f"{name} accepted the test message")
    return 0


def _channel(command: Command, name: str) -> Notify:
    channels = {one.name: one for one in command.settings().channels}
    if name in channels:
        return channels[name]
    then = f"use one of: {', '.join(channels)}, or " if channels else ""
    raise UsageError(
        f"the configuration has no channel {name}: {then}add a [[notify]] table with this name"
    )
