"""The incidents in which Okta or an operator asks for the removal of many people."""

from tests.faults.incidents.incident import Incident, address, addresses

EVERYONE = ("ann", "bob", "cem", "dan", "eve")
LIMIT = {'max_removals_per_team = "100%"': 'max_removals_per_team = "30%"'}


async def emptied_group(incident: Incident) -> None:
    """Okta empties a group

    A rule in Okta goes wrong and removes all members from a group. The limit for removals from a team holds the whole
    set; everyone stays on the team.
    """
    incident.configure(LIMIT)
    await incident.start(*EVERYONE)
    await incident.okta.push_now("Sales", [])

    await incident.message("hold.created")
    await incident.alerts("CalscimRemovalsHeld")
    await incident.status("held: ", "calscim approve")
    incident.say(
        "The rule in Okta was wrong. After it is mended, Okta pushes the members again, and nothing is left to do:"
    )
    await incident.okta.push_now("Sales", addresses(*EVERYONE))
    await incident.message("hold.resolved")
    await incident.alerts()
    assert set(addresses(*EVERYONE)) <= incident.site.teams()["Sales"]


async def wrong_mapping(incident: Incident) -> None:
    """An operator maps the wrong group

    An operator maps the group Sales to the team Board in the mode `exclusive`. Everyone on Board would leave it. The
    limit for removals without a push holds the whole set.
    """
    incident.configure(LIMIT)
    incident.world.add_team("Board")
    for name in EVERYONE:
        incident.world.add_person(address(name), name=name.capitalize())
        incident.world.put_on_team("Board", address(name))
    await incident.start("fay")
    await incident.calscim("mapping add --group Sales --team Board --mode exclusive")

    await incident.message("hold.created")
    await incident.alerts("CalscimRemovalsHeld", "CalscimDriftComesBack")
    await incident.status("held: ", "calscim approve")
    incident.say("The operator sees the mistake and removes the mapping:")
    await incident.calscim("mapping list")
    await incident.calscim("mapping remove 4")
    await incident.message("hold.resolved")
    await incident.alerts()
    assert set(addresses(*EVERYONE)) <= incident.site.teams()["Board"]
