"""The incidents in which Cal.com refuses calls or does not answer."""

from calscim.clock import SystemClock
from calscim.testing.calcom.calcom import Fault
from calscim.testing.calcom.throttle import Limit, Throttle
from tests.faults.incidents.incident import HOUR, PATIENCE, Incident, address
from tests.support.deployment import KEY
from tests.support.waiting import until

NEW_KEY = "cal_new"
NOTHING_LEFT = Limit("Default", calls=0, window=1, block=1)


async def revoked_key(incident: Incident) -> None:
    """The API key is revoked on Friday night

    An admin of Cal.com revokes the API key. Okta's pushes are still accepted and journaled.
    """
    await incident.start("ann", "bob")
    incident.world.api_key = NEW_KEY
    await incident.okta.assign(address("cem"), "Cem", "Example")

    await incident.message("key.refused")
    await incident.alerts("CalscimKeyRefused", "CalscimNoCompletePass", lasting=HOUR)
    await incident.status("unreachable since")
    await incident.calscim("check", only="organization acme")
    incident.say(
        "On Monday an operator puts a new key into the configuration, and types `systemctl reload calscim`. Then cem",
        "follows:",
    )
    incident.configure({f'api_key = "{KEY}"': f'api_key = "{NEW_KEY}"'})
    incident.reload()
    await until(lambda: address("cem") in incident.world.snapshot()["people"], PATIENCE)
    await incident.message("key.accepted")
    await incident.alerts()


async def calcom_down(incident: Incident) -> None:
    """Cal.com is down for an hour

    Cal.com answers every call with 503. calscim removes no member and loses no push.
    """
    await incident.start("ann", "bob")
    incident.fail(Fault(status=503, times=-1))
    await incident.okta.assign(address("cem"), "Cem", "Example")

    await incident.message("calcom.unreachable")
    await incident.alerts("CalscimCalcomUnreachable", "CalscimNoCompletePass", lasting=HOUR)
    await incident.status("unreachable since")
    incident.say("The operator has nothing to do. Cal.com answers again, and cem follows:")
    incident.fail()
    await until(lambda: address("cem") in incident.world.snapshot()["people"], PATIENCE)
    await incident.message("calcom.recovered")
    await incident.alerts()


async def shared_rate_limit(incident: Incident) -> None:
    """Another program uses up the rate limit

    A report that uses the same API key makes so many calls that Cal.com answers calscim with 429.
    """
    await incident.start("ann", "bob")
    incident.simulation.throttle = Throttle([NOTHING_LEFT], SystemClock().monotonic)
    await incident.okta.assign(address("cem"), "Cem", "Example")

    await incident.message("ratelimit.used_up")
    await incident.alerts("CalscimRateLimitUsedUp", "CalscimNoCompletePass", lasting=HOUR)
    await incident.status("unreachable since")
    incident.say("The report has ended, and cem follows:")
    incident.simulation.throttle = Throttle(100_000, SystemClock().monotonic)
    await until(lambda: address("cem") in incident.world.snapshot()["people"], PATIENCE)
    await incident.message("ratelimit.recovered")
    await incident.alerts()
