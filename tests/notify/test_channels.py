"""The channels against receivers that run here: an HTTP server that checks the signature, and a mail server."""

import asyncio
import socket
from datetime import UTC, datetime
from uuid import UUID

import aiohttp
import pytest
from aiosmtpd.controller import Controller
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from calscim.clock import SystemClock
from calscim.config.apprise_urls import is_supported
from calscim.notify.channels import text, webhook
from calscim.notify.channels.channel import DeliveryError
from calscim.notify.channels.text import TextChannel
from calscim.notify.channels.webhook import WebhookChannel
from calscim.notify.message import Message
from tests.support.receivers import SECRET, receiving

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)


def message(number: int = 1, **payload) -> Message:
    payload = {
        "organization": "acme",
        "summary": f"Hold {number}",
        "then": ["calscim approve h"],
    } | payload
    return Message(UUID(int=number), "hold.created", AT, payload)


@pytest.fixture
async def receiver():
    async with receiving() as made:
        yield made


@pytest.fixture
async def channel(receiver):
    async with aiohttp.ClientSession() as session:
        yield WebhookChannel("hook", receiver.url, SECRET, session, SystemClock())


async def test_a_webhook_is_signed_as_standard_webhooks_says(receiver, channel):
    await channel.deliver([message()])

    ((name, body),) = receiver.requests
    assert name == f"msg_{UUID(int=1).hex}"
    assert body == {
        "type": "hold.created",
        "timestamp": "2026-01-01T12:00:00Z",
        "data": {"organization": "acme", "summary": "Hold 1", "then": ["calscim approve h"]},
    }


async def test_another_secret_does_not_verify(receiver, channel):
    channel = WebhookChannel("hook", receiver.url, "whsec_AAAA", channel.session, SystemClock())

    with pytest.raises(DeliveryError, match="answered 500"):
        await channel.deliver([message()])
    assert receiver.requests == []


async def test_a_message_that_is_delivered_again_keeps_its_id(receiver, channel):
    await channel.deliver([message()])
    await channel.deliver([message()])

    assert len({name for name, _ in receiver.requests}) == 1


@pytest.mark.parametrize("status", [302, 400, 401, 404, 410, 413])
async def test_a_receiver_that_refuses_is_not_tried_again(receiver, channel, status):
    receiver.status = status

    with pytest.raises(DeliveryError, match=f"answered {status}") as raised:
        await channel.deliver([message()])
    assert raised.value.is_final
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
async def test_a_receiver_that_may_take_it_later_is_tried_again(receiver, channel, status):
    receiver.status = status

    with pytest.raises(DeliveryError, match=f"answered {status}") as raised:
        await channel.deliver([message()])
    assert not raised.value.is_final


async def test_a_receiver_that_hangs_is_given_up_for_now(receiver, channel, monkeypatch):
    monkeypatch.setattr(webhook, "ANSWER", 0.05)
    receiver.open.clear()

    with pytest.raises(DeliveryError, match="did not answer within") as raised:
        await channel.deliver([message()])
    assert not raised.value.is_final


async def test_no_error_of_a_webhook_shows_its_url_or_secret(channel):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        closed = WebhookChannel(
            "hook",
            f"http://127.0.0.1:{taken.getsockname()[1]}/t0psecret",
            SECRET,
            channel.session,
            SystemClock(),
        )
        with pytest.raises(DeliveryError) as raised:
            await closed.deliver([message()])
    for shown in (str(raised.value), repr(raised.value), repr(closed)):
        assert "t0psecret" not in shown
        assert SECRET not in shown


class Mailbox:
    """What a mail server took."""

    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        self.mails.append(envelope)
        return "250 OK"


@pytest.fixture
def mailbox():
    box = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        box.port = free.getsockname()[1]
    server = Controller(box, hostname="127.0.0.1", port=box.port)
    server.start()
    yield box
    server.stop()


def mail_to(port: int) -> str:
    return (
        f"mailto://127.0.0.1:{port}?from=calscim@acme.example&to=oncall@acme.example&mode=insecure"
    )


async def test_a_mail_says_what_happened_and_what_to_type(mailbox):
    await TextChannel("mail", mail_to(mailbox.port)).deliver([message()])

    (mail,) = mailbox.mails
    content = mail.content.decode()
    assert mail.rcpt_tos == ["oncall@acme.example"]
    assert "calscim: hold.created (acme)" in content
    assert "Hold 1" in content
    assert "calscim approve h" in content


async def test_many_messages_are_one_mail(mailbox):
    await TextChannel("mail", mail_to(mailbox.port)).deliver(
        [message(number) for number in range(1, 6)]
    )

    (mail,) = mailbox.mails
    content = mail.content.decode()
    assert "calscim: 5 events" in content
    assert all(f"Hold {number}" in content for number in range(1, 6))


async def test_a_service_that_cannot_be_reached_is_tried_again():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(DeliveryError, match="cannot be reached") as raised:
            await TextChannel("mail", mail_to(taken.getsockname()[1])).deliver([message()])
    assert not raised.value.is_final


async def test_a_service_that_hangs_delays_only_its_own_channel(monkeypatch):
    released, calls = asyncio.Event(), []
    loop = asyncio.get_running_loop()

    def hang(*_):
        calls.append(1)
        asyncio.run_coroutine_threadsafe(released.wait(), loop).result()
        return True

    monkeypatch.setattr(text, "ANSWER", 0.05)
    monkeypatch.setattr(text, "_send", hang)
    channel = TextChannel("pager", "json://127.0.0.1")

    with pytest.raises(DeliveryError, match="did not answer within"):
        await channel.deliver([message()])
    with pytest.raises(DeliveryError, match="has not ended"):
        await channel.deliver([message()])
    assert len(calls) == 1

    released.set()


def test_a_url_that_apprise_does_not_know_is_refused():
    assert is_supported("json://127.0.0.1/path")
    assert not is_supported("nosuchservice://t0psecret")


def test_the_secret_is_verified_by_the_package_of_the_specification():
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(
            b"{}", {"webhook-id": "a", "webhook-timestamp": "0", "webhook-signature": "v1,AAAA"}
        )
