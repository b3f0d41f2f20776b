"""Explain why a person is or is not on a team."""
