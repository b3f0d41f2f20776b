"""Erases a person's data from the journal and the tables. The chain can still be verified."""
