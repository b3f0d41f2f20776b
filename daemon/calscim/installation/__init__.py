"""Installs calscim as a systemd service: units, user, folders, configuration. It refuses to touch a database.

A plan is computed first, as a list of steps, and then either printed or applied.
"""
