"""The guide's chapter about what is held, and what is left alone."""

from calscim.testing.calcom.calcom import Fault
from tests.guide.play import Play, address, addresses

FIVE = ("ann", "bob", "cem", "dan", "eve")


async def team(play: Play) -> None:
    """Too many leave one team

    Okta empties the group Sales. Was it meant? Nobody is taken off the team before an operator says so.
    """
    await play.given("Sales", "managed", *FIVE)
    play.say("Okta pushes Sales without anybody:")
    await play.okta.push_now("Sales", [])
    await play.calscim("plan")
    await play.sync()
    await play.calscim("status")
    await play.calscim("explain ann@acme.example Sales")
    play.say("Either the group is corrected in Okta, or exactly this set is let go:")
    await play.calscim("plan")
    await play.calscim(f"approve {play.hash}")
    await play.sync()
    await play.calscim("plan")


async def one_by_one(play: Play) -> None:
    """Removals that come one by one

    Okta sends each removal as a request of its own. The limits count what was taken away within 24 hours, so the
    removals of one morning count together.
    """
    await play.given("Sales", "managed", "ann", "bob", "cem", "dan", "eve", "fay", "gus")
    for name in ("ann", "bob", "cem", "dan"):
        play.say(f"Okta takes {name} out of the group:")
        await play.okta.remove_members("Sales", addresses(name))
        await play.sync()
    await play.calscim("plan")


async def stale(play: Play) -> None:
    """An approval that comes too late

    The hash stands for the held removals and for what was seen of them. When the world has changed since, nothing is
    let go.
    """
    await play.given("Sales", "managed", *FIVE)
    await play.okta.push_now("Sales", [])
    await play.calscim("plan")
    play.say("Meanwhile, Okta puts ann into the group again:")
    await play.okta.push_now("Sales", addresses("ann"))
    await play.calscim(f"approve {play.hash}")
    await play.calscim("plan")


async def organization(play: Play) -> None:
    """Too many leave many teams

    Each team by itself is within its limit; together they are not.
    """
    teams = ("Sales", "Engineering", "Support", "Finance", "Legal")
    for name in teams[2:]:
        play.world.add_team(name)
    await play.assign(*FIVE[:4])
    for name in teams:
        await play.map(name, "managed")
        await play.okta.push_group(name, addresses(*FIVE[:4]))
    await play.stage.full()
    play.say(f"Each of the teams {', '.join(teams)} has four members by a group of its name.")
    play.say("Okta takes ann out of every group:")
    for name in teams:
        await play.okta.remove_members(name, addresses("ann"))
    await play.calscim("plan")


async def leavers(play: Play) -> None:
    """Too many lose the organization

    Okta deactivates three people at once, perhaps because somebody unassigned the wrong group from the application.
    """
    await play.given("Sales", "managed", *FIVE)
    play.say("Okta deactivates ann, bob and cem:")
    for name in FIVE[:3]:
        await play.okta.deactivate(address(name))
    await play.calscim("plan")


async def drift(play: Play) -> None:
    """Too much drift

    Removals that no push asked for have a limit of their own, `drift_removals`, which is narrower: two strangers on
    an exclusive team are more than a mistake.
    """
    play.configure('[guards]\nmax_removals_per_team = "80%"')
    for name in ("gus", "hal"):
        play.world.add_person(address(name), name=f"{name.capitalize()} Example")
    await play.given("Sales", "exclusive", "ann", "bob")
    play.say("Somebody puts gus and hal on Sales in Cal.com:")
    for name in ("gus", "hal"):
        play.world.put_on_team("Sales", address(name))
    await play.calscim("plan")


async def protected(play: Play) -> None:
    """People who are never taken away

    Owners of the organization, the API key's own user, the last administrator and whoever is listed as `protected`
    keep the organization, whatever the directory says.
    """
    play.configure("", organization='protected = ["ceo@acme.example"]')
    await play.assign("owner", "ceo", "ann")
    await play.sync()
    play.say("Okta deactivates the owner, the CEO and ann:")
    for name in ("owner", "ceo", "ann"):
        await play.okta.deactivate(address(name))
    await play.calscim("plan")
    await play.sync()
    await play.calscim("explain ceo@acme.example")


