"""Notifications: the conditions that operators learn of, the outbox, and the channels.

This package reads the tables of the other packages and never calls Cal.com. Each channel has its own task, so a channel
that fails or hangs delays no other one. Messages that a channel does not take stay in the outbox.
"""
