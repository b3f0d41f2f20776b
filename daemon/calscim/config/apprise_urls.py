"""Apprise without a home directory and without log lines: its persistent files and its messages may show secrets."""

import logging

import apprise


def sender_of(url: str) -> apprise.Apprise | None:
    """Return what sends to the URL; None if Apprise does not know such a URL. Nothing is sent."""
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    asset = apprise.AppriseAsset(
        app_id="calscim", app_desc="calscim", storage_mode=apprise.PersistentStoreMode.MEMORY
    )
    sender = apprise.Apprise(asset=asset)
    return sender if sender.add(url) else None


def is_supported(url: str) -> bool:
    """Return True if Apprise knows how to reach the URL."""
    return sender_of(url) is not None
