"""Notifications: which conditions an operator is told about, the outbox, and the channels.

The room reads what the other rooms keep in Postgres and never calls Cal.com. A channel that fails or hangs delays
nothing but itself: each has its own task, and what it could not deliver stays in the outbox.
"""
