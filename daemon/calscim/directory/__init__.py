"""Users and groups of directories in Postgres: look-ups, pages, and changes that share a transaction."""
