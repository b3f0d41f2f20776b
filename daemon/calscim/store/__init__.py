"""Postgres: the pool, the named queries, the journal and every table. Never talks to Cal.com."""
