"""The steps of docs/move: what happens before each block of output in an organization that has people before calscim."""

from dataclasses import replace

from tests.guide.play import Play, address, addresses


async def connected_twice(play: Play) -> None:
    """Cal.com's own sync put ann, bob, and cem on Sales, and an administrator put gus there.

    cem has left the group since, and the push that added dee was lost. The second app of Okta imports the people from
    calscim, assigns them and fay, who is new, and pushes the group.
    """
    for name in ("ann", "bob", "cem", "dee", "gus"):
        play.world.add_person(address(name), name=f"{name.capitalize()} Example")
    for name in ("ann", "bob", "cem", "gus"):
        play.world.put_on_team("Sales", address(name))
    await play.create_paused_quietly()
    await play.sync_quietly()
    await play.okta.import_users()
    await play.assign("ann", "bob", "cem", "dee", "fay")
    await play.okta.push_group("Sales", addresses("ann", "bob", "dee", "fay"))


async def observed(play: Play) -> None:
    """An operator maps the group in observe."""
    await play.run_quietly("mapping add --group Sales --team sales --mode observe")


async def corrected(play: Play) -> None:
    """An administrator takes cem off the team, and an operator switches the mapping to managed."""
    play.world.take_off_team("Sales", address("cem"))
    await play.run_quietly("mapping change 1 --mode managed")


async def recorded(play: Play) -> None:
    """The daemon runs the full pass that the last edit asked for."""
    await play.sync_quietly()


async def left(play: Play) -> None:
    """bob leaves the group."""
    await play.okta.remove_members("Sales", addresses("bob"))


async def nothing(play: Play) -> None:
    """Nothing happens in between."""


FROM_CALCOM_SYNC = (
    connected_twice,
    observed,
    nothing,
    corrected,
    recorded,
    nothing,
    left,
    nothing,
)


async def existing_people(play: Play) -> None:
    """Cal.com has people and teams. ann has an older address there, and bob is an administrator of Sales."""
    people = {
        "ann.lee": "Ann Lee",
        "bob": "Bob Example",
        "cem": "Cem Example",
        "gus": "Gus Example",
    }
    for name, full_name in people.items():
        play.world.add_person(address(name), name=full_name)
        play.world.put_on_team("Sales", address(name))
    play.world.set_role("Sales", address("bob"), "ADMIN")
    await play.create_paused_quietly()
    await play.sync_quietly()


async def assigned(play: Play) -> None:
    """Okta imports the people, assigns ann, bob, and cem, and pushes the group."""
    await play.okta.import_users()
    await play.assign("ann", "bob", "cem")
    await play.okta.push_group("Sales", addresses("ann", "bob", "cem"))


async def changed_address(play: Play) -> None:
    """An administrator gives ann's account the address that Okta has."""
    account = play.world.account(address("ann.lee"))
    assert account is not None
    play.world.update(replace(account, email=address("ann")))


async def mapped(play: Play) -> None:
    """An operator maps the group while the directory is paused."""
    await play.run_quietly("mapping add --group Sales --team sales --mode managed")
    await play.sync_quietly()


async def left_later(play: Play) -> None:
    """cem leaves the group."""
    await play.okta.remove_members("Sales", addresses("cem"))


ADOPT = (existing_people, assigned, changed_address, mapped, nothing, nothing, left_later)
