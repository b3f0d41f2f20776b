"""Conditions that only one daemon sees: its certificate, its checkpoints, its database."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from calscim.journal.checkpoint_publisher import Refusals
from calscim.notify.database_outage import DatabaseOutage
from calscim.notify.events import Event
from calscim.notify.local_conditions import (
    certificate_condition,
    checkpoint_conditions,
    rate_limit_condition,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def certificate(tmp_path):
    def make(end: datetime):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "calscim.acme.example")])
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(NOW - timedelta(days=90))
            .not_valid_after(end)
            .sign(key, hashes.SHA256())
        )
        path = tmp_path / "tls.crt"
        path.write_bytes(made.public_bytes(Encoding.PEM))
        return path

    return make


@pytest.mark.parametrize(
    ("days", "says"), [(15, None), (14, "expires at"), (0, "has expired"), (-1, "has expired")]
)
def test_a_certificate_is_a_condition_two_weeks_before_its_end(certificate, days, says):
    found = certificate_condition(certificate(NOW + timedelta(days=days)), NOW)

    assert (found is None) == (says is None)
    assert says is None or says in found.summary


def test_a_file_that_is_no_certificate_is_no_condition(tmp_path):
    (tmp_path / "tls.crt").write_text("not a certificate")

    assert certificate_condition(tmp_path / "tls.crt", NOW) is None
    assert certificate_condition(tmp_path / "missing", NOW) is None


def test_a_sink_that_refused_three_checkpoints_in_a_row_is_a_condition():
    refusals = {"url": Refusals(3, NOW, "it answered 500"), "file": Refusals(2, NOW, "no space")}

    (found,) = checkpoint_conditions(refusals)

    assert (found.key, found.since) == ("url", NOW)
    assert "it answered 500" in found.summary


def test_a_channel_is_told_once_that_the_database_is_away_and_once_that_it_is_back():
    outage = DatabaseOutage("host")
    assert outage.due("pager", 120, NOW) is None
    outage.failed(NOW, "connection refused")

    assert outage.due("pager", 120, NOW + timedelta(seconds=119)) is None
    first = outage.due("pager", 120, NOW + timedelta(seconds=120))
    assert first.type == "database.unreachable"
    assert "connection refused" in first.summary
    assert outage.due("pager", 120, NOW + timedelta(seconds=125)).id == first.id  # not taken yet
    outage.delivered("pager", first)
    assert outage.due("pager", 120, NOW + timedelta(seconds=130)) is None

    outage.answered()
    last = outage.due("pager", 120, NOW + timedelta(seconds=200))
    assert last.type == Event.DATABASE_UNREACHABLE.resolved
    outage.delivered("pager", last)
    assert outage.due("pager", 120, NOW + timedelta(seconds=205)) is None


def test_a_channel_that_was_not_told_of_the_outage_is_not_told_of_its_end():
    outage = DatabaseOutage("host")
    outage.failed(NOW, "connection refused")
    outage.answered()

    assert outage.due("pager", 0, NOW) is None


def test_too_few_calls_left_by_others_are_a_condition_of_the_organization():
    found = rate_limit_condition("acme", 90.0, NOW)

    assert (found.event, found.key, found.organization) == (
        Event.RATE_LIMIT_USED_UP,
        "acme",
        "acme",
    )
    assert found.since == NOW - timedelta(seconds=90)
