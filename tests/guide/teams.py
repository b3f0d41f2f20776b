"""The guide's chapter about teams and the groups that fill them."""

from tests.guide.play import Play, address, addresses


async def pushed_then_mapped(play: Play) -> None:
    """A group is pushed, then mapped

    Okta pushes the group Sales with ann and bob. Until somebody maps it, it changes nothing on any team.
    """
    await play.assign("ann", "bob")
    await play.okta.push_group("Sales", addresses("ann", "bob"))
    await play.sync()
    await play.calscim("group list")
    await play.calscim("plan")
    play.say("It is mapped; nobody has to push again:")
    await play.calscim("mapping add --group Sales --team sales --mode managed", quiet=True)
    await play.calscim("plan")
    await play.sync()
    await play.calscim("mapping list")
    await play.calscim("plan")


async def mapped_then_pushed(play: Play) -> None:
    """A group is mapped before it is pushed

    The mapping waits for a group of exactly that name.
    """
    await play.assign("ann")
    await play.calscim('mapping add --group "Sales EU" --team sales --mode managed', quiet=True)
    await play.calscim("mapping list")
    await play.sync()
    play.say("Okta pushes Sales EU with ann:")
    await play.okta.push_group("Sales EU", addresses("ann"))
    await play.calscim("plan")
    await play.calscim("mapping list")


async def left(play: Play) -> None:
    """Somebody leaves a group

    In `managed`, whom a group put on the team leaves it with the group. In `add-only`, nobody ever does.
    """
    await play.given("Sales", "managed", "ann", "bob")
    await play.given("Engineering", "add-only", "ann", "cem")
    play.say("ann leaves both groups:")
    await play.okta.remove_members("Sales", addresses("ann"))
    await play.okta.remove_members("Engineering", addresses("ann"))
    await play.calscim("plan")
    await play.sync()
    await play.calscim("explain ann@acme.example")


async def several(play: Play) -> None:
    """Several groups on one team, one group on several teams

    The highest role wins, and follows when its group goes; the last group that puts somebody on a team decides
    that they leave it.
    """
    await play.given("Sales", "managed", "ann", "bob")
    play.say(
        "Okta pushes the group Leads with ann. Leads are administrators of Sales, and members of Engineering:"
    )
    await play.okta.push_group("Leads", addresses("ann"))
    await play.calscim(
        "mapping add --group Leads --team sales --role ADMIN --mode managed", quiet=True
    )
    await play.calscim("mapping add --group Leads --team engineering --mode managed", quiet=True)
    await play.calscim("plan")
    await play.sync()
    await play.calscim("explain ann@acme.example")
    play.say("ann leaves Leads, and stays in Sales:")
    await play.okta.push_now("Leads", [])
    await play.calscim("plan")
    await play.sync()
    await play.calscim("explain ann@acme.example Sales")


async def pending(play: Play) -> None:
    """A team membership that is pending

    Cal.com gives bookings only to accepted members of a team. A pending membership that the directory wants is accepted.
    """
    await play.given("Sales", "managed", "ann", "bob")
    play.say("Somebody makes ann's membership of the team pending in Cal.com:")
    world = play.world
    membership = world.find(world.user_id(address("ann")), world.team_id("Sales"))
    assert membership is not None
    world.change(membership, accepted=False)
    await play.calscim("plan")
    await play.sync()
    await play.calscim("plan")


async def renamed(play: Play) -> None:
    """A group is renamed

    A mapping is bound to the group, not to its name: nobody moves. A new group with the old name gets nothing.
    """
    await play.given("Sales", "managed", "ann", "bob")
    play.say(
        "Okta renames Sales to Sales Europe, and pushes another group with cem under the old name:"
    )
    await play.okta.rename_group("Sales", "Sales Europe")
    await play.assign("cem")
    await play.okta.push_group("Sales", addresses("cem"))
    await play.sync()
    await play.calscim("mapping list")
    await play.calscim("plan")
    await play.calscim("explain ann@acme.example Sales")
    await play.calscim("explain cem@acme.example Sales")


async def renamed_then_deleted(play: Play) -> None:
    """A group is renamed, deleted, and pushed again

    The mapping takes the new name of its group. When the group is deleted, the mapping waits for the last name.
    """
    await play.given("Sales", "managed", "ann", "bob")
    play.say("Okta renames Sales to Sales Europe, and deletes the group later:")
    await play.okta.rename_group("Sales", "Sales Europe")
    await play.okta.delete_group("Sales Europe")
    await play.sync()
    await play.calscim("mapping list")
    play.say("Okta pushes Sales Europe again. The mapping is bound to the new group:")
    await play.okta.push_group("Sales Europe", addresses("ann", "bob"))
    await play.calscim("plan")
    await play.sync()
    await play.calscim("mapping list")
    play.say(
        "A group can also get the name that a mapping waits for by being renamed. A mapping waits for Key accounts:"
    )
    await play.calscim(
        'mapping add --group "Key accounts" --team engineering --mode managed', quiet=True
    )
    await play.okta.push_group("Accounts", addresses("ann"))
    play.say("Okta renames Accounts to Key accounts:")
    await play.okta.rename_group("Accounts", "Key accounts")
    await play.calscim("plan")


