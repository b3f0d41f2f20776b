"""Decide which actions are held, deferred, or skipped."""
