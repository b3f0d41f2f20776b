"""The cases about groups and the teams that they are mapped to."""

from tests.guide.play import Play, address, addresses


async def pushed_then_mapped(play: Play) -> None:
    """A group that is pushed, then mapped

    Okta pushes the group Sales with ann and bob. The group changes no team until an operator maps it.
    """
    await play.assign("ann", "bob")
    await play.okta.push_group("Sales", addresses("ann", "bob"))
    await play.sync()
    await play.calscim("group list")
    await play.calscim("plan")
    play.say("An operator maps the group. Okta does not have to push it again:")
    await play.calscim("mapping add --group Sales --team sales --mode managed", quiet=True)
    await play.calscim("plan")
    await play.sync()
    await play.calscim("mapping list")
    await play.calscim("plan")


async def mapped_then_pushed(play: Play) -> None:
    """A group that is mapped before it is pushed

    The mapping waits for a group of exactly this name.
    """
    await play.assign("ann")
    await play.calscim('mapping add --group "Sales EU" --team sales --mode managed', quiet=True)
    await play.calscim("mapping list")
    await play.sync()
    play.say("Okta pushes Sales EU with ann:")
    await play.okta.push_group("Sales EU", addresses("ann"))
    await play.calscim("plan")
    await play.calscim("mapping list")


async def left_group(play: Play) -> None:
    """A person who leaves a group

    In `managed`, a person that calscim added leaves the team with the group. In `add-only`, no one leaves the team.
    """
    await play.given("Sales", "managed", "ann", "bob")
    await play.given("Engineering", "add-only", "ann", "cem")
    play.say("ann leaves both groups:")
    await play.okta.remove_members("Sales", addresses("ann"))
    await play.okta.remove_members("Engineering", addresses("ann"))
    await play.calscim("plan")
    await play.sync()
    await play.calscim("explain ann@acme.example")


async def several_groups(play: Play) -> None:
    """Several groups on one team, one group on several teams

    The highest role wins. When the group with that role goes, the next role applies. A person leaves the team when no
    group puts the person there any more.
    """
    await play.given("Sales", "managed", "ann", "bob")
    play.say(
        "Okta pushes the group Leads with ann. Leads are administrators of Sales and members of Engineering:"
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


async def pending_membership(play: Play) -> None:
    """A team membership that is pending

    Cal.com gives bookings only to accepted members of a team. calscim accepts a pending membership that the directory
    asks for.
    """
    await play.given("Sales", "managed", "ann", "bob")
    play.say("An administrator makes ann's membership of the team pending in Cal.com:")
    world = play.world
    membership = world.find(world.user_id(address("ann")), world.team_id("Sales"))
    assert membership is not None
    world.change(membership, accepted=False)
    await play.calscim("plan")
    await play.sync()
    await play.calscim("plan")


async def renamed_group(play: Play) -> None:
    """A group that is renamed

    A mapping is bound to the group, not to its name, so no one moves. A new group with the old name gets nothing.
    """
    await play.given("Sales", "managed", "ann", "bob")
    play.say(
        "Okta renames Sales to Sales Europe and pushes another group, with cem, under the old name:"
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
    """A group that is renamed, deleted, and pushed again

    The mapping takes the new name of its group. When the group is deleted, the mapping waits for a group with that last
    name.
    """
    await play.given("Sales", "managed", "ann", "bob")
    play.say("Okta renames Sales to Sales Europe and later deletes the group:")
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
        "A group that is renamed can also get the name that a mapping waits for. Here, a mapping waits for Key accounts:"
    )
    await play.calscim(
        'mapping add --group "Key accounts" --team engineering --mode managed', quiet=True
    )
    await play.okta.push_group("Accounts", addresses("ann"))
    play.say("Okta renames Accounts to Key accounts:")
    await play.okta.rename_group("Accounts", "Key accounts")
    await play.calscim("plan")


async def deleted_group(play: Play) -> None:
    """A group that is deleted

    Its members leave the team, unless another group puts them there too. The mapping waits for a group of that name.
    """
    await play.given("Sales", "managed", "ann")
    play.say("Okta deletes the group:")
    await play.okta.delete_group("Sales")
    await play.calscim("plan")
    await play.sync()
    await play.calscim("mapping list")
    await play.calscim("explain ann@acme.example Sales")


async def removed_mapping(play: Play) -> None:
    """A mapping that is removed

    In `managed` and `exclusive`, the members that the mapping added leave the team. In `observe` and `add-only`, everyone
    stays.
    """
    await play.given("Sales", "managed", "ann")
    await play.calscim("mapping list")
    await play.calscim("mapping remove 1")
    await play.calscim("plan")
    await play.sync()
    await play.calscim("explain ann@acme.example Sales")


async def created_team(play: Play) -> None:
    """A team that Cal.com does not have yet

    With `--create-team`, calscim creates the team after the group was pushed. [teams.md](teams.md) says who owns it.
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
