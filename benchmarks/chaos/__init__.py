"""Inject many failures in a few minutes, then count lost and duplicated changes (``make chaos``)."""
