"""``make chaos``: days of bad luck in minutes, and then a count of what was lost."""
