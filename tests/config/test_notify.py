"""The tables [[notify]]: channels, and what is wrong with one."""

import pytest

from calscim.config import load
from calscim.config.notify_events import Event
from calscim.errors import ConfigError
from calscim.notify.channels.build import subscription

DATABASE = '[database]\ndsn = "postgresql://calscim@localhost/calscim"\n'
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def read(tmp_path):
    def reading(text, **files):
        for name, content in files.items():
            (tmp_path / name).write_text(content)
        path = tmp_path / "calscim.toml"
        path.write_text(DATABASE + text)
        return load(path, {})

    return reading


def problems(read, text, **files):
    with pytest.raises(ConfigError) as raised:
        read(text, **files)
    return [f"{one.where.rpartition(': ')[2]}: {one.message}" for one in raised.value.problems]


def test_a_channel_of_apprise_has_its_url_in_a_file(read):
    (channel,) = read(
        '[[notify]]\nname = "on-call"\nurl_file = "pager"', pager="json://127.0.0.1/x"
    ).channels

    assert (channel.name, channel.url, channel.webhook) == ("on-call", "json://127.0.0.1/x", None)
    assert (channel.remind, channel.unreachable_after, channel.parked_after) == (
        14400.0,
        120.0,
        3600.0,
    )
    assert "127.0.0.1" not in repr(channel)


def test_a_webhook_has_a_url_and_a_secret_and_the_events_it_wants(read):
    (channel,) = read(
        f"""
        [[notify]]
        name = "hook"
        webhook = "https://hooks.example.com/calscim?key=t0psecret"
        secret = "{SECRET}"
        events = ["hold", "calcom_unreachable"]
        remind = "off"
        """
    ).channels

    assert channel.events == (Event.HOLD, Event.CALCOM_UNREACHABLE)
    assert channel.remind is None
    assert "t0psecret" not in repr(channel)
    assert SECRET not in repr(channel)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "notify.a.url: is missing: write url_file"),
        (
            f'url = "json://localhost"\nwebhook = "https://a"\nsecret = "{SECRET}"',
            "are both given",
        ),
        ('webhook = "https://a"', "notify.a.secret: is missing"),
        (
            f'url = "json://localhost"\nsecret = "{SECRET}"',
            "notify.a.secret: has no effect without webhook",
        ),
        ('url = "nosuch://t0psecret"', "notify.a.url: is not a URL that Apprise knows"),
        (
            'webhook = "https://a"\nsecret = "whsec_t0psecret"',
            "notify.a.secret: is not a signing key",
        ),
        (f'webhook = "ftp://t0psecret"\nsecret = "{SECRET}"', "notify.a.webhook: is not a URL"),
        ('url = "json://localhost"\nfeed = true', "notify.a.feed: needs a webhook"),
        (
            'url = "json://localhost"\nevents = ["holds"]',
            "'holds' is not known: write one of hold, ",
        ),
        (
            'url = "json://localhost"\nremnd = "1h"',
            "notify.a.remnd: is not known: did you mean remind?",
        ),
        (
            'url = "json://localhost"\n[[notify]]\nname = "a"\nurl = "json://localhost"',
            "notify.a: occurs 2 times",
        ),
    ],
)
def test_what_is_wrong_with_a_channel_is_said_without_its_secret(read, text, problem):
    found = problems(read, f'[[notify]]\nname = "a"\n{text}\n')

    assert any(problem in one for one in found), found
    assert not any("t0psecret" in one for one in found)


def test_a_channel_without_a_name_is_refused(read):
    assert "notify[1].name: is missing: write name = ..." in problems(
        read, '[[notify]]\nurl = "json://localhost"\n'
    )


def test_a_channel_in_single_brackets_is_refused(read):
    found = problems(read, '[notify]\nname = "a"\nurl = "json://localhost"\n')

    assert found == ["notify: is a list: write [[notify]], in double brackets"]


def test_a_channel_with_the_change_feed_receives_no_other_events_unless_it_names_them(read):
    hook = f'[[notify]]\nwebhook = "https://a"\nsecret = "{SECRET}"\nfeed = true\n'
    channels = read(f'{hook}name = "a"\n{hook}name = "b"\nevents = ["hold"]').channels

    assert [one.feed for one in channels] == [True, True]
    assert [subscription(one).events for one in channels] == [frozenset(), {Event.HOLD}]
