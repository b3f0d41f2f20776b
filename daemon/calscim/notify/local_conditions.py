"""Conditions that only the daemon itself sees: its certificate, its checkpoints and its calls."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from calscim.journal.chain import Broken
from calscim.journal.checkpoint_publisher import Refusals
from calscim.notify.events import Condition, Event

CERTIFICATE_LEAD = timedelta(days=14)  # ACME clients renew 30 days before the end
REFUSALS = 3  # checkpoints in a row that a sink did not take


def certificate_end(pem: bytes) -> datetime | None:
    """Return when the first certificate of a PEM file ends, or None if the file has none."""
    from cryptography import x509  # noqa: PLC0415 - 30 ms that only a daemon with a certificate pays

    try:
        return x509.load_pem_x509_certificate(pem).not_valid_after_utc
    except ValueError:
        return None


def certificate_condition(path: Path, now: datetime) -> Condition | None:
    """Return a condition if the first certificate of the PEM file ends within 14 days or has ended.

    A file that cannot be read or parsed is no condition here: the daemon refuses it when it loads it.
    """
    try:
        end = certificate_end(path.read_bytes())
    except OSError:
        return None
    if end is None or end - now > CERTIFICATE_LEAD:
        return None
    state = "has expired" if end <= now else "expires"
    return Condition(
        Event.CERTIFICATE_EXPIRING,
        str(path),
        min(now, end),
        f"The certificate {path} {state} at {end:%Y-%m-%d %H:%M} UTC. Okta refuses an expired certificate.",
        ("renew the file, then: systemctl reload calscim",),
        data={"path": str(path), "expires_at": end.isoformat()},
    )


def checkpoint_conditions(refusals: Mapping[str, Refusals]) -> list[Condition]:
    """Return a condition for each checkpoint sink that refused at least three times in a row."""
    return [
        Condition(
            Event.CHECKPOINT_REFUSED,
            sink,
            one.since,
            f"The checkpoint sink {sink} refused {one.count} times in a row: {one.reason}.",
            ("calscim status",),
            data={"sink": sink, "refusals": one.count},
        )
        for sink, one in sorted(refusals.items())
        if one.count >= REFUSALS
    ]


def rate_limit_condition(organization: str, seconds: float, now: datetime) -> Condition:
    """Return the condition that other programs have left too few calls for so many seconds."""
    return Condition(
        Event.RATE_LIMIT_USED_UP,
        organization,
        now - timedelta(seconds=seconds),
        "Another program uses up the rate limit of the API key: it leaves calscim less than half of the calls, and "
        "calscim waits for the next minute again and again. Pushes are journaled and follow later.",
        ("calscim status",),
        organization=organization,
    )


def broken_journal(altered: Broken, now: datetime) -> Condition:
    """Return the event that a row of a journal, which this daemon had seen, is gone or different."""
    return Condition(
        Event.JOURNAL_BROKEN,
        f"{altered.stream}:{altered.seq}",
        now,
        f"Row {altered.seq} of the journal {altered.stream} has changed: {altered.why}. Another program wrote to the "
        "database, or a fail-over or a restore lost rows.",
        ("calscim journal verify",),
        data={"stream": altered.stream, "seq": altered.seq},
    )
