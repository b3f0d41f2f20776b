"""The cases in which an administrator edits a team in Cal.com by hand."""

from tests.guide.play import Play, address, addresses


async def removed_by_hand(play: Play) -> None:
    """A person who is taken off a team by hand

    calscim puts members of a mapped group back.
    """
    await play.given("Sales", "managed", "ann", "bob")
    play.say("An administrator takes bob off Sales in Cal.com:")
    play.world.take_off_team("Sales", address("bob"))
    await play.calscim("plan")
    await play.sync()
    await play.calscim("explain bob@acme.example Sales")


async def added_by_hand(play: Play) -> None:
    """A person who is put on a team by hand

    In `managed`, calscim removes only people that calscim added. gus was put on the team by hand, so he stays, also after
    he joins the group and leaves it again.
    """
    play.world.add_person(address("gus"), name="Gus Example")
    await play.given("Sales", "managed", "ann", "bob")
    play.say("An administrator puts gus on Sales in Cal.com:")
    play.world.put_on_team("Sales", address("gus"))
    await play.sync()
    await play.calscim("plan")
    await play.calscim("explain gus@acme.example Sales")
    play.say("gus joins the group Sales and leaves it again:")
    await play.assign("gus")
    await play.okta.add_members("Sales", addresses("gus"))
    await play.sync()
    await play.okta.remove_members("Sales", addresses("gus"))
    await play.sync()
    await play.calscim("plan")
    await play.calscim("explain gus@acme.example Sales")


async def exclusive_team(play: Play) -> None:
    """A team that is exactly its groups

    In `exclusive`, calscim removes everyone who is in none of the team's groups. Such a removal is *drift*, because no push
    asked for it, and drift has a limit of its own. Nobody loses the organization because of it.
    """
    play.world.add_person(address("gus"), name="Gus Example")
    await play.given("Sales", "exclusive", "ann", "bob")
    play.say("An administrator puts gus on Sales in Cal.com:")
    play.world.put_on_team("Sales", address("gus"))
    await play.calscim("plan")
    await play.calscim("explain gus@acme.example Sales")
    await play.sync()
    await play.calscim("explain gus@acme.example Sales")


async def drift_grace(play: Play) -> None:
    """Drift that has to last

    With `drift_passes`, calscim corrects drift only after this many complete full passes in a row have seen it.
    """
    play.world.add_person(address("gus"), name="Gus Example")
    play.configure("[reconcile]\ndrift_passes = 3")
    await play.given("Sales", "exclusive", "ann", "bob")
    play.say("An administrator puts gus on Sales in Cal.com:")
    play.world.put_on_team("Sales", address("gus"))
    await play.sync()
    await play.calscim("plan")
    await play.calscim("status")
    await play.calscim("explain gus@acme.example Sales")
    play.say("The next two full passes see the drift again:")
    await play.sync()
    await play.sync()
    await play.calscim("plan")