async def observe(play: Play) -> None:
    """Look first: `observe`

    A mapping in `observe` shows what it would do, and does nothing.
    """
    await play.assign("ann", "bob")
    await play.okta.push_group("Sales", addresses("ann", "bob"))
    await play.sync()
    await play.calscim("mapping add --group Sales --team sales --mode observe", quiet=True)
    await play.calscim("plan")
    play.say("Exit code 0: nothing is pending. To let it happen:")
    await play.calscim("mapping change 1 --mode managed", quiet=True)
    await play.calscim("plan")


async def adopting(play: Play) -> None:
    """An organization that has people and teams already

    The directory is created paused: Okta pushes, the plan shows what that comes to, and Cal.com is left alone until
    the plan is as it should be.
    """
    for name in ("ann", "bob", "gus"):
        play.world.add_person(address(name), name=f"{name.capitalize()} Example")
    for name in ("ann", "gus"):
        play.world.put_on_team("Sales", address(name))
    play.say("ann, bob and gus are in Cal.com; ann and gus are on the team Sales.")
    await play.create_paused()
    await play.sync()
    found = [one["userName"].partition("@")[0] for one in await play.okta.import_users()]
    play.say(
        "The daemon makes a full pass as soon as the directory is created, so that Okta's import finds",
        f"{', '.join(sorted(found))}. Okta matches them, assigns ann, bob and cem, and pushes the group Sales",
        "with these three:",
    )
    await play.assign("ann", "bob", "cem")
    await play.okta.push_group("Sales", addresses("ann", "bob", "cem"))
    await play.sync()
    await play.calscim("plan")
    play.say("What would a mapping do? `--dry-run` saves nothing. gus is in no group of Okta's:")
    await play.calscim("mapping add --group Sales --team sales --mode exclusive --dry-run")
    play.say("He is to stay:")
    await play.calscim("mapping add --group Sales --team sales --mode managed --dry-run")
    await play.calscim("mapping add --group Sales --team sales --mode managed", quiet=True)
    play.say(
        "The plan is as it should be. Resuming asks the daemon for a full pass, which carries it out:"
    )
    await play.calscim("directory resume Okta")
    await play.calscim("plan")
    await play.sync()
    await play.calscim("explain gus@acme.example Sales")


async def paused(play: Play) -> None:
    """A directory is paused

    Its pushes are accepted and kept; Cal.com is left alone until the pause ends.
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
        "What is paused counts neither as pending nor as out of step. The pause ends by itself, or:"
    )
    await play.calscim("directory resume Okta")
    await play.calscim("plan")


async def window(play: Play) -> None:
    """A maintenance window

    While one is open, Cal.com is left alone. What was left alone is done as soon as it ends.
    """
    await play.given("Sales", "managed", "ann")
    play.configure('[reconcile]\nwindows = ["Mon 08:00-10:00 UTC"]')
    play.say("On Monday at nine, Okta pushes bob into Sales:")
    await play.assign("bob")
    await play.okta.add_members("Sales", addresses("bob"))
    await play.sync()
    await play.calscim("plan")
    await play.calscim("status")


async def incomplete(play: Play) -> None:
    """Cal.com fails in the middle of a list

    An error is never taken for the end of a list. Nobody is taken off a team that was not read completely; everything
    else goes on.
    """
    for number in range(260):
        play.world.add_person(address(f"guest{number}"), name=f"Guest {number}")
        play.world.put_on_team("Sales", address(f"guest{number}"))
    await play.given("Sales", "managed", "ann", "bob")
    play.say(
        "The team Sales also has 260 members by hand, so that its list takes several pages. Okta takes ann out of the group,",
        "and Cal.com answers the second page with an error:",
    )
    await play.okta.remove_members("Sales", addresses("ann"))
    path = f"/teams/{play.world.team_id('Sales')}/memberships"
    play.simulation.faults = [Fault(method="GET", path=path, skip=1, times=-1)]
    await play.calscim("plan")
    play.simulation.faults = [Fault(method="GET", path=path, skip=1, times=-1)]
    await play.sync()
    await play.calscim("status")
    await play.calscim("explain ann@acme.example Sales")
    play.say("It answers again:")
    play.simulation.faults = []
    await play.calscim("plan")
    await play.sync()
    await play.calscim("explain ann@acme.example Sales")
