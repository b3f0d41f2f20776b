"""The cases in which calscim holds changes or protects people."""

from tests.guide.play import Play, address, addresses, enumeration

FIVE = ("ann", "bob", "cem", "dan", "eve")


async def team_limit(play: Play) -> None:
    """Too many leave one team

    Okta empties the group Sales, perhaps by mistake. calscim takes no one off the team until an operator approves it.
    """
    await play.given("Sales", "managed", *FIVE)
    play.say("Okta pushes Sales without members:")
    await play.okta.push_now("Sales", [])
    await play.calscim("plan")
    await play.sync()
    await play.calscim("status")
    await play.calscim("explain ann@acme.example Sales")
    play.say("Either correct the group in Okta, or release exactly this set:")
    await play.calscim("plan")
    await play.calscim(f"approve {play.hash}")
    await play.sync()
    await play.calscim("plan")


async def one_by_one(play: Play) -> None:
    """Removals that come one by one

    Okta sends each removal in a request of its own. The limits count the removals of the last 24 hours together.
    """
    await play.given("Sales", "managed", "ann", "bob", "cem", "dan", "eve", "fay", "gus")
    for name in ("ann", "bob", "cem", "dan"):
        play.say(f"Okta removes {name} from the group:")
        await play.okta.remove_members("Sales", addresses(name))
        await play.sync()
    await play.calscim("plan")


async def stale_approval(play: Play) -> None:
    """An approval that comes too late

    The hash covers the held removals and what calscim observed of them. If something has changed since, `approve`
    releases nothing.
    """
    await play.given("Sales", "managed", *FIVE)
    await play.okta.push_now("Sales", [])
    await play.calscim("plan")
    play.say("Meanwhile, Okta adds ann to the group again:")
    await play.okta.push_now("Sales", addresses("ann"))
    await play.calscim(f"approve {play.hash}")
    await play.calscim("plan")


async def organization_limit(play: Play) -> None:
    """Too many leave many teams

    Each team is within its own limit. All teams together are over the limit of the organization.
    """
    teams = ("Sales", "Engineering", "Support", "Finance", "Legal")
    for name in teams[2:]:
        play.world.add_team(name)
    await play.assign(*FIVE[:4])
    for name in teams:
        await play.map(name, "managed")
        await play.okta.push_group(name, addresses(*FIVE[:4]))
    await play.stage.full()
    play.say(
        f"Each of the teams {enumeration(teams)} has four members, from a group of the same name."
    )
    play.say("Okta removes ann from every group:")
    for name in teams:
        await play.okta.remove_members(name, addresses("ann"))
    await play.calscim("plan")


async def deprovision_limit(play: Play) -> None:
    """Too many people leave the organization

    Okta deactivates three people at once, perhaps because an administrator unassigned the wrong group from the
    application.
    """
    await play.given("Sales", "managed", *FIVE)
    play.say("Okta deactivates ann, bob, and cem:")
    for name in FIVE[:3]:
        await play.okta.deactivate(address(name))
    await play.calscim("plan")


async def drift_limit(play: Play) -> None:
    """Too much drift

    Removals that no push asked for have their own, lower limit, `drift_removals`. Two strangers on an exclusive team are
    probably no accident.
    """
    play.configure('[guards]\nmax_removals_per_team = "80%"')
    for name in ("gus", "hal"):
        play.world.add_person(address(name), name=f"{name.capitalize()} Example")
    await play.given("Sales", "exclusive", "ann", "bob")
    play.say("An administrator puts gus and hal on Sales in Cal.com:")
    for name in ("gus", "hal"):
        play.world.put_on_team("Sales", address(name))
    await play.calscim("plan")


async def protected_people(play: Play) -> None:
    """People who are never removed

    Owners of the organization, the API key's own user, the last administrator, and the addresses in `protected` stay in the
    organization, whatever the directory says.
    """
    play.configure("", organization='protected = ["ceo@acme.example"]')
    await play.assign("owner", "ceo", "ann")
    await play.sync()
    play.say("Okta deactivates the owner, the CEO, and ann:")
    for name in ("owner", "ceo", "ann"):
        await play.okta.deactivate(address(name))
    await play.calscim("plan")
    await play.sync()
    await play.calscim("explain ceo@acme.example")
