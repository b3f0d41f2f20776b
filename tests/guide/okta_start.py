"""The steps of docs/start/okta.md: what Okta does before each block of output."""

from calscim.testing.okta.client import Okta
from tests.guide.play import Play, address


async def installed(play: Play) -> None:
    """calscim is installed, and no directory exists yet."""
    play.serve_at("https://scim.example.com")
    await play.without_directory()


async def imported(play: Play) -> None:
    """The daemon imports the people who are in Cal.com."""
    await play.stage.full()


async def tested(play: Play) -> None:
    """An administrator tests the connection and saves it."""
    okta = play.okta
    play.stage.okta = Okta(okta.session, okta.base_url, okta.token, identifier="email")
    await play.okta.test_connection()
    await play.stage.record_token_uses()


async def assigned(play: Play) -> None:
    await play.okta.assign(address("ann"), "Ann", "Lee")
    await play.stage.full()


async def pushed(play: Play) -> None:
    await play.okta.push_group("Sales", [address("ann")])
    await play.stage.full()


async def previewed(play: Play) -> None:
    """The preview needs nothing but the pushed group."""


async def saved(play: Play) -> None:
    """The mapping is saved after its preview."""


async def mapped(play: Play) -> None:
    await play.stage.full()


STEPS = (installed, imported, tested, assigned, pushed, previewed, saved, mapped)
