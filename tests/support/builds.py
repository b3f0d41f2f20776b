"""Sets up an organization on a build of the simulated Cal.com, and shows its members."""


async def on_sales(stage, build, *names):
    stage.world.build = build
    await stage.given("Sales", "managed", *names)


def members(stage):
    """Return the addresses of the organization's members, and whether each accepted the membership."""
    world = stage.world
    return {
        world.accounts[one.user_id].email: one.accepted
        for one in world.of_team(world.organization_id)
    }


async def waiting(stage):
    return {one.email: one.reason for one in (await stage.plan()).waiting}