async def deleted(play: Play) -> None:
    """A group is deleted

    What it gave goes, unless another group gives it as well. The mapping waits for a group of that name.
    """
    await play.given("Sales", "managed", "ann")
    play.say("Okta deletes the group:")
    await play.okta.delete_group("Sales")
    await play.calscim("plan")
    await play.sync()
    await play.calscim("mapping list")
    await play.calscim("explain ann@acme.example Sales")


async def unmapped(play: Play) -> None:
    """A mapping is removed

    In `managed` and `exclusive` it takes back what it gave; in `observe` and `add-only` everybody stays.
    """
    await play.given("Sales", "managed", "ann")
    await play.calscim("mapping list")
    await play.calscim("mapping remove 1")
    await play.calscim("plan")
    await play.sync()
    await play.calscim("explain ann@acme.example Sales")


async def created(play: Play) -> None:
    """A team that Cal.com does not have yet

    With `--create-team`, calscim makes it once the group was pushed. See [teams.md](teams.md) for who owns it.
    """
    await play.assign("ann")
    await play.calscim(
        'mapping add --group Support --team "Support EU" --mode managed --create-team', quiet=True
    )
    await play.sync()
    await play.calscim("plan")
    play.say("Okta pushes Support with ann:")
    await play.okta.push_group("Support", addresses("ann"))
    await play.calscim("plan")
    await play.sync()
    await play.calscim("team list")


async def put_back(play: Play) -> None:
    """Somebody is taken off a team by hand

    Whoever is in a mapped group is put back.
    """
    await play.given("Sales", "managed", "ann", "bob")
    play.say("Somebody takes bob off Sales in Cal.com:")
    play.world.take_off_team("Sales", address("bob"))
    await play.calscim("plan")
    await play.sync()
    await play.calscim("explain bob@acme.example Sales")


async def handmade(play: Play) -> None:
    """Somebody is put on a team by hand

    In `managed`, calscim takes away only what calscim gave. gus, who was put on the team by hand, stays; also after
    he was in the group for a while and left it.
    """
    play.world.add_person(address("gus"), name="Gus Example")
    await play.given("Sales", "managed", "ann", "bob")
    play.say("Somebody puts gus on Sales in Cal.com:")
    play.world.put_on_team("Sales", address("gus"))
    await play.sync()
    await play.calscim("plan")
    await play.calscim("explain gus@acme.example Sales")
    play.say("He comes into the group Sales, and leaves it again:")
    await play.assign("gus")
    await play.okta.add_members("Sales", addresses("gus"))
    await play.sync()
    await play.okta.remove_members("Sales", addresses("gus"))
    await play.sync()
    await play.calscim("plan")
    await play.calscim("explain gus@acme.example Sales")


async def exclusive(play: Play) -> None:
    """A team that is exactly its groups

    In `exclusive`, whoever is in none of the team's groups is taken off it. That is *drift*, as no push asked for it,
    and it has a limit of its own. Nobody loses the organization by it.
    """
    play.world.add_person(address("gus"), name="Gus Example")
    await play.given("Sales", "exclusive", "ann", "bob")
    play.say("Somebody puts gus on Sales in Cal.com:")
    play.world.put_on_team("Sales", address("gus"))
    await play.calscim("plan")
    await play.calscim("explain gus@acme.example Sales")
    await play.sync()
    await play.calscim("explain gus@acme.example Sales")


async def patient(play: Play) -> None:
    """Drift that has to last

    With `drift_passes`, what nobody asked for is taken away only when so many complete full passes in a row saw it.
    """
    play.world.add_person(address("gus"), name="Gus Example")
    play.configure("[reconcile]\ndrift_passes = 3")
    await play.given("Sales", "exclusive", "ann", "bob")
    play.say("Somebody puts gus on Sales in Cal.com:")
    play.world.put_on_team("Sales", address("gus"))
    await play.sync()
    await play.calscim("plan")
    await play.calscim("status")
    await play.calscim("explain gus@acme.example Sales")
    play.say("The next two full passes see him again:")
    await play.sync()
    await play.sync()
    await play.calscim("plan")


async def paused(play: Play) -> None:
    """A team is paused

    One team is left alone, everything else goes on. That is for the time in which somebody works on it in Cal.com.
    """
    await play.given("Sales", "managed", "ann")
    await play.given("Engineering", "managed", "ann")
    await play.calscim("team pause Sales --for 2h")
    play.say("Okta pushes bob into both groups:")
    await play.assign("bob")
    await play.okta.add_members("Sales", addresses("bob"))
    await play.okta.add_members("Engineering", addresses("bob"))
    await play.calscim("plan")
    await play.sync()
    await play.calscim("explain bob@acme.example Sales")
    await play.calscim("team resume Sales")
    await play.calscim("plan")
