"""A reload applies every changed key, or names it as one that needs a restart."""

from dataclasses import fields, replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from calscim.admin.fingerprints import fingerprints, secrets_of
from calscim.app.reload import Certificate, carried_over, differences
from calscim.app.wiring import RunningOrganization
from calscim.calcom.metrics import Metrics as CallMetrics
from calscim.clock import SystemClock
from calscim.config import Console, Database, Notify, Organization, Reconcile, Scim, Settings
from calscim.errors import ConfigError
from calscim.planner.safeguards.limits import Guards, Limit
from calscim.reconciler.from_settings import rules
from calscim.reconciler.pass_slots import PassSlot, PassSlots
from calscim.reconciler.schedule import Timing
from calscim.reconciler.state.leases import Lease
from tests.scim.test_listening import certified

ACME = Organization(name="acme", organization_id=42, api_key="cal_one")
SETTINGS = Settings(
    Database(dsn="postgresql://one"),
    Scim(tls_certificate_file=Path("/one.pem"), tls_key_file=Path("/one.key")),
    organizations=(ACME,),
    console=Console(),
)
ANOTHER = object()  # differs from every value
RESTART = {
    *(f"database.{one.name}" for one in fields(Database)),
    *(f"console.{one.name}" for one in fields(Console)),
    "scim.listen",
    "scim.public_url",
    "scim.max_body_bytes",
    "scim.announce_cursors",
    "scim.requests_per_second",
    "scim.trusted_proxies",
    "ops.listen",
    "ops.keep_events",
    "journal.checkpoint_interval",
    "journal.checkpoint_file",
    "journal.checkpoint_url",
    "organization.acme.organization_id",
    "organization.acme.api_url",
}


def changed():
    """Yield the settings with each key changed, by key."""
    for section in fields(Settings):
        table = getattr(SETTINGS, section.name)
        if isinstance(table, tuple):
            continue
        for key in fields(table):
            other = replace(table, **{key.name: ANOTHER})
            yield f"{section.name}.{key.name}", replace(SETTINGS, **{section.name: other})
    for key in fields(Organization):
        if key.name != "name":
            other = replace(ACME, **{key.name: ANOTHER})
            yield f"organization.acme.{key.name}", replace(SETTINGS, organizations=(other,))


CHANGED = dict(changed())


@pytest.mark.parametrize("key", CHANGED)
def test_every_key_is_either_applied_or_needs_a_restart(key):
    read = CHANGED[key]

    after = carried_over(SETTINGS, read)

    applied, restart = differences(SETTINGS, after), differences(after, read)
    assert (applied, restart) == (([], [key]) if key in RESTART else ([key], []))


def test_a_console_that_is_added_needs_a_restart():
    read = replace(SETTINGS, console=None)

    assert differences(carried_over(SETTINGS, read), read) == ["console"]


def test_channels_of_notifications_need_a_restart():
    channel = Notify("pager", url="json://localhost")
    read = replace(
        SETTINGS, channels=(replace(channel, remind=None), Notify("mail", url="json://localhost"))
    )
    running = replace(SETTINGS, channels=(channel,))

    assert carried_over(running, read) == running
    assert differences(running, read) == ["notify.mail", "notify.pager.remind"]


def test_added_and_removed_organizations_need_a_restart():
    beta = Organization(name="beta", organization_id=43, api_key="x")
    read = replace(SETTINGS, organizations=(beta,))

    after = carried_over(SETTINGS, read)

    assert after.organizations == SETTINGS.organizations
    assert differences(after, read) == ["organization.acme", "organization.beta"]


@pytest.mark.parametrize("first", [True, False])
def test_a_change_between_http_and_https_needs_a_restart(first):
    plain = replace(
        SETTINGS, scim=replace(SETTINGS.scim, tls_certificate_file=None, tls_key_file=None)
    )
    running, read = (plain, SETTINGS) if first else (SETTINGS, plain)

    after = carried_over(running, read)

    assert after == running
    assert differences(after, read) == ["scim.tls_certificate_file", "scim.tls_key_file"]


def test_an_unusable_certificate_leaves_the_old_one_and_its_fingerprint(tmp_path):
    certificate, key = certified(tmp_path, "one")
    settings = Settings(
        Database(), Scim(tls_certificate_file=certificate, tls_key_file=key), organizations=(ACME,)
    )
    served = Certificate(settings.scim)
    before = served.secrets(settings)
    assert not served.renew(settings.scim)

    other, other_key = certified(tmp_path / "new", "two")
    certificate.write_bytes(other.read_bytes())
    with pytest.raises(ConfigError):
        served.renew(settings.scim)
    assert served.secrets(settings) == before != secrets_of(settings)

    key.write_bytes(other_key.read_bytes())
    assert served.renew(settings.scim)
    assert served.secrets(settings) == secrets_of(settings)


def test_a_fingerprint_depends_on_secret_salt_and_key_and_reveals_nothing():
    known = {"a": b"cal_secret", "b": b"cal_secret"}

    one, other = fingerprints(known, b"salt"), fingerprints(known, b"pepper")

    assert len({*one.values(), *other.values()}) == 4
    assert one == fingerprints(known, b"salt")
    assert one["a"] != fingerprints({"a": b"cal_secreu"}, b"salt")["a"]
    assert b"cal_secret".hex() not in "".join(one.values())


def test_new_settings_apply_to_the_current_and_the_next_reconciler():
    timing, clock = Timing(300, 0.2), SystemClock()
    running = RunningOrganization(
        None, SETTINGS, ACME, None, clock, timing, CallMetrics(CollectorRegistry())
    )
    lease, slot = Lease("acme", "me", 1), PassSlot(PassSlots(1, clock))
    reconciler = running.make_reconciler(lease, slot)
    acme = replace(
        ACME,
        api_key="cal_two",
        requests_per_minute=7,
        protected=frozenset({"ceo@acme.example"}),
        import_existing=False,
        notify_new_users=False,
        send_traceparent=True,
    )
    after = replace(
        SETTINGS,
        organizations=(acme,),
        guards=Guards(max_deprovisions=Limit(count=1)),
        reconcile=Reconcile(
            interval=1,
            debounce=2,
            request_timeout=3,
            drift_passes=4,
            stale_read_window=5,
            read_budget_share=0.6,
        ),
    )

    running.follow(after, acme)

    for one in (reconciler, running.make_reconciler(lease, slot)):
        assert one.rules == rules(after, acme)
        assert (one.import_existing, one.notify_new_users) == (False, False)
        assert (one.paced_reader.share, one.view.recent.seconds) == (0.6, 5)
        assert one.client.budget.limit == 7
        assert one.client._transport._headers["Authorization"] == "Bearer cal_two"
        assert one.client._transport._timeout.total == 3
        assert one.client._transport._send_traceparent
    assert (timing.interval, timing.debounce) == (1, 2)
