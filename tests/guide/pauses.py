"""The cases in which calscim leaves Cal.com alone."""

from tests.guide.play import Play, address, addresses, enumeration


async def existing_organization(play: Play) -> None:
    """An organization that has people and teams already

    The directory is created paused. Okta pushes, the plan shows the result, and calscim changes nothing in Cal.com until
    an operator resumes the directory.
    """
    for name in ("ann", "bob", "gus"):
        play.world.add_person(address(name), name=f"{name.capitalize()} Example")
    for name in ("ann", "gus"):
        play.world.put_on_team("Sales", address(name))
    play.say("ann, bob, and gus are in Cal.com; ann and gus are on the team Sales.")
    await play.create_paused()
    await play.sync()
    names = sorted(user["userName"].partition("@")[0] for user in await play.okta.import_users())
    play.say(
        "The daemon makes a full pass as soon as the directory is created, so that Okta's import finds",
        f"{enumeration(names)}. Okta matches them, assigns ann, bob, and cem, and pushes the",
        "group Sales with these three:",
    )
    await play.assign("ann", "bob", "cem")
    await play.okta.push_group("Sales", addresses("ann", "bob", "cem"))
    await play.sync()
    await play.calscim("plan")
    play.say(
        "`--dry-run` shows what a mapping would do, and saves nothing. gus is in none of Okta's groups:"
    )
    await play.calscim("mapping add --group Sales --team sales --mode exclusive --dry-run")
    play.say("gus should stay:")
    await play.calscim("mapping add --group Sales --team sales --mode managed --dry-run")
    await play.calscim("mapping add --group Sales --team sales --mode managed", quiet=True)
    play.say(
        "The plan is right. Resuming the directory asks the daemon for a full pass, which makes the changes:"
    )
    await play.calscim("directory resume Okta")
    await play.calscim("plan")
    await play.sync()
    await play.calscim("explain gus@acme.example Sales")


async def observe(play: Play) -> None:
    """Start with `observe`

    A mapping in `observe` shows what it would do and changes nothing.
    """
    await play.assign("ann", "bob")
    await play.okta.push_group("Sales", addresses("ann", "bob"))
    await play.sync()
    await play.calscim("mapping add --group Sales --team sales --mode observe", quiet=True)
    await play.calscim("plan")
    play.say("The exit code is 0: nothing is pending. To make the changes:")
    await play.calscim("mapping change 1 --mode managed", quiet=True)
    await play.calscim("plan")


async def paused_directory(play: Play) -> None:
    """A directory that is paused

    calscim accepts and records the pushes, and leaves Cal.com alone until the pause ends.
    """
    await play.given("Sales", "managed", "ann")
    await play.calscim("directory pause Okta --for 2h")
    play.say("Okta pushes bob into Sales:")
    await play.assign("bob")
    await play.okta.add_members("Sales", addresses("bob"))
    await play.sync()
    await play.calscim("plan")
    await play.calscim("status")
    play.say(
        "Paused changes do not count as pending, and the organization is in sync. The pause ends by itself, or with:"
    )
    await play.calscim("directory resume Okta")
    await play.calscim("plan")


async def paused_team(play: Play) -> None:
    """A team that is paused

    calscim leaves one team alone, and everything else continues. Use this while an administrator edits the team in
    Cal.com.
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


async def maintenance_window(play: Play) -> None:
    """A maintenance window

    While the window is open, calscim leaves Cal.com alone. It makes the changes as soon as the window ends.
    """
    await play.given("Sales", "managed", "ann")
    play.configure('[reconcile]\nwindows = ["Mon 08:00-10:00 UTC"]')
    play.say("On Monday at nine, Okta pushes bob into Sales:")
    await play.assign("bob")
    await play.okta.add_members("Sales", addresses("bob"))
    await play.sync()
    await play.calscim("plan")
    await play.calscim("status")
